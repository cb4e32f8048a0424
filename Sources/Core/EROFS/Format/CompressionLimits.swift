// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What the pclusters of an image ask for at most, by algorithm: from the compression records, or the defaults of
/// images that have none.
public struct CompressionLimits: Equatable, Sendable {
  // The numbers come by size: what has no gaps is cleared in one piece.

  /// How far back a match may reach, in bytes, 1 ... 65535.
  public var lz4MaximumDistance: Int { distance == 0 ? 65535 : Int(distance) }
  /// The largest LZ4 pcluster, in blocks.
  public var lz4MaximumPclusterBlocks: Int { max(1, Int(pclusterBlocks)) }
  /// Bytes, 4 KiB ... 8 MiB.
  public private(set) var lzmaDictionaryBytes = 0
  /// log2 of the window, 8 ... 15.
  public private(set) var deflateWindowBits = 0
  /// log2 of the window, 10 ... 20.
  public private(set) var zstandardWindowLog = 0
  /// A bit for each algorithm id that the image may use.
  public private(set) var algorithms: UInt16 = 0
  // As they are stored, where 0 means the default: like all else that nothing has been read into.
  private var distance: UInt16 = 0
  private var pclusterBlocks: UInt16 = 0

  @inlinable
  public func announces(_ algorithm: Algorithm) -> Bool { algorithms & (1 << UInt16(algorithm.rawValue)) != 0 }

  /// Bytes of history that a match of `algorithm` can reach; no more than the window that its record declares.
  public func window(of algorithm: Algorithm) -> Int {
    switch algorithm {
    case .lz4: lz4MaximumDistance
    case .microLZMA: lzmaDictionaryBytes
    case .deflate: 1 &<< deflateWindowBits
    case .zstandard: 1 &<< zstandardWindowLog
    }
  }

  /// Takes the first 8 bytes of a record; false if they hold impossible values.
  @inline(__always)
  mutating func take(_ record: UInt64, of id: UInt32) -> Bool {
    // Those of codecs that this build lacks are left out of it.
    switch id {
    case 0 where LinkedCodecs.all & 1 != 0:
      distance = LZ4Record.read(.maximumDistance, of: record)
      pclusterBlocks = LZ4Record.read(.pclusterBlocks, of: record)
      return true
    case 1 where LinkedCodecs.all & 2 != 0:
      let dictionary = MicroLZMARecord.read(.dictionaryBytes, of: record)
      lzmaDictionaryBytes = Int(truncatingIfNeeded: dictionary)
      return MicroLZMARecord.read(.format, of: record) == 0 && dictionary >= 4096 && dictionary <= 8 << 20
    case 2 where LinkedCodecs.all & 4 != 0:
      // mkfs.erofs 1.9.4 writes 0 with libdeflate, and its streams use all 32 KiB.
      let bits = Int(DeflateRecord.read(.windowBits, of: record))
      deflateWindowBits = bits == 0 ? 15 : bits
      return (8...15).contains(deflateWindowBits)
    case _ where LinkedCodecs.all & 8 == 0:
      return true
    default:
      zstandardWindowLog = Int(ZstandardRecord.read(.windowLog, of: record)) &+ 10
      return ZstandardRecord.read(.format, of: record) == 0 && zstandardWindowLog <= 20
    }
  }

  /// Takes what the superblock itself says; true if compression records follow it.
  @inline(__always)
  mutating func take(_ features: IncompatibleFeatures, _ bitmapOrDistance: UInt16) -> Bool {
    if features.contains(.compressionRecords) {
      algorithms = bitmapOrDistance
      return true
    }
    if features.contains(.zeroPadding) || bitmapOrDistance != 0 { algorithms = 1 }
    distance = bitmapOrDistance
    return false
  }
}
