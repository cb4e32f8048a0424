// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension CompressionLimits {
  /// Reads the records of an image, which lie from byte `records` on.
  mutating func read(
    _ storage: some Storage, _ features: IncompatibleFeatures, _ bitmapOrDistance: UInt16, _ records: FileOffset,
    _ failure: inout FaultRecord
  ) throws(Fault) {
    let hasRecords = take(features, bitmapOrDistance)
    let missing = algorithms & ~LinkedCodecs.all
    guard missing == 0 else {
      failure.set(
        .algorithm, UInt8(truncatingIfNeeded: 15 &- missing.leadingZeroBitCount), 0,
        SuperblockRecord.position(of: .algorithmsOrDistance))
      throw Fault()
    }
    guard hasRecords else { return }
    var position = records
    for id: UInt32 in 0..<4 where UInt32(algorithms & LinkedCodecs.all) & (1 &<< id) != 0 {
      position = position.aligned(to: FileOffset(truncatingIfNeeded: CompressionRecord.alignment))
      // Its length, and the first 6 bytes of its body: all that is looked at.
      let record = try storage.load64(position, &failure)
      let length = CompressionRecord.read(.length, of: record)
      position &+= FileOffset(truncatingIfNeeded: CompressionRecord.byteCount)
      guard length >= CompressionRecord.bodyBytes(ofAlgorithm: id), take(record, of: id) else {
        failure.set(.corrupt, Defect.compressionRecord.rawValue, 0, position)
        throw Fault()
      }
      position &+= FileOffset(length)
    }
  }
}
