// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A parser that works like getopt_long, for the programs of erofs-utils that this one replaces: long options may be
/// abbreviated if that is unambiguous, options and operands may be mixed, and `--` ends the options.
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

  struct UsageError: Error, CustomStringConvertible {
    let description: String
  }

  /// Long options without their dashes.
  let long: [String: Argument]
  let short: [Character: Argument]

  func parse(_ arguments: [String]) throws(UsageError) -> Parsed {
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
  ) throws(UsageError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let given = String(parts[0])
    let candidates = long[given] != nil ? [given] : long.keys.filter { $0.hasPrefix(given) }
    guard let name = candidates.first, !given.isEmpty else {
      throw UsageError(description: "unrecognized option '--\(given)'")
    }
    guard candidates.count == 1 else { throw UsageError(description: "option '--\(given)' is ambiguous") }
    var value = parts.count > 1 ? String(parts[1]) : nil
    switch long[name] ?? .none {
    case .none:
      if value != nil { throw UsageError(description: "option '--\(name)' doesn't allow an argument") }
    case .required:
      if value == nil { value = rest.popFirst() }
      if value == nil { throw UsageError(description: "option '--\(name)' requires an argument") }
    case .optional: break
    }
    parsed.options.append((name, value))
  }

  private func parseShort(
    _ text: Substring, _ rest: inout ArraySlice<String>, _ parsed: inout Parsed
  ) throws(UsageError) {
    var letters = text
    while let letter = letters.popFirst() {
      guard let argument = short[letter] else { throw UsageError(description: "invalid option -- '\(letter)'") }
      guard argument == .required else {
        parsed.options.append(("-\(letter)", nil))
        continue
      }
      guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
        throw UsageError(description: "option requires an argument -- '\(letter)'")
      }
      parsed.options.append(("-\(letter)", value))
      return
    }
  }
}
