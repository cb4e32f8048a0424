// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Made by Tools/run codecs from Tools/codecs.txt: change that.

import Codecs

/// A compression algorithm, by its id on disk.
@frozen
public enum Algorithm: UInt8, Sendable, CaseIterable {
  case lz4 = 0
  case microLZMA = 1
  case deflate = 2
  case zstandard = 3
}

extension Algorithm {
  static var count: UInt8 { 4 }

  /// The name that mkfs.erofs knows it by.
  public var name: StaticString {
    switch self {
    case .lz4: "lz4"
    case .microLZMA: "lzma"
    case .deflate: "deflate"
    case .zstandard: "zstd"
    }
  }

  /// Calls the visitor with this algorithm's decoder, or with the one that stands for a codec that this build leaves out.
  @inline(__always)
  func visit<V: CodecVisitor>(_ visitor: V) throws(V.Failure) -> V.Result {
    switch self {
    case .lz4: try visitor.visit(LinkedLZ4.self, .lz4)
    case .microLZMA: try visitor.visit(LinkedMicroLZMA.self, .microLZMA)
    case .deflate: try visitor.visit(LinkedDeflate.self, .deflate)
    case .zstandard: try visitor.visit(LinkedZstandard.self, .zstandard)
    }
  }
}

#if LZ4 || !EROFS_CHOOSES_CODECS
  typealias LinkedLZ4 = LZ4Decoder
#else
  typealias LinkedLZ4 = MissingDecoder
#endif

#if MicroLZMA || !EROFS_CHOOSES_CODECS
  typealias LinkedMicroLZMA = MicroLZMADecoder
#else
  typealias LinkedMicroLZMA = MissingDecoder
#endif

#if Deflate || !EROFS_CHOOSES_CODECS
  typealias LinkedDeflate = DeflateDecoder
#else
  typealias LinkedDeflate = MissingDecoder
#endif

#if Zstandard || !EROFS_CHOOSES_CODECS
  typealias LinkedZstandard = ZstandardDecoder
#else
  typealias LinkedZstandard = MissingDecoder
#endif

extension LinkedCodecs {
  /// A bit for each algorithm id.
  static var all: UInt16 {
    bit(LinkedLZ4.self, .lz4)
      | bit(LinkedMicroLZMA.self, .microLZMA)
      | bit(LinkedDeflate.self, .deflate)
      | bit(LinkedZstandard.self, .zstandard)
  }
}

/// As large as the largest decoder of this build.
enum LargestDecoder: ~Copyable {
  case none
  case lz4(LinkedLZ4)
  case microLZMA(LinkedMicroLZMA)
  case deflate(LinkedDeflate)
  case zstandard(LinkedZstandard)
}

/// A number for each codec, taken from its compression record (see ``ImageCodec``); 0 without a record.
struct CodecNumbers: Equatable, Sendable {
  var lz4: UInt32 = 0
  var microLZMA: UInt32 = 0
  var deflate: UInt32 = 0
  var zstandard: UInt32 = 0

  subscript(_ algorithm: Algorithm) -> UInt32 {
    @inline(__always) get {
      switch algorithm {
      case .lz4: lz4
      case .microLZMA: microLZMA
      case .deflate: deflate
      case .zstandard: zstandard
      }
    }
    @inline(__always) set {
      switch algorithm {
      case .lz4: lz4 = newValue
      case .microLZMA: microLZMA = newValue
      case .deflate: deflate = newValue
      case .zstandard: zstandard = newValue
      }
    }
  }
}
