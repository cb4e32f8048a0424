// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// The C library of each codec: what makes streams for benchmarks and fuzzers, and what ours is compared with.
extension CodecPeer {
  /// Name and version of the library that this process has loaded.
  public var library: String { type.library }

  /// The level that mkfs.erofs takes if it is not given one (of lz4, that of lz4hc).
  public var defaultLevel: Int { type.defaultLevel }

  /// Encodes all of `bytes` as one extent of EROFS, which has no headers besides those of a Zstandard frame.
  public func compress(_ bytes: [UInt8], level: Int? = nil) -> [UInt8] {
    let level = level ?? defaultLevel
    let capacity = bytes.count + bytes.count / 8 + 512
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      bytes.withUnsafeBufferPointer { source in
        let input = UnsafeRawPointer(source.baseAddress ?? UnsafePointer(buffer.baseAddress!))
        count = type.encode(input, bytes.count, buffer.baseAddress!, capacity, level)
        precondition(count > 0, "\(self) cannot encode")
      }
    }
  }
}

/// A C decoder with its state, made once and used for many extents.
public final class PeerDecoder {
  public let codec: CodecPeer
  private let library: any PeerLibrary

  public init(_ codec: CodecPeer) {
    self.codec = codec
    library = codec.type.init()
  }

  /// Whether `stored` is a stream of exactly `output.count` bytes; they are then in `output`. Neither may be empty.
  public func decode(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    library.decode(stored, into: output)
  }
}
