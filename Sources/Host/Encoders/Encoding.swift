// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// How data is to be compressed: an algorithm with its level and parameters, all of them checked.
///
/// Ranges and defaults are those of mkfs.erofs:
///
/// | algorithm | levels | default | dictionary |
/// |---|---|---|---|
/// | `lz4` | none | | 64 KiB, fixed |
/// | `lz4hc` | 0 ... 12 (0 is 9) | 9 | 64 KiB, fixed |
/// | `lzma` | 0 ... 9, 100 ... 109 (0 ... 9 with liblzma's "extreme") | 6 | 4 KiB ... 8 MiB |
/// | `deflate` | 0 ... 9 | 1 | 32 KiB, fixed |
/// | `libdeflate` | 0 ... 12 | 1 | 32 KiB, fixed |
/// | `zstd` | 1 ... 22 | 3 | powers of two, 1 KiB ... 1 MiB |
///
/// `deflate` and `libdeflate` name one format and are both encoded with libdeflate: at each level from 1 to 9 its streams
/// are smaller than zlib's and take less time. Level 0 of both stores without compression.
public struct Encoding: Hashable, Sendable {
  public enum Algorithm: String, Hashable, Sendable, CaseIterable {
    case lz4, lz4hc, lzma, deflate, libdeflate, zstd

    /// Levels that it accepts; nil for `lz4`, which has none. For `lzma`, 100 ... 109 as well.
    public var levels: ClosedRange<Int>? {
      switch self {
      case .lz4: nil
      case .lz4hc, .libdeflate: 0...12
      case .lzma, .deflate: 0...9
      case .zstd: 1...22
      }
    }

    /// The level when none is given; 0 for `lz4`.
    public var defaultLevel: Int {
      switch self {
      case .lz4: 0
      case .lz4hc: 9
      case .lzma: 6
      case .deflate, .libdeflate: 1
      case .zstd: 3
      }
    }

    /// Bytes that matches may reach back: what a dictionary size may be.
    public var dictionarySizes: ClosedRange<Int> {
      switch self {
      case .lz4, .lz4hc: 65_536...65_536
      case .lzma: 4096...8 << 20
      case .deflate, .libdeflate: 32_768...32_768
      case .zstd: 1024...1 << 20
      }
    }
  }

  /// What LZMA takes as context, as liblzma names it.
  public struct LZMAContext: Hashable, Sendable {
    /// High bits of the byte before that choose a literal's probabilities, 0 ... 4.
    public let lc: Int
    /// Low bits of the position that choose a literal's probabilities, 0 ... 4; `lc + lp` is at most 4.
    public let lp: Int
    /// Low bits of the position that choose a match's probabilities, 0 ... 4.
    public let pb: Int

    /// 3, 0, 2: liblzma's defaults.
    public static let standard = LZMAContext(uncheckedLC: 3, lp: 0, pb: 2)

    public init(lc: Int = 3, lp: Int = 0, pb: Int = 2) throws(EncodingError) {
      for (name, value) in [("lc", lc), ("lp", lp), ("pb", pb)] where !(0...4).contains(value) {
        throw .context(name, value)
      }
      guard lc + lp <= 4 else { throw .contextSum(lc: lc, lp: lp) }
      self.init(uncheckedLC: lc, lp: lp, pb: pb)
    }

    private init(uncheckedLC lc: Int, lp: Int, pb: Int) {
      self.lc = lc
      self.lp = lp
      self.pb = pb
    }
  }

  public let algorithm: Algorithm
  public let level: Int
  /// Bytes that a match may reach back; what the image has to announce for the algorithm.
  public let dictionarySize: Int
  /// Of `lzma` only.
  public let context: LZMAContext

  /// - Parameters:
  ///   - level: nil for the algorithm's default.
  ///   - dictionarySize: bytes; nil for one that suits clusters of `clusterSize`: four of them, but at least 32 KiB, for
  ///     `lzma`; eight of them, rounded up to a power of two, for `zstd`; each within the algorithm's range.
  ///   - clusterSize: stored bytes of the largest cluster that will be made.
  ///   - context: of `lzma`; another algorithm accepts the standard one only.
  public init(
    _ algorithm: Algorithm, level: Int? = nil, dictionarySize: Int? = nil, clusterSize: Int = 4096,
    context: LZMAContext = .standard
  ) throws(EncodingError) {
    if let level {
      let isExtreme = algorithm == .lzma && (100...109).contains(level)
      guard isExtreme || algorithm.levels?.contains(level) == true else { throw .level(level, algorithm) }
    }
    let sizes = algorithm.dictionarySizes
    if let size = dictionarySize {
      guard sizes.contains(size), algorithm != .zstd || size & (size - 1) == 0 else {
        throw .dictionarySize(size, algorithm)
      }
    }
    guard algorithm == .lzma || context == .standard else { throw .contextWithout(algorithm) }
    self.algorithm = algorithm
    self.level = level ?? algorithm.defaultLevel
    self.dictionarySize = dictionarySize ?? Self.dictionary(algorithm, clusterSize: clusterSize)
    self.context = context
  }

  private static func dictionary(_ algorithm: Algorithm, clusterSize: Int) -> Int {
    let sizes = algorithm.dictionarySizes
    let cluster = min(max(clusterSize, 1), 1 << 20)
    switch algorithm {
    case .lzma: return min(max(4 * cluster, 32_768), sizes.upperBound)
    case .zstd:
      var size = sizes.lowerBound
      while size < 8 * cluster, size < sizes.upperBound { size *= 2 }
      return size
    case .lz4, .lz4hc, .deflate, .libdeflate: return sizes.upperBound
    }
  }
}

/// A parameter that an algorithm does not accept.
public enum EncodingError: Error, Hashable, Sendable, CustomStringConvertible {
  case level(Int, Encoding.Algorithm)
  case dictionarySize(Int, Encoding.Algorithm)
  /// One of `lc`, `lp` and `pb`, and its value.
  case context(String, Int)
  case contextSum(lc: Int, lp: Int)
  case contextWithout(Encoding.Algorithm)

  public var description: String {
    switch self {
    case .level(let level, let algorithm):
      guard let levels = algorithm.levels else { return "\(algorithm) has no levels, so \(level) cannot be set" }
      let more = algorithm == .lzma ? " and 100 to 109" : ""
      return "level \(level): \(algorithm) has levels \(levels.lowerBound) to \(levels.upperBound)\(more)"
    case .dictionarySize(let size, let algorithm):
      let sizes = algorithm.dictionarySizes
      if sizes.count == 1 {
        return "dictionary size \(size): that of \(algorithm) is \(sizes.lowerBound) bytes and cannot be changed"
      }
      let kind = algorithm == .zstd ? "a power of two from" : "from"
      return "dictionary size \(size): \(algorithm) needs \(kind) \(sizes.lowerBound) to \(sizes.upperBound) bytes"
    case .context(let name, let value): return "\(name)=\(value): it must be 0 to 4"
    case .contextSum(let lc, let lp): return "lc=\(lc) and lp=\(lp): their sum must be at most 4"
    case .contextWithout(let algorithm): return "lc, lp and pb are parameters of lzma; \(algorithm) has none of them"
    }
  }
}
