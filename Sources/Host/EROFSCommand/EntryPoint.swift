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

/// The entry point: `erofs` with its subcommands, or the program whose name it is called by.
@main
enum EntryPoint {
  /// The programs of erofs-utils that this one replaces when it is called by their names. Each takes its arguments and
  /// returns an exit status.
  static let standIns: [String: @Sendable ([String]) -> Int32] = [
    "dump.erofs": { DumpStandIn.run($0) },
    "erofsfuse": { ErofsfuseStandIn.run($0) },
    "fsck.erofs": { FsckStandIn.run($0) },
    "mkfs.erofs": { MkfsProgram.run($0, as: .standIn) },
    "mount.erofs": { MountStandIn.run($0) },
  ]

  static func main() {
    Signals.install()
    var arguments = rawArguments()
    let path = arguments.isEmpty ? "erofs" : arguments.removeFirst()
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if let standIn = standIns[name] { exit(finished(standIn(arguments))) }
    exit(run(arguments))
  }

  private static func finished(_ status: Int32) -> Int32 {
    StandardOutput.shared.finish()
    return status
  }

  private static func run(_ arguments: [String]) -> Int32 {
    // It parses its arguments itself, and explains them.
    if arguments.first == "mkfs" { return finished(MkfsProgram.run(Array(arguments.dropFirst()), as: .subcommand)) }
    if arguments == ["help", "mkfs"] { return finished(MkfsProgram.run(["--help"], as: .subcommand)) }
    let wantsJSON = arguments.prefix { $0 != "--" }.contains("--json")
    let status = status(of: arguments)
    if wantsJSON, status != ExitStatus.good, !StandardOutput.shared.hasWritten {
      StandardOutput.shared.write(text: JSON.object([("error", .string(ErrorLines.text))]).text() + "\n")
    }
    StandardOutput.shared.finish()
    return status
  }

  private static func status(of arguments: [String]) -> Int32 {
    do {
      var command = try RootCommand.parseAsRoot(arguments)
      try command.run()
    } catch let code as ExitCode {
      return code.rawValue
    } catch {
      let code = RootCommand.exitCode(for: error)
      let message = RootCommand.fullMessage(for: error)
      guard code != .success else {
        // Help and version are results, not errors.
        StandardOutput.shared.write(text: message + "\n")
        return 0
      }
      if code == .validationFailure {
        let text = message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message
        printError(Suggestion.mended(text, arguments))
        return ExitStatus.usage
      }
      printError(advised(error))
      return ExitStatus.failed
    }
    return ExitStatus.good
  }
}

/// What the command's exit status means.
enum ExitStatus {
  static let good: Int32 = 0
  /// The image is bad, or an operation failed.
  static let failed: Int32 = 1
  /// The command line is wrong (EX_USAGE).
  static let usage: Int32 = 64
}

/// Writes a line to standard error.
func printError(_ message: String) {
  ErrorLines.add(message)
  StandardOutput.shared.flush()
  writeToStandardError("erofs: \(message)\n")
}

func writeToStandardError(_ text: String) {
  let bytes = Array(text.utf8)
  _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

private enum Signals {
  static func install() {
    // An image that is truncated while it is read must not look like a crash of this program.
    signal(SIGBUS) { _ in
      let text: StaticString = "erofs: the image was truncated, or could not be read, while it was in use\n"
      _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      _exit(ExitStatus.failed)
    }
    // write() reports a closed pipe, so that temporary files can be removed.
    signal(SIGPIPE, SIG_IGN)
    // write() also reports a file that exceeds the limit (ulimit -f).
    signal(SIGXFSZ, SIG_IGN)
  }
}
