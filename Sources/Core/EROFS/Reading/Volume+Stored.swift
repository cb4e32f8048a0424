// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

// For callers that bring stored bytes and decoded pages together themselves, as a kernel does that has both in its page
// cache, and for those who look at how an image is laid out.

extension Volume {
  /// The device on which an extent's stored bytes lie, and their offset there in bytes, the unified address space
  /// resolved; nil for what no device holds as it is: holes, fragments, and what lies in the metabox.
  ///
  /// - Throws: `corrupt` where the bytes are not all inside the device, `unsupported` where the device is missing.
  public func location(of extent: Extent) throws(EROFSError) -> (device: Int, offset: UInt64)? {
    switch extent.place {
    case .device(let device, let address): return try locate(device, address, length: extent.bytesOnDevice)
    case .metadata(.device, let offset): return try locate(0, offset, length: extent.bytesOnDevice)
    case .hole, .packed, .metadata(.metabox, _): return nil
    }
  }

  /// Reads the stored bytes of an extent as they are, from the first on, as many as `destination` holds and there are;
  /// nothing for holes and fragments.
  ///
  /// - Returns: how many.
  public mutating func readStored(_ extent: Extent, into destination: MutablePageVector) throws(EROFSError) -> Int {
    let part = destination.prefix(Int(truncatingIfNeeded: min(extent.bytesOnDevice, UInt64(Int.max))))
    switch extent.place {
    case .device(let device, let address): try readStored(device, address, skip: 0, part)
    case .metadata(let stream, let offset): try copy(stream, at: offset, into: part)
    case .hole, .packed: return 0
    }
    return part.count
  }

  /// Decodes the first `output.count` bytes of a compressed extent from its stored bytes.
  ///
  /// - Parameters:
  ///   - extent: what is decoded, as ``extent(of:at:)`` gave it.
  ///   - stored: all stored bytes, as ``readStored(_:into:)`` gives them.
  ///   - output: bytes of the extent, at most its length. Its pages are the decoder's window.
  ///   - state: at least `Algorithm.workingBytes` of the extent's algorithm.
  /// - Throws: `undecodable`; `memory` where the state is too small. An extent that is not compressed, or shorter than
  ///   `output`, is an `outputLong` one.
  public func decode(
    _ extent: Extent, stored: PageVector, into output: MutablePageVector, state: WorkingMemory
  ) throws(EROFSError) {
    let position: Position =
      switch extent.place {
      case .device(let device, let address): .device(device, offset: address)
      case .metadata(let stream, let offset): stream.position(offset)
      case .hole, .packed: .device(0, offset: 0)
      }
    guard case .compressed(let algorithm) = extent.encoding, UInt64(output.count) <= extent.length else {
      throw .undecodable(DecodeError(.outputLong, at: 0), algorithm: .lz4, at: position)
    }
    do throws(DecodeError) {
      var decoder = try AnyDecoder(
        algorithm, input: try trimmed(stored, extent), output: output, length: output.count, memory: state)
      let isWhole = UInt64(output.count) == extent.length
      _ = try decoder.decode(to: output.count, finishing: isWhole && mustFinish(extent))
    } catch {
      if error.reason == .memory { throw .memory(.fileState, bytes: algorithm.workingBytes) }
      throw .undecodable(error, algorithm: algorithm, at: position)
    }
  }
}

extension Extent {
  /// Bytes that are read from where it is stored: of a plain extent, those that count.
  fileprivate var bytesOnDevice: UInt64 { encoding == .plain ? length : storedLength }
}
