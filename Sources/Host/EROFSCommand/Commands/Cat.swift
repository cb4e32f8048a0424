// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Cat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cat", abstract: "Writes the content of files to standard output.")

  @OptionGroup var options: ImageOptions

  @Argument(help: "Paths in the image; symbolic links are followed inside it.")
  var paths: [RawArgument]

  func run() throws {
    let reader = try options.reader()
    var failed = false
    for path in paths {
      do throws(EROFSError) {
        let inode = try reader.inode(following: path.bytes, followsLast: true)
        guard inode.kind == .regular else { throw .notAFile }
        try reader.writeContent(of: inode)
      } catch {
        printError("\(path): \(advised(error))")
        failed = true
      }
    }
    if failed { throw ExitCode(ExitStatus.failed) }
  }
}
