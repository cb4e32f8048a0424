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
      The console is this terminal; Ctrl-A X ends the machine. The kernel is built on first use, which takes some \
      minutes, and kept in the cache. Debian's package linux-source is what it is made of, so this needs Debian, the \
      network, and the packages that Tools/install/packages.txt lists for "linux"; missing ones are installed.

      Without an image it boots this project's own userspace.

      Decoders: "pages" decodes from pages to pages; "vmap" is the kernel's own code on a vmap that brings back what a \
      mapping changed; "vmap-copyback" brings whole pages back, which corrupts data where several processors read; \
      "stock" is the kernel as it is, which stops at a BUG for an LZ4 image.

      The command runs a tool of the checkout that it was built from.
      """)

  enum CPU: String, CaseIterable, ExpressibleByArgument {
    case rv64, rv32
    case cortexM3 = "cortex-m3"
  }

  enum KernelDecoder: String, CaseIterable, ExpressibleByArgument {
    case pages, vmap, stock
    case vmapCopyBack = "vmap-copyback"
  }

  @Option(help: "The processor.")
  var cpu = CPU.rv64

  @Option(help: ArgumentHelp("Memory of the machine, in bytes, K or M.", valueName: "size"))
  var ram = "3584K"

  @Option(help: ArgumentHelp("Processors, 1 to 4; several on rv64 only.", valueName: "number"))
  var smp = 1

  @Option(help: "What decompresses.")
  var decoder = KernelDecoder.pages

  @Option(
    name: .customLong("init"),
    help: ArgumentHelp("What the kernel starts, with its arguments.", valueName: "command"))
  var initialProgram = "/init"

  @Argument(help: "An image with the root file system.", completion: .file())
  var image: String?

  /// What runs the tools of the checkout that this file is in: it is in Sources/Host/EROFSCommand/Commands there.
  static var tool: FilePath {
    var checkout = FilePath(#filePath)
    for _ in 0..<5 { checkout.removeLastComponent() }
    return checkout.appending("Tools/run")
  }

  func validate() throws {
    guard (1...4).contains(smp) else { throw ValidationError("--smp has to be 1 to 4") }
    guard smp == 1 || cpu == .rv64 else { throw ValidationError("--smp is for rv64") }
    guard ram.wholeMatch(of: /[0-9]+[KMGkmg]?/) != nil else {
      throw ValidationError("--ram has to be a number with K, M or nothing behind it")
    }
  }

  func run() throws {
    let script = Self.tool.string
    guard access(script, X_OK) == 0 else {
      throw Failure("the checkout that this command was built from is gone: there is no \(script)")
    }
    var words = [script, "boot", "--cpu", cpu.rawValue, "--ram", ram, "--smp", String(smp)]
    words += ["--decoder", decoder.rawValue, "--init", initialProgram]
    if let image { words += ["--", image] }
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    // The terminal, signals and the exit status are the machine's from here on.
    execv(script, arguments)
    throw Failure("cannot run \(script): \(String(cString: strerror(errno)))")
  }
}
