// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSMount
import EROFSTools
import SystemPackage

struct Mount: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mount", abstract: "Mounts an image on a directory, by FUSE or by the kernel.",
    discussion: """
      The command returns as soon as the mount is ready, and a process in the background serves it until it is unmounted \
      or receives SIGTERM. A file that cannot be read gives an error, and a line in the system's log (with --foreground, \
      on standard error). The image may be changed or removed only after it has been unmounted.

      The mount belongs to the user who made it; with -o allow_other, others can use it too. Permissions are those of the \
      image.
      """)

  enum Kernel: String, ExpressibleByArgument, CaseIterable { case never, auto, always }

  @OptionGroup var location: ImageLocation

  @Option(help: ArgumentHelp("Memory for decoded data, at most. (default: 128M)", valueName: "size"))
  var cache: ByteCount?

  @Option(help: ArgumentHelp("Threads that serve requests. (default: two more than processors)", valueName: "count"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Threads that decode ahead of sequential readers; 0: none. (default: one per processor, at most 8)",
      valueName: "count"))
  var prefetch: Int?

  @Option(
    help: ArgumentHelp("Write the paths of files to this file, in the order of their first reads.", valueName: "file"))
  var trace: RawArgument?

  @Option(help: ArgumentHelp("Unmount after this time without a request; 0: never.", valueName: "seconds"))
  var idle: Int = 0

  @Option(
    help: """
      Whether the kernel's own EROFS mounts the image, which needs root: never, always, or if it can (auto).
      """)
  var kernel = Kernel.never

  @Option(
    name: .customShort("o"),
    help: ArgumentHelp("Options of FUSE or of the kernel's EROFS, separated by commas.", valueName: "options"))
  var mountOptions: [String] = []

  @Flag(name: [.customShort("f"), .long], help: "Stay in the foreground.")
  var foreground = false

  @Flag(name: .long, help: "Print what the mount at a directory, the only argument, has done so far.")
  var stats = false

  @OptionGroup var json: JSONOption

  @Argument(
    help: ArgumentHelp("The image, a file or a block device; then the directory.", valueName: "image directory"))
  var operands: [RawArgument]

  func validate() throws {
    if stats {
      guard operands.count == 1 else {
        throw ValidationError("--stats takes the directory of a mount, and no other argument.")
      }
      return
    }
    guard operands.count == 2 else { throw ValidationError("Two arguments are required: the image and a directory.") }
    guard (1...1024).contains(threads ?? 1) else { throw ValidationError("--threads must be 1 to 1024.") }
    guard (0...64).contains(prefetch ?? 0) else { throw ValidationError("--prefetch must be 0 to 64.") }
    guard idle >= 0 else { throw ValidationError("--idle must not be negative.") }
    guard cache?.bytes ?? 0 <= UInt64(Int.max) else {
      throw ValidationError("--cache is larger than any memory of this machine.")
    }
    if kernel == .always, trace != nil { throw ValidationError("--trace needs FUSE; the kernel writes no trace.") }
  }

  func run() throws {
    if stats { return try printFigures(operands[0].filePath) }
    let (image, directory) = (operands[0].filePath, operands[1].filePath)
    let offset = try location.offset(in: image)
    let options = mountOptions.flatMap { $0.split(separator: ",").map(String.init) }
    #if os(Linux)
      if kernel == .always || (kernel == .auto && trace == nil) {
        do {
          let way = try KernelMount.mount(
            image, devices: location.devices, offset: offset, options: options, on: directory)
          printError("mounted by the kernel, from \(way.rawValue)")
          return
        } catch {
          if kernel == .always { throw CommandError("\(error)") }
          printError("the kernel does not mount it (\(error)); mounting by FUSE")
        }
      }
    #else
      if kernel == .always { throw CommandError("the kernel of this system has no EROFS") }
    #endif
    var mounting = Mounting(image)
    mounting.devices = location.devices
    mounting.offset = offset
    if let cache { mounting.cacheBytes = Int(cache.bytes) }
    if let prefetch { mounting.prefetchers = prefetch }
    mounting.trace = trace?.filePath
    mounting.session.mountOptions = options
    if let threads { mounting.session.threads = threads }
    mounting.foreground = foreground
    mounting.idleSeconds = idle
    let log = foreground ? { @Sendable in printError($0) } : SystemLog.write
    do {
      try mounting.checkDevices()
      _ = try mounting.run(on: directory, log: log)
    } catch { throw CommandError(advised(error)) }
  }

  private func printFigures(_ directory: FilePath) throws {
    guard let text = MountFigures.json(at: directory), let lines = MountFigures.lines(ofJSON: text) else {
      throw CommandError("\(directory): no image is mounted there by this command")
    }
    for line in json.isOn ? [text] : lines { StandardOutput.shared.write(text: line + "\n") }
  }
}

struct Umount: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "umount", abstract: "Unmounts images.",
    discussion: "A mount that is in use stays, and the exit status is 1.")

  @Argument(help: "The directories on which images are mounted.")
  var directories: [RawArgument]

  func run() throws {
    var failed = false
    for directory in directories {
      if let problem = UnmountTool.unmount(directory.filePath) {
        printError(problem)
        failed = true
      }
    }
    if failed { throw ExitCode(ExitStatus.failed) }
  }
}
