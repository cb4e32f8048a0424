// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
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

      The command runs a tool in the checkout that it was built from. The exit status is 1 if the image cannot be read or \
      does not have the first program, and if the kernel panics.
      """)

  enum CPU: String, CaseIterable, ExpressibleByArgument {
    case rv64, rv32
    case cortexM3 = "cortex-m3"
    case m68k
  }

  enum KernelDecoder: String, CaseIterable, ExpressibleByArgument {
    case pages, vmap, stock
    case vmapCopyBack = "vmap-copyback"
  }

  @Option(help: "Processor.")
  var cpu = CPU.rv64

  @Option(
    help: ArgumentHelp(
      "Memory of the machine, at least 2M. (default: 3584K, the least that is tested; 8M on m68k)", valueName: "bytes"))
  var ram: ByteCount?

  @Option(help: ArgumentHelp("Number of processors, 1 to 4; more than 1 only on rv64.", valueName: "number"))
  var smp = 1

  @Option(help: "Which decoder the kernel uses.")
  var decoder = KernelDecoder.pages

  @Option(
    name: .customLong("init"),
    help: ArgumentHelp("The first program, with its arguments.", valueName: "command"))
  var initialProgram = "/init"

  @Argument(help: "Image with the root file system.", completion: .file())
  var image: RawArgument?

  /// What runs the tools of the checkout that this file is in: it is in Sources/Host/EROFSCommand/Commands there.
  static var tool: FilePath {
    var checkout = FilePath(#filePath)
    for _ in 0..<5 { checkout.removeLastComponent() }
    return checkout.appending("Tools/run")
  }

  private var memory: UInt64 { ram?.bytes ?? (cpu == .m68k ? 8 << 20 : 3584 << 10) }

  func validate() throws {
    guard (1...4).contains(smp) else { throw ValidationError("--smp must be 1 to 4") }
    guard smp == 1 || cpu == .rv64 else { throw ValidationError("--smp needs --cpu rv64") }
    // With less the kernel itself does not fit; QEMU takes 0 for its default, which is much more.
    guard ((2 << 20)...(2 << 30)).contains(memory) else {
      throw ValidationError("--ram must be 2M to 2G: the kernel needs 2M, and the smallest tested machine has 3584K")
    }
  }

  func run() throws {
    let script = Self.tool.string
    guard access(script, X_OK) == 0 else {
      throw CommandError("the checkout that this command was built from does not exist any more: no \(script)")
    }
    if let image { try checkImage(image) }
    var words = [script, "boot", "--cpu", cpu.rawValue, "--ram", "\(memory >> 10)K", "--smp", String(smp)]
    words += ["--decoder", decoder.rawValue, "--init", initialProgram]
    if let image { words += ["--", image.filePath.string] }
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    // From here on the script owns the terminal, signals and the exit status.
    execv(script, arguments)
    throw CommandError("cannot run \(script): \(String(cString: strerror(errno)))")
  }

  /// Fails if the image is none, or does not have the first program: the kernel would only panic.
  private func checkImage(_ image: RawArgument) throws {
    let file = try ImageFile(image.filePath)
    do {
      let reader = try ImageReader(file, limit: WorkLimit(for: file))
      guard let program = initialProgram.split(separator: " ").first, !program.hasPrefix("\"") else { return }
      do throws(EROFSError) {
        let inode = try reader.inode(following: program.utf8, followsLast: true)
        guard inode.kind == .regular else { throw .notAFile }
      } catch { throw CommandError("\(image): \(program), the first program: \(advised(error)); --init names another") }
    } catch EROFSError.corrupt(let defect, let position) where defect == .magic || file.isTooShort {
      throw CommandError("\(image): \(ImageOptions.refusal(of: file, position))")
    } catch let error as EROFSError { throw CommandError("\(image): \(advised(error))") }
  }
}
