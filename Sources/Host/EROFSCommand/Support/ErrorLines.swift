// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import Synchronization

/// The first lines that were written to standard error, for callers that want JSON.
enum ErrorLines {
  private static let lines = Mutex<[String]>([])
  private static let most = 100

  static func add(_ line: String) { lines.withLock { if $0.count < most { $0.append(line) } } }

  static var text: String { lines.withLock { $0.joined(separator: "\n") } }
}

/// What the argument parser does not say, or says of the wrong argument.
enum Suggestion {
  /// - Parameters:
  ///   - message: the parser's.
  ///   - arguments: the command line.
  static func mended(_ message: String, _ arguments: [String]) -> String {
    if message.hasPrefix("Missing value for"), let negative = negativeValue(arguments) {
      return "\(negative.option) must not be negative: \(negative.value)"
    }
    let names = RootCommand.configuration.subcommands.map { $0._commandName }
    if let first = arguments.first, !first.hasPrefix("-"), !names.contains(first), first != "help" {
      let nearest = names.map { ($0, distance(Array(first), Array($0))) }.min { $0.1 < $1.1 }
      if let nearest, nearest.1 <= 2, nearest.1 < first.count {
        return "no subcommand '\(first)'; did you mean '\(nearest.0)'?"
      }
      return "no subcommand '\(first)'; 'erofs --help' lists them"
    }
    return message
  }

  /// An option and the number with a sign after it, which the parser takes for another option.
  private static func negativeValue(_ arguments: [String]) -> (option: String, value: String)? {
    for (option, value) in zip(arguments, arguments.dropFirst()) where option.hasPrefix("--") {
      if value.hasPrefix("-"), value.dropFirst().first?.isNumber == true { return (option, value) }
    }
    return nil
  }

  /// Characters to insert, remove, replace, or exchange with the next one.
  private static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [Array(0...b.count)]
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var least = min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, rows[i - 1][j - 1] + 1) }
        row.append(least)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
