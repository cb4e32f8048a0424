// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Compresses data into clusters of a fixed size, with the C libraries.
///
///     let encoder = try Encoder(Encoding(.zstd, level: 19, clusterSize: 65536))
///     let encoded = try encoder.encode(rest, into: cluster)
///     // cluster[..<encoded.stored] decodes to rest[..<encoded.decoded], and no longer prefix was found that fits
///
/// An encoder keeps the state of its C library and buffers from one call to the next, and there is no state besides: use
/// one per thread. What a call returns depends on its arguments, the encoding and the version of the library, never on
/// earlier calls.
///
/// Memory, for clusters of N bytes: `lz4` 16 KiB, `lz4hc` 256 KiB, `lzma` about 11 dictionaries and 1 MiB,
/// `deflate` and `libdeflate` up to 9 MiB for the level and 5 N, `zstd` what libzstd needs for the level and the dictionary
/// (at most 25 MiB at level 22 with 1 MiB), N and 0.5 to 1.5 MiB. ``encodeAll(_:into:)`` needs as much as the input besides,
/// except with `lzma`.
public final class Encoder {
  /// The most bytes that an extent decodes to (the format's limit): 12 MiB.
  public static let longestExtent = 12 << 20
  /// The most bytes that a cluster holds (the format's limit): 1 MiB.
  public static let largestCluster = 1 << 20

  public let encoding: Encoding
  private let engine: any Engine
  /// What a trial makes, which is thrown away.
  let trial = Scratch()

  public init(_ encoding: Encoding) throws(EncoderError) {
    self.encoding = encoding
    engine =
      switch encoding.algorithm {
      case .lz4: try LZ4Engine()
      case .lz4hc: try LZ4Engine(level: encoding.level)
      case .lzma: try MicroLZMAEngine(encoding)
      case .deflate, .libdeflate: try DeflateEngine(encoding)
      case .zstd: try ZstandardEngine(encoding)
      }
  }

  /// Compresses as much of `input` as fits `output`.
  ///
  /// The stored bytes are written at the start of `output`, as a stream that ends by itself; its first byte is not 0, so
  /// that it may be moved to the end of a cluster with zeros before it. What follows them in `output` is undefined.
  ///
  /// - Parameters:
  ///   - input: at least as many bytes as one extent may have, or all that is left of the file.
  ///   - output: the cluster; bytes over ``largestCluster`` are not used.
  ///   - extentLimit: the most bytes that may be taken; never more than ``longestExtent``.
  ///   - expected: how many bytes will about be taken, e.g. what the cluster before took. It saves time, and may change
  ///     the result by a few bytes; so whoever needs the same output every time passes the same number every time.
  /// - Returns: what was taken and written. Data that does not compress takes less than it gives. Both are 0 for an empty
  ///   input, and when the output is too small for a single byte.
  public func encode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer,
    extentLimit: Int = Encoder.longestExtent, expecting expected: Int? = nil
  ) throws(EncoderError) -> Encoded {
    let input = UnsafeRawBufferPointer(rebasing: input.prefix(max(0, min(extentLimit, Self.longestExtent))))
    let output = UnsafeMutableRawBufferPointer(rebasing: output.prefix(Self.largestCluster))
    guard !input.isEmpty, !output.isEmpty else { return .nothing }
    return try engine.fill(output, from: input, expecting: expected)
  }

  /// Compresses all of `input` as one extent, for data whose end is given: tails, fragments, segments cut by deduplication.
  ///
  /// - Parameters:
  ///   - input: at most ``longestExtent`` bytes.
  ///   - output: where it goes, as in ``encode(_:into:extentLimit:expecting:)``; its size is the limit.
  /// - Returns: stored bytes, or nil when they are more than `output` has. 0 for an empty input.
  public func encodeAll(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(EncoderError) -> Int? {
    guard !input.isEmpty else { return 0 }
    guard input.count <= Self.longestExtent, !output.isEmpty else { return nil }
    let output = UnsafeMutableRawBufferPointer(rebasing: output.prefix(Self.largestCluster))
    return try engine.encodeAll(input, into: output)
  }
}

/// What became of an input.
public struct Encoded: Hashable, Sendable {
  /// Bytes of the input that were taken, from its start: what the extent decodes to.
  public let decoded: Int
  /// Bytes of the output that were written, from its start.
  public let stored: Int

  static let nothing = Encoded(decoded: 0, stored: 0)
}

/// Why a C library did not compress.
public enum EncoderError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Memory ran out.
  case memory(Encoding.Algorithm)
  /// The library failed with a message or number of its own: a fault in it or in its use.
  case library(Encoding.Algorithm, String)

  public var description: String {
    switch self {
    case .memory(let algorithm): "not enough memory for \(algorithm)"
    case .library(let algorithm, let message): "\(algorithm): the library failed: \(message)"
    }
  }
}

/// One codec's library. Inputs and outputs are not empty, and within the format's limits.
protocol Engine: AnyObject {
  func fill(
    _ output: UnsafeMutableRawBufferPointer, from input: UnsafeRawBufferPointer, expecting expected: Int?
  ) throws(EncoderError) -> Encoded

  func encodeAll(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(EncoderError) -> Int?
}
