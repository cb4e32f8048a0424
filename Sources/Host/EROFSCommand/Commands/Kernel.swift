// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Kernel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernel", abstract: "Brings compressed EROFS into the source of a Linux kernel without an MMU.",
    discussion: """
      install TREE changes the source of Linux 6.1 to 7.2 in the folder TREE, by what stands there: where an edit does not \
      fit, nothing is changed, and it says which. With --check it only says what it would do. uninstall TREE leaves the \
      tree as it was. patches TREE FOLDER writes the same changes as patches that git am takes, with a cover letter. \
      --without CHANGE leaves one out; --author 'NAME <ADDRESS>' says who sends the patches.

      Then make menuconfig has EROFS_FS_ZIP_PAGES and NOMMU_VMAP for each processor without an MMU, and the kernel's own \
      compiler builds it.

      The command runs a program in the checkout that it was built from, erofs-kernel, which needs Python 3.8. A release \
      folder (./release) has the same program, with the decoders as C beside it; it needs no Swift. The exit status is 1 \
      if the tree is refused.
      """)

  @Argument(
    parsing: .allUnrecognized,
    help: ArgumentHelp(
      "install, uninstall or patches, with its options and folders.", valueName: "command"))
  var words: [String] = []

  func run() throws {
    let script = Boot.tool.string
    guard access(script, X_OK) == 0 else {
      throw CommandError("the checkout that this command was built from does not exist any more: no \(script)")
    }
    var arguments: [UnsafeMutablePointer<CChar>?] = ([script, "kernel-install"] + words).map { strdup($0) }
    arguments.append(nil)
    // From here on the program owns the output and the exit status.
    execv(script, arguments)
    throw CommandError("cannot run \(script): \(String(cString: strerror(errno)))")
  }
}
