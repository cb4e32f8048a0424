// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// The decoder of an extent, whichever codec it takes.
enum AnyDecoder: ~Copyable {
  case none
  case lz4(LZ4Decoder)
  case microLZMA(MicroLZMADecoder)
  case deflate(DeflateDecoder)
  case zstandard(ZstandardDecoder)

  init(
    _ algorithm: Algorithm, input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory
  ) throws(DecodeError) {
    switch algorithm {
    case .lz4: self = .lz4(try LZ4Decoder(input: input, output: output, length: length, memory: memory))
    case .microLZMA:
      self = .microLZMA(try MicroLZMADecoder(input: input, output: output, length: length, memory: memory))
    case .deflate: self = .deflate(try DeflateDecoder(input: input, output: output, length: length, memory: memory))
    case .zstandard:
      self = .zstandard(try ZstandardDecoder(input: input, output: output, length: length, memory: memory))
    }
  }

  /// Decodes up to `end`, and with `finishing` checks that nothing follows. Returns what has been produced.
  mutating func decode(to end: Int, finishing: Bool) throws(DecodeError) -> Int {
    // Taken out and put back, because a payload cannot be changed in place; after an error none is left.
    switch consume self {
    case .none:
      self = .none
      return 0
    case .lz4(var decoder):
      self = .none
      let produced = try Self.run(&decoder, end, finishing)
      self = .lz4(decoder)
      return produced
    case .microLZMA(var decoder):
      self = .none
      let produced = try Self.run(&decoder, end, finishing)
      self = .microLZMA(decoder)
      return produced
    case .deflate(var decoder):
      self = .none
      let produced = try Self.run(&decoder, end, finishing)
      self = .deflate(decoder)
      return produced
    case .zstandard(var decoder):
      self = .none
      let produced = try Self.run(&decoder, end, finishing)
      self = .zstandard(decoder)
      return produced
    }
  }

  @inline(__always)
  private static func run<D: Decoder & ~Copyable>(
    _ decoder: inout D, _ end: Int, _ finishing: Bool
  ) throws(DecodeError) -> Int {
    try decoder.decode(to: end)
    if finishing { try decoder.finish() }
    return decoder.produced
  }
}

extension Algorithm {
  /// Bytes of tables that a decoder needs at most.
  public var workingBytes: Int {
    switch self {
    case .lz4: LZ4Decoder.workingBytes
    case .microLZMA: MicroLZMADecoder.workingBytes
    case .deflate: DeflateDecoder.workingBytes
    case .zstandard: ZstandardDecoder.workingBytes
    }
  }
}
