// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSTools

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where the process starts: the program that its name asks for, or `erofs` with its subcommands.
@main
enum Program {
  /// The programs of erofs-utils that this one stands in for when it is called by their names: what they do with their
  /// arguments, and the exit status.
  static let standIns: [String: @Sendable ([String]) -> Int32] = [
    "dump.erofs": { DumpStandIn.run($0) },
    "erofsfuse": { ErofsfuseStandIn.run($0) },
    "fsck.erofs": { FsckStandIn.run($0) },
    "mount.erofs": { MountStandIn.run($0) },
  ]

  static func main() {
    Signals.install()
    var arguments = rawArguments()
    let path = arguments.isEmpty ? "erofs" : arguments.removeFirst()
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if let standIn = standIns[name] {
      let status = standIn(arguments)
      StandardOutput.shared.finish()
      exit(status)
    }
    exit(run(arguments))
  }

  private static func run(_ arguments: [String]) -> Int32 {
    do {
      var command = try Erofs.parseAsRoot(arguments)
      try command.run()
    } catch let code as ExitCode {
      StandardOutput.shared.finish()
      return code.rawValue
    } catch {
      StandardOutput.shared.finish()
      let code = Erofs.exitCode(for: error)
      let message = Erofs.fullMessage(for: error)
      guard code != .success else {
        // Help and version are what was asked for.
        StandardOutput.shared.write(text: message + "\n")
        StandardOutput.shared.finish()
        return 0
      }
      if code == .validationFailure {
        complain(message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message)
        return ExitStatus.usage
      }
      complain("\(error)")
      return ExitStatus.failed
    }
    StandardOutput.shared.finish()
    return ExitStatus.good
  }
}

/// What the command's exit status means.
enum ExitStatus {
  static let good: Int32 = 0
  /// The image is bad, or what was asked for could not be done.
  static let failed: Int32 = 1
  /// The command line makes no sense (EX_USAGE).
  static let usage: Int32 = 64
}

/// Writes a line to standard error.
func complain(_ message: String) {
  StandardOutput.shared.flush()
  writeToStandardError("erofs: \(message)\n")
}

func writeToStandardError(_ text: String) {
  let bytes = Array(text.utf8)
  _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

private enum Signals {
  static func install() {
    // An image that somebody shortens while it is read must not look like a fault of this program.
    signal(SIGBUS) { _ in
      let text: StaticString = "erofs: the image became shorter, or could not be read, while it was in use\n"
      _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      _exit(ExitStatus.failed)
    }
    // A reader that goes away is reported by write, so that what was begun can be tidied up.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that grows larger than it may (ulimit -f).
    signal(SIGXFSZ, SIG_IGN)
  }
}
