// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// How single files are compressed, by path. A line is `BYTES [ALGORITHM] PATTERN`: the size of a pcluster, 0 for files
/// that are not compressed, in decimals or after `0x` hexadecimal, and K or M may follow; the number of one of the image's
/// algorithms, from 0; an extended regular expression to the end of the line, which may match any part of the path from the
/// root, without a slash in front. The first line that matches counts. Lines that start with `#` and empty lines do not.
public struct CompressHints: Sendable {
  public struct Hint: Sendable, Hashable {
    /// Bytes of a pcluster; whether the image can have them is for the builder to say. 0: not compressed.
    public let pclusterBytes: UInt32
    public let algorithm: Int
    /// For messages.
    public let line: Int
  }

  private var rules: [(hint: Hint, pattern: TreePattern)] = []

  public init(_ text: [UInt8], name: String) throws(TreeError) {
    for line in LineReader.lines(of: text) {
      do throws(LineError) {
        var rest = line.bytes
        let bytes = try Self.size(Self.word(&rest))
        var algorithm = 0
        var pattern = rest
        let second = Self.word(&rest)
        if !rest.isEmpty {
          algorithm = Int(try LineReader.number(second, "the number of an algorithm", limit: 255))
          pattern = rest
        }
        if pattern.isEmpty { throw LineError(.missing("a pattern")) }
        do throws(TreeError) {
          rules.append(
            (
              Hint(pclusterBytes: bytes, algorithm: algorithm, line: line.number),
              try TreePattern(bytes: Array(pattern), text: pattern.printable)
            ))
        } catch {
          guard case .pattern(let pattern, let reason) = error else { throw LineError(.failed(error)) }
          throw LineError(.pattern(pattern, reason: reason))
        }
      } catch { throw .line(line.number, of: name, error.fault) }
    }
  }

  private static func size(_ word: ArraySlice<UInt8>) throws(LineError) -> UInt32 {
    let what = "a size of pclusters in bytes"
    var digits = word
    let shift: UInt32 =
      switch digits.last.map({ $0 | 0x20 }) {
      case UInt8(ascii: "k"): 10
      case UInt8(ascii: "m"): 20
      default: 0
      }
    if shift > 0 { digits.removeLast() }
    let isHexadecimal = digits.starts(with: "0x".utf8) || digits.starts(with: "0X".utf8)
    if isHexadecimal { digits.removeFirst(2) }
    do throws(LineError) {
      return try LineReader.number(digits, what, radix: isHexadecimal ? 16 : 10, limit: .max >> shift) << shift
    } catch { throw LineError(.number(word.printable, of: what)) }
  }

  private static func word(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let blank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
    rest = rest.drop(while: blank)
    let word = rest.prefix { !blank($0) }
    rest = rest.dropFirst(word.count).drop(while: blank)
    return word
  }

  public var hints: [Hint] { rules.map(\.hint) }

  public func hint(for path: [UInt8]) -> Hint? { rules.first { $0.pattern.matches(path) }?.hint }
}
