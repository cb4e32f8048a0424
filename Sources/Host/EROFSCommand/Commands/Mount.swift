// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSMount
import EROFSTools
import SystemPackage

struct Mount: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mount", abstract: "Mounts an image on a directory, by FUSE or by the kernel.",
    discussion: """
      The command goes to the background as soon as the mount is there; its status is 0 then. Files that cannot be read
      give errors, and a line each in the system's log (on standard error with --foreground).
      """)

  enum Kernel: String, ExpressibleByArgument, CaseIterable { case never, auto, always }

  @Option(help: ArgumentHelp("Where the image starts in its file.", valueName: "bytes"))
  var offset = ByteCount(0)

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp("An extra device of the image; repeated, in the order of its device table.", valueName: "file"))
  var devices: [RawArgument] = []

  @Option(help: ArgumentHelp("The most memory for decoded data.", valueName: "size"))
  var cache = ByteCount(128 << 20)

  @Option(help: ArgumentHelp("Threads that serve requests.", valueName: "count"))
  var threads: Int = Threads.available + 2

  @Option(help: ArgumentHelp("Threads that decode ahead of sequential readers.", valueName: "count"))
  var prefetch: Int = 1

  @Option(
    help: ArgumentHelp("Write the paths of the files that are read, in the order of their first reads.", valueName: "file"))
  var trace: RawArgument?

  @Option(help: ArgumentHelp("End the mount when it was not used for so long; 0: never.", valueName: "seconds"))
  var idle: Int = 0

  @Option(
    help: """
      Whether the kernel's own EROFS does it: never, always, or when it can (auto). It needs root.
      """)
  var kernel = Kernel.never

  @Option(
    name: .customShort("o"),
    help: ArgumentHelp("Options of FUSE or of the kernel's EROFS, with commas between them.", valueName: "options"))
  var mountOptions: [String] = []

  @Flag(name: [.customShort("f"), .long], help: "Stay in the foreground.")
  var foreground = false

  @Flag(name: .long, help: "Print the figures of the mount at DIRECTORY, the only argument then.")
  var stats = false

  @OptionGroup var json: JSONOption

  @Argument(help: ArgumentHelp("The image: a file or a block device. Then the directory.", valueName: "image directory"))
  var operands: [RawArgument]

  func validate() throws {
    if stats {
      guard operands.count == 1 else { throw ValidationError("--stats needs the directory of a mount, and nothing else.") }
      return
    }
    guard operands.count == 2 else { throw ValidationError("Two arguments are needed: the image and a directory.") }
    guard threads >= 1, threads <= 1024 else { throw ValidationError("--threads must be 1 to 1024.") }
    guard (0...64).contains(prefetch) else { throw ValidationError("--prefetch must be 0 to 64.") }
    guard idle >= 0 else { throw ValidationError("--idle must not be negative.") }
    guard cache.bytes <= UInt64(Int.max) else { throw ValidationError("--cache is more than this machine can have.") }
    if kernel == .always, trace != nil { throw ValidationError("--trace and --kernel always: the kernel writes no trace.") }
  }

  func run() throws {
    if stats { return try printFigures(operands[0].filePath) }
    let (image, directory) = (operands[0].filePath, operands[1].filePath)
    let options = mountOptions.flatMap { $0.split(separator: ",").map(String.init) }
    #if os(Linux)
      if kernel == .always || (kernel == .auto && trace == nil) {
        do {
          let way = try KernelMount.mount(
            image, devices: devices.map(\.filePath), offset: offset.bytes, options: options, on: directory)
          complain("mounted by the kernel, from \(way.rawValue)")
          return
        } catch {
          if kernel == .always { throw Failure("\(error)") }
          complain("the kernel does not mount it (\(error)); mounting by FUSE")
        }
      }
    #else
      if kernel == .always { throw Failure("this system's kernel has no EROFS") }
    #endif
    var mounting = Mounting(image)
    mounting.devices = devices.map(\.filePath)
    mounting.offset = offset.bytes
    mounting.cacheBytes = Int(cache.bytes)
    mounting.prefetchers = prefetch
    mounting.trace = trace?.filePath
    mounting.session.mountOptions = options
    mounting.session.threads = threads
    mounting.foreground = foreground
    mounting.idleSeconds = idle
    let log = foreground ? { @Sendable in complain($0) } : SystemLog.write
    do { _ = try mounting.run(on: directory, log: log) } catch { throw Failure("\(error)") }
  }

  private func printFigures(_ directory: FilePath) throws {
    guard let text = MountFigures.json(at: directory) else {
      throw Failure("\(directory): no image is mounted there by this command")
    }
    if json.isOn { return StandardOutput.shared.write(text: text + "\n") }
    for line in MountFigures.lines(ofJSON: text) { StandardOutput.shared.write(text: line + "\n") }
  }
}

struct Umount: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "umount", abstract: "Ends mounts. What is in use stays mounted, and the status is 1.")

  @Argument(help: "Directories on which images are mounted.")
  var directories: [RawArgument]

  func run() throws {
    var failed = false
    for directory in directories {
      if let problem = UnmountTool.unmount(directory.filePath) {
        complain(problem)
        failed = true
      }
    }
    if failed { throw ExitCode(ExitStatus.failed) }
  }
}
