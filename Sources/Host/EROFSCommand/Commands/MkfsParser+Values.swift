// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import Encoders

/// The values of options.
extension MkfsParser {
  static func path(_ value: String) -> RawArgument { RawArgument(argument: value)! }

  static func invalid(_ option: MkfsOption, _ value: String) -> MkfsError {
    .usage("\(option.name): \"\(path(value))\" is not possible as \(option.form.value)")
  }

  /// A number without a unit: mkfs.erofs takes none there.
  static func number(_ option: MkfsOption, _ value: String, limit: UInt64 = .max) throws(MkfsError) -> UInt64 {
    guard let number = CNumber.unsigned(value), number <= limit else { throw invalid(option, value) }
    return number
  }

  static func signed(_ option: MkfsOption, _ value: String) throws(MkfsError) -> Int64 {
    guard let number = CNumber.signed(value) else { throw invalid(option, value) }
    return number
  }

  /// A number of bytes, which K, M or G may follow.
  static func size(_ option: MkfsOption, _ value: String, of name: String? = nil) throws(MkfsError) -> Int {
    guard let number = CNumber.unsigned(value, units: true), let size = Int(exactly: number) else {
      throw .usage("\(name ?? option.name): \"\(path(value))\" is not possible as a number of bytes")
    }
    return size
  }

  static func uuid(_ value: String) throws(MkfsError) -> BuildOptions.UUIDChoice {
    switch value {
    case "clear": return .bytes(Array(repeating: 0, count: 16))
    case "random": return .random
    default: break
    }
    let parts = value.split(separator: "-", omittingEmptySubsequences: false)
    let digits = parts.joined()
    guard parts.map(\.count) == [8, 4, 4, 4, 12], digits.allSatisfy(\.isHexDigit), digits.utf8.count == 32 else {
      throw invalid(.uuid, value)
    }
    var rest = digits[...]
    var bytes: [UInt8] = []
    while !rest.isEmpty {
      bytes.append(UInt8(rest.prefix(2), radix: 16)!)
      rest = rest.dropFirst(2)
    }
    return .bytes(bytes)
  }

  /// `ALGORITHM[,PARAMETER...][:ALGORITHM[,PARAMETER...]...]`.
  static func compressions(_ value: String) throws(MkfsError) -> [MkfsRequest.Compression] {
    var found: [MkfsRequest.Compression] = []
    for text in value.split(separator: ":", omittingEmptySubsequences: false) {
      let words = text.split(separator: ",", omittingEmptySubsequences: false)
      guard let algorithm = Encoding.Algorithm(rawValue: String(words[0])) else {
        let known = Encoding.Algorithm.allCases.map(\.rawValue).joined(separator: ", ")
        throw .usage("-z: \"\(path(String(words[0])))\" is none of the algorithms \(known)")
      }
      var compression = MkfsRequest.Compression(algorithm: algorithm)
      for (place, word) in words.dropFirst().enumerated() {
        try take(parameter: word, isOldLevel: place == 0 && words.count == 2, &compression)
      }
      found.append(compression)
    }
    return found
  }

  /// `BYTES[:ALGORITHM[,PARAMETER...]]`.
  static func metabox(_ value: String) throws(MkfsError) -> (Int, MkfsRequest.Compression?) {
    let parts = value.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let size = try size(.metabox, String(parts[0]))
    guard parts.count > 1 else { return (size, nil) }
    let found = try compressions(String(parts[1]))
    guard found.count == 1 else { throw invalid(.metabox, value) }
    return (size, found[0])
  }

  private static func take(
    parameter word: Substring, isOldLevel: Bool, _ compression: inout MkfsRequest.Compression
  ) throws(MkfsError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 1, isOldLevel, let level = Int(word) {
      compression.level = level
      return
    }
    guard parts.count == 2, ["level", "dictsize", "lc", "lp", "pb"].contains(parts[0]) else {
      throw .usage("-z: \"\(path(String(word)))\" is no parameter: they are level=, dictsize=, lc=, lp= and pb=")
    }
    if parts[0] == "dictsize" {
      compression.dictionarySize = try size(.algorithms, String(parts[1]), of: "-z dictsize")
      return
    }
    guard let number = Int(parts[1]) else {
      throw .usage("-z: \"\(path(String(parts[1])))\" is not possible as \(parts[0])")
    }
    switch parts[0] {
    case "level": compression.level = number
    case "lc": compression.lc = number
    case "lp": compression.lp = number
    default: compression.pb = number
    }
  }
}

extension MkfsOption {
  /// As it is written.
  var name: String { form.long.map { "--\($0)" } ?? form.short.map { "-\($0)" } ?? "" }
}
