// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// How single files are compressed, by path. A line is `BYTES [ALGORITHM] PATTERN`: the size of a pcluster, 0 for files
/// that are not compressed; the number of one of the image's algorithms, from 0; an extended regular expression to the end
/// of the line, which may match any part of the path from the root, without a slash in front. The first line that matches
/// counts. Lines that start with `#` and empty lines do not.
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
        let bytes = try LineReader.number(Self.word(&rest), "a size of pclusters in bytes")
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
