// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

// For callers that bring stored bytes and decoded pages together themselves, as a kernel does that has both in its page
// cache, and for those who look at how an image is laid out.

extension Volume {
  /// The device on which an extent's stored bytes are, and their offset there in bytes, with unified addresses resolved. Nil
  /// for holes, fragments and extents in the metabox: no device has their bytes as they are.
  ///
  /// - Throws: `corrupt` where the bytes are not all inside the device, `unsupported` where the device is missing.
  public mutating func location(of extent: Extent) throws(EROFSError) -> (device: Int, offset: FileOffset)? {
    guard extent.space == .device || extent.space == .metadata else { return nil }
    do throws(Fault) {
      let place = try locate(extent.device, extent.address, extent.bytesStored)
      return (place.device, place.offset)
    } catch { throw failure.error }
  }

  /// Reads the stored bytes of an extent as they are, from the first on, as many as `destination` holds and there are;
  /// nothing for holes and fragments.
  ///
  /// - Returns: how many.
  public mutating func readStored(_ extent: Extent, into destination: MutablePageVector) throws(EROFSError) -> Int {
    if extent.space == .hole || extent.space == .packed { return 0 }
    var extent = extent
    let part = destination.prefix(Int(clamping: extent.bytesStored))
    do throws(Fault) { try copyStored(&extent, into: part) } catch { throw failure.error }
    return part.count
  }

  /// Decodes the first `output.count` bytes of a compressed extent from its stored bytes.
  ///
  /// - Parameters:
  ///   - extent: as ``extent(of:at:)`` gave it.
  ///   - stored: all stored bytes, as ``readStored(_:into:)`` gives them.
  ///   - output: bytes of the extent, at most its length. Its pages are the decoder's window.
  ///   - state: at least `Algorithm.workingBytes` of the extent's algorithm.
  /// - Throws: `undecodable`; `memory` where the state is too small. An extent that is not compressed, or shorter than
  ///   `output`, is an `outputLong` one.
  public func decode(
    _ extent: Extent, stored: PageVector, into output: MutablePageVector, state: WorkingMemory
  ) throws(EROFSError) {
    guard extent.form.isCompressed, FileOffset(output.count) <= extent.length else {
      throw extent.failure(DecodeError(.outputLong, at: 0), Need.fileState.rawValue).error
    }
    if output.isEmpty { return }
    var extent = extent
    let isPrefix = FileOffset(output.count) < extent.length
    extent.length = FileOffset(output.count)
    var decoder = ExtentDecoder()
    decoder.state = state
    decoder.input = stored
    decoder.output = output
    do throws(DecodeError) {
      try decoder.begin(&extent, of: 1, superblock.incompatible, superblock.blockMask)
      if isPrefix { decoder.mustFinish = false }
      try decoder.decodeAll()
    } catch { throw extent.failure(error, Need.fileState.rawValue).error }
  }
}
