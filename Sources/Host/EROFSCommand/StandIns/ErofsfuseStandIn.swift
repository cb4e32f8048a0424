// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSMount
import EROFSTools
import SystemPackage

/// `erofsfuse`: the options of the program of that name in erofs-utils 1.9.
struct ErofsfuseStandIn {
  private static let options = LongOptions(
    long: ["help": .none, "version": .none, "offset": .required, "dbglevel": .required, "device": .required],
    short: ["h": .none, "V": .none, "f": .none, "d": .none, "s": .none, "o": .required])

  private static let help = """
    Usage: erofsfuse [OPTIONS] IMAGE MOUNTPOINT

    Options:
        --offset=#             skip # bytes at the beginning of IMAGE
        --dbglevel=#           set output verbosity; 0=quiet, 9=verbose (default=2)
        --device=X             specify an extra device to be used together
        -h   --help            display this help and exit
        -V   --version         display the version and exit

    FUSE options:
        -d                     enable debug output (implies -f)
        -f                     foreground operation
        -s                     disable multi-threaded operation
        -o opt[,opt...]        mount options, e.g. -o allow_other

    """

  static func run(_ arguments: [String]) -> Int32 {
    do throws(LongOptions.UsageError) {
      let parsed = try options.parse(arguments)
      var mounting = Mounting("")
      for (name, value) in parsed.options {
        switch (name, value ?? "") {
        case ("help", _), ("-h", _):
          StandardOutput.shared.write(text: help)
          return ExitStatus.good
        case ("version", _), ("-V", _):
          StandardOutput.shared.write(text: "erofsfuse (erofs \(RootCommand.configuration.version))\n")
          return ExitStatus.good
        case ("offset", let value):
          guard let bytes = ByteCount(argument: value) else {
            throw LongOptions.UsageError(description: "invalid offset '\(value)'")
          }
          mounting.offset = bytes.bytes
        case ("device", let value): mounting.devices.append(RawArgument(argument: value)!.filePath)
        case ("-f", _): mounting.foreground = true
        case ("-d", _): (mounting.foreground, mounting.session.debug) = (true, true)
        case ("-s", _): mounting.session.threads = 1
        case ("-o", let value): mounting.session.mountOptions += value.split(separator: ",").map(String.init)
        default: break
        }
      }
      guard parsed.operands.count == 2 else {
        throw LongOptions.UsageError(
          description: parsed.operands.count < 2
            ? "IMAGE and MOUNTPOINT are needed" : "unexpected argument: \(parsed.operands[2])")
      }
      mounting.image = RawArgument(argument: parsed.operands[0])!.filePath
      let log = mounting.foreground ? { @Sendable in printError($0) } : SystemLog.write
      do {
        try mounting.checkDevices()
        _ = try mounting.run(on: RawArgument(argument: parsed.operands[1])!.filePath, log: log)
      } catch {
        writeToStandardError("<E> erofs: \(error)\n")
        return ExitStatus.failed
      }
      return ExitStatus.good
    } catch {
      writeToStandardError("erofsfuse: \(error)\nTry 'erofsfuse --help' for more information.\n")
      return ExitStatus.failed
    }
  }
}
