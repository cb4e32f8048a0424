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

struct Boot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Boots Linux without an MMU from an image, under QEMU.",
    discussion: """
      The console is this terminal; press Ctrl-A X to stop the machine. The first use builds a kernel, which takes \
      several minutes; later uses take it from the cache. The kernel is built from Debian's package linux-source, so \
      this command needs Debian, network access and the packages that Tools/install/packages.txt lists for "linux". It \
      installs missing packages.

      Without an image it boots this project's own userspace.

      Decoders: "pages" decodes from pages to pages. "vmap" is the kernel's own code over a vmap without an MMU that \
      copies back only the bytes that a mapping changed. "vmap-copyback" copies whole pages back, which corrupts data \
      when two processes read at the same time. "stock" is the unchanged kernel, which stops at a BUG for an LZ4 image.

      The command runs a tool in the checkout that it was built from.
      """)

  enum CPU: String, CaseIterable, ExpressibleByArgument {
    case rv64, rv32
    case cortexM3 = "cortex-m3"
  }

  enum KernelDecoder: String, CaseIterable, ExpressibleByArgument {
    case pages, vmap, stock
    case vmapCopyBack = "vmap-copyback"
  }

  @Option(help: "Processor.")
  var cpu = CPU.rv64

  @Option(help: ArgumentHelp("Memory of the machine in bytes, or with suffix K, M or G.", valueName: "size"))
  var ram = "3584K"

  @Option(help: ArgumentHelp("Number of processors, 1 to 4; more than 1 only on rv64.", valueName: "number"))
  var smp = 1

  @Option(help: "Which decoder the kernel uses.")
  var decoder = KernelDecoder.pages

  @Option(
    name: .customLong("init"),
    help: ArgumentHelp("The first program, with its arguments.", valueName: "command"))
  var initialProgram = "/init"

  @Argument(help: "Image with the root file system.", completion: .file())
  var image: String?

  /// What runs the tools of the checkout that this file is in: it is in Sources/Host/EROFSCommand/Commands there.
  static var tool: FilePath {
    var checkout = FilePath(#filePath)
    for _ in 0..<5 { checkout.removeLastComponent() }
    return checkout.appending("Tools/run")
  }

  func validate() throws {
    guard (1...4).contains(smp) else { throw ValidationError("--smp must be 1 to 4") }
    guard smp == 1 || cpu == .rv64 else { throw ValidationError("--smp needs --cpu rv64") }
    guard ram.wholeMatch(of: /[0-9]+[KMGkmg]?/) != nil else {
      throw ValidationError("--ram must be a number, optionally followed by K, M or G")
    }
  }

  func run() throws {
    let script = Self.tool.string
    guard access(script, X_OK) == 0 else {
      throw CommandError("the checkout that this command was built from does not exist any more: no \(script)")
    }
    var words = [script, "boot", "--cpu", cpu.rawValue, "--ram", ram, "--smp", String(smp)]
    words += ["--decoder", decoder.rawValue, "--init", initialProgram]
    if let image { words += ["--", image] }
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    // From here on the script owns the terminal, signals and the exit status.
    execv(script, arguments)
    throw CommandError("cannot run \(script): \(String(cString: strerror(errno)))")
  }
}
