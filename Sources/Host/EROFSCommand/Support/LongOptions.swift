// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools

/// A command line as getopt_long reads it, for the programs that this one stands in for: long options may be shortened as
/// long as it is clear which is meant, options and operands may be mixed, and `--` ends the options.
struct LongOptions {
  enum Argument {
    case none, required
    /// Only with `=` in front of it.
    case optional
  }

  /// What a command line says, in its order.
  struct Parsed {
    /// Options by their full names; short ones as `-x`.
    var options: [(name: String, value: String?)] = []
    var operands: [String] = []
  }

  struct Mistake: Error, CustomStringConvertible {
    let description: String
  }

  /// Long options without their dashes.
  let long: [String: Argument]
  let short: [Character: Argument]

  func parse(_ arguments: [String]) throws(Mistake) -> Parsed {
    var parsed = Parsed()
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        parsed.operands += rest
        break
      }
      if argument.hasPrefix("--") {
        try parseLong(argument.dropFirst(2), &rest, &parsed)
      } else if argument.hasPrefix("-"), argument.count > 1 {
        try parseShort(argument.dropFirst(), &rest, &parsed)
      } else {
        parsed.operands.append(argument)
      }
    }
    return parsed
  }

  private func parseLong(
    _ text: Substring, _ rest: inout ArraySlice<String>, _ parsed: inout Parsed
  ) throws(Mistake) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let given = String(parts[0])
    let candidates = long[given] != nil ? [given] : long.keys.filter { $0.hasPrefix(given) }
    guard let name = candidates.first, !given.isEmpty else {
      throw Mistake(description: "unrecognized option '--\(given)'")
    }
    guard candidates.count == 1 else { throw Mistake(description: "option '--\(given)' is ambiguous") }
    var value = parts.count > 1 ? String(parts[1]) : nil
    switch long[name] ?? .none {
    case .none:
      if value != nil { throw Mistake(description: "option '--\(name)' doesn't allow an argument") }
    case .required:
      if value == nil { value = rest.popFirst() }
      if value == nil { throw Mistake(description: "option '--\(name)' requires an argument") }
    case .optional: break
    }
    parsed.options.append((name, value))
  }

  private func parseShort(
    _ text: Substring, _ rest: inout ArraySlice<String>, _ parsed: inout Parsed
  ) throws(Mistake) {
    var letters = text
    while let letter = letters.popFirst() {
      guard let argument = short[letter] else { throw Mistake(description: "invalid option -- '\(letter)'") }
      guard argument == .required else {
        parsed.options.append(("-\(letter)", nil))
        continue
      }
      guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
        throw Mistake(description: "option requires an argument -- '\(letter)'")
      }
      parsed.options.append(("-\(letter)", value))
      return
    }
  }
}

/// The messages of the programs of erofs-utils: on standard error, each with its level in front.
struct StandInMessages: Sendable {
  /// 0 ... 9, as -d sets it.
  var verbosity = 2

  func error(_ text: String) { write("<E> erofs: \(text)") }
  func warning(_ text: String) { if verbosity >= 2 { write("<W> erofs: \(text)") } }
  func information(_ text: String) { if verbosity >= 3 { write("<I> erofs: \(text)") } }

  func write(_ line: String) {
    StandardOutput.shared.flush()
    writeToStandardError(line + "\n")
  }
}
