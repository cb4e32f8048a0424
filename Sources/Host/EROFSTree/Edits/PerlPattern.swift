// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The part of Perl's regular expressions that has the same meaning as an extended one, once it is written so. Lazy
/// operators become ordinary ones, which is the same if only whole matches count.
struct PerlPattern {
  /// As an extended regular expression.
  var extended: [UInt8] = []
  /// The bytes that it stands for, if it has no operator.
  var literal: [UInt8]?
  /// The bytes that every match starts with.
  var prefix: [UInt8] = []

  struct Unsupported: Error {
    let reason: String
  }

  static func parse(_ pattern: ArraySlice<UInt8>) -> Result<PerlPattern, Unsupported> {
    var parser = Parser(rest: pattern)
    do throws(Unsupported) {
      try parser.parse()
      return .success(parser.result)
    } catch { return .failure(error) }
  }

  private struct Parser {
    var rest: ArraySlice<UInt8>
    var result = PerlPattern()
    var bytes: [UInt8] = []
    var onlyBytes = true
    /// Nothing has ended the prefix yet.
    var inPrefix = true
    var depth = 0

    mutating func parse() throws(Unsupported) {
      while let byte = rest.popFirst() {
        switch byte {
        case UInt8(ascii: "\\"): try escape()
        case UInt8(ascii: "["): set(try Self.set(&rest))
        case UInt8(ascii: "("):
          operation(byte)
          depth += 1
          guard rest.first == UInt8(ascii: "?") else { break }
          rest.removeFirst()
          guard rest.popFirst() == UInt8(ascii: ":") else {
            throw Unsupported(reason: "\"(?\" is known before \":\" only")
          }
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"):
          try quantifier(byte)
        case UInt8(ascii: "|"):
          // libselinux would anchor one alternative at the front and another at the end.
          if depth == 0 { throw Unsupported(reason: "alternatives must be in parentheses") }
          operation(byte)
        case UInt8(ascii: ")"):
          operation(byte)
          depth -= 1
        case UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "$"): operation(byte)
        default: plain(byte)
        }
      }
      if onlyBytes { result.literal = bytes }
    }

    mutating func plain(_ byte: UInt8) {
      bytes.append(byte)
      if inPrefix { result.prefix.append(byte) }
      if #"\.[]()*+?{}|^$"#.utf8.contains(byte) { result.extended.append(UInt8(ascii: "\\")) }
      result.extended.append(byte)
    }

    mutating func operation(_ byte: UInt8) {
      onlyBytes = false
      inPrefix = false
      result.extended.append(byte)
    }

    mutating func quantifier(_ byte: UInt8) throws(Unsupported) {
      var count: ArraySlice<UInt8> = []
      if byte == UInt8(ascii: "{") {
        let inside = rest.prefix { $0 != UInt8(ascii: "}") }
        let digits = inside.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2C }
        guard digits, inside.first.map({ $0 != 0x2C }) ?? false, inside.count < rest.count else {
          // As Perl has it, no count at all.
          plain(byte)
          return
        }
        count = rest.prefix(inside.count + 1)
        rest = rest.dropFirst(count.count)
      }
      // Applies to the byte before, which may be missing then.
      if inPrefix, !result.prefix.isEmpty { result.prefix.removeLast() }
      operation(byte)
      result.extended += count
      if rest.first == UInt8(ascii: "?") { rest.removeFirst() }
      if rest.first == UInt8(ascii: "+") { throw Unsupported(reason: "possessive operators are not known") }
    }

    mutating func escape() throws(Unsupported) {
      guard let byte = rest.popFirst() else { throw Unsupported(reason: "it ends with a backslash") }
      if let known = Self.named(byte) {
        set(known)
      } else if Self.isWord(byte) {
        throw Unsupported(reason: "\"\\\(String(UnicodeScalar(byte)))\" is not known")
      } else {
        plain(byte)
      }
    }

    static func isWord(_ byte: UInt8) -> Bool { byte.isDigitOrLetter || byte == 0x5F }

    /// The set of a letter after a backslash.
    static func named(_ byte: UInt8) -> [Bool]? {
      let members: (UInt8) -> Bool
      switch byte | 0x20 {
      case UInt8(ascii: "d"): members = { (0x30...0x39).contains($0) }
      case UInt8(ascii: "w"): members = { isWord($0) }
      case UInt8(ascii: "s"): members = { $0 == 0x20 || (0x09...0x0D).contains($0) }
      default: return nil
      }
      guard byte.isDigitOrLetter else { return nil }
      let negated = byte & 0x20 == 0
      return (0...255).map { members(UInt8($0)) != negated }
    }

    /// What is between brackets, the first of which has been taken.
    static func set(_ rest: inout ArraySlice<UInt8>) throws(Unsupported) -> [Bool] {
      var set = [Bool](repeating: false, count: 256)
      let negated = rest.first == UInt8(ascii: "^")
      if negated { rest.removeFirst() }
      var previous: UInt8?
      var first = true
      while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "]"), !first { return negated ? set.map { !$0 } : set }
        first = false
        if byte == UInt8(ascii: "["), let kind = rest.first, ":.=".utf8.contains(kind) {
          throw Unsupported(reason: "classes with names in brackets are not known")
        }
        if byte == UInt8(ascii: "-"), let low = previous, let next = rest.first, next != UInt8(ascii: "]") {
          rest.removeFirst()
          guard let high = next == UInt8(ascii: "\\") ? rest.popFirst() : next, high >= low else {
            throw Unsupported(reason: "a range in brackets is in the wrong order")
          }
          if next == UInt8(ascii: "\\"), high.isDigitOrLetter { throw Unsupported(reason: "a range has no end") }
          for member in low...high { set[Int(member)] = true }
          previous = nil
          continue
        }
        guard byte == UInt8(ascii: "\\") else {
          set[Int(byte)] = true
          previous = byte
          continue
        }
        guard let escaped = rest.popFirst() else { break }
        if let known = named(escaped) {
          for member in 0...255 where known[member] { set[member] = true }
          previous = nil
        } else if escaped.isDigitOrLetter {
          throw Unsupported(reason: "\"\\\(String(UnicodeScalar(escaped)))\" in brackets is not known")
        } else {
          set[Int(escaped)] = true
          previous = escaped
        }
      }
      throw Unsupported(reason: "a bracket has no end")
    }

    /// Writes a set as brackets that hold no escapes: `]` first, `^` not first, `-` last.
    mutating func set(_ members: [Bool]) {
      onlyBytes = false
      inPrefix = false
      let special = [UInt8(ascii: "]"), UInt8(ascii: "^"), UInt8(ascii: "-")]
      var ranges: [UInt8] = []
      var byte = 1
      while byte < 256 {
        defer { byte += 1 }
        if !members[byte] || special.contains(UInt8(byte)) { continue }
        let start = byte
        while byte + 1 < 256, members[byte + 1], !special.contains(UInt8(byte + 1)) { byte += 1 }
        ranges.append(UInt8(start))
        if byte > start + 1 { ranges.append(UInt8(ascii: "-")) }
        if byte > start { ranges.append(UInt8(byte)) }
      }
      let (bracket, caret, dash) = (members[0x5D], members[0x5E], members[0x2D])
      if ranges.isEmpty, !bracket, caret {
        result.extended += Array((dash ? "[-^]" : #"\^"#).utf8)
        return
      }
      result.extended.append(UInt8(ascii: "["))
      if bracket { result.extended.append(UInt8(ascii: "]")) }
      result.extended += ranges
      if caret { result.extended.append(UInt8(ascii: "^")) }
      if dash { result.extended.append(UInt8(ascii: "-")) }
      result.extended.append(UInt8(ascii: "]"))
    }
  }
}

extension UInt8 {
  var isDigitOrLetter: Bool { (0x30...0x39).contains(self) || (0x61...0x7A).contains(self | 0x20) }
}
