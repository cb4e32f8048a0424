// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSMount
import EROFSTools
import SystemPackage

/// `mount.erofs`: what mount(8) calls, with the options of the program of that name in erofs-utils 1.9.
///
/// The ways `fuse` and `local` are there; those that read an image over a network or by NBD are refused by name.
struct MountStandIn {
  private static let options = LongOptions(
    long: ["help": .none, "version": .none, "reattach": .none, "disconnect": .none],
    short: [
      "h": .none, "V": .none, "f": .none, "n": .none, "s": .none, "v": .none, "u": .none, "N": .required,
      "t": .required,
      "o": .required, "d": .required,
    ])

  private static let help = """
    Usage: mount.erofs [OPTIONS] SOURCE [MOUNTPOINT]
    Manage EROFS filesystem.

    General options:
     -V, --version          print the version and exit
     -h, --help             display this help and exit
     -o options             comma-separated list of mount options
     -t type[.subtype]      erofs, erofs.local (the kernel's EROFS) or erofs.fuse
     -u                     unmount SOURCE, a directory
     -d #, -f, -n, -N #, -s, -v
                            accepted; -f does everything but the mount

    """

  static func run(_ arguments: [String]) -> Int32 {
    do throws(LongOptions.UsageError) {
      return try serve(try options.parse(arguments))
    } catch {
      writeToStandardError("mount.erofs: \(error)\nTry 'mount.erofs --help' for more information.\n")
      return ExitStatus.failed
    }
  }

  private static func serve(_ parsed: LongOptions.Parsed) throws(LongOptions.UsageError) -> Int32 {
    var isFake = false
    var unmounts = false
    var type = "erofs"
    var words: [String] = []
    for (name, value) in parsed.options {
      switch (name, value ?? "") {
      case ("help", _), ("-h", _):
        StandardOutput.shared.write(text: help)
        return ExitStatus.good
      case ("version", _), ("-V", _):
        StandardOutput.shared.write(text: "mount.erofs (erofs \(RootCommand.configuration.version))\n")
        return ExitStatus.good
      case ("reattach", _), ("disconnect", _):
        throw LongOptions.UsageError(description: "--\(name): NBD and ublk are not supported")
      case ("-f", _): isFake = true
      case ("-u", _): unmounts = true
      case ("-t", let value): type = value
      case ("-o", let value): words += value.split(separator: ",").map(String.init)
      default: break
      }
    }
    guard let source = parsed.operands.first else {
      throw LongOptions.UsageError(description: "missing argument: SOURCE")
    }
    let image = RawArgument(argument: source)!.filePath
    if unmounts {
      guard let problem = UnmountTool.unmount(image) else { return ExitStatus.good }
      writeToStandardError("<E> erofs: \(problem)\n")
      return ExitStatus.failed
    }
    guard parsed.operands.count == 2 else {
      throw LongOptions.UsageError(
        description: parsed.operands.count < 2
          ? "missing argument: MOUNTPOINT" : "unexpected argument: \(parsed.operands[2])")
    }
    let way = type.split(separator: ".").dropFirst().joined(separator: ".")
    guard ["", "local", "fuse"].contains(way) else {
      throw LongOptions.UsageError(description: "-t \(type): only erofs, erofs.local and erofs.fuse are supported")
    }
    if let remote = words.first(where: { $0.hasPrefix("oci.") || $0.hasPrefix("s3.") }) {
      throw LongOptions.UsageError(description: "-o \(remote): images are not read over a network")
    }
    if isFake { return ExitStatus.good }
    return mount(image, RawArgument(argument: parsed.operands[1])!.filePath, way, words)
  }

  private static func mount(_ image: FilePath, _ directory: FilePath, _ way: String, _ words: [String]) -> Int32 {
    var devices: [FilePath] = []
    var offset: UInt64 = 0
    var rest: [String] = []
    // What mount(8) and /etc/fstab have for themselves.
    let others = ["ro", "rw", "loop", "defaults", "auto", "noauto", "user", "users", "nofail", "_netdev"]
    for word in words where !others.contains(word) && !word.hasPrefix("x-") {
      if word.hasPrefix("device=") {
        devices.append(RawArgument(argument: String(word.dropFirst(7)))!.filePath)
      } else if word.hasPrefix("fsoffset=") || word.hasPrefix("offset="),
        let bytes = word.split(separator: "=").last.flatMap({ UInt64($0) })
      {
        offset = bytes
      } else {
        rest.append(word)
      }
    }
    do {
      #if os(Linux)
        if way != "fuse" {
          do throws(MountError) {
            _ = try KernelMount.mount(image, devices: devices, offset: offset, options: rest, on: directory)
            return ExitStatus.good
          } catch { if way == "local" { throw error } }
        }
      #endif
      var mounting = Mounting(image)
      mounting.devices = devices
      mounting.offset = offset
      mounting.session.mountOptions = rest
      try mounting.checkDevices()
      _ = try mounting.run(on: directory, log: SystemLog.write)
      return ExitStatus.good
    } catch {
      writeToStandardError("<E> erofs: \(error)\n")
      return ExitStatus.failed
    }
  }
}
