// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension CompressionLimits {
  /// Reads the records of an image, which start at byte `records`.
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
    for id in 0..<Algorithm.count where algorithms & LinkedCodecs.all & (1 &<< UInt16(id)) != 0 {
      guard let algorithm = Algorithm(rawValue: id) else { return }
      position = position.aligned(to: FileOffset(truncatingIfNeeded: CompressionRecord.alignment))
      // Its length, and the first 6 bytes of its body: all that is looked at.
      let record = try storage.load64(position, &failure)
      let length = CompressionRecord.read(.length, of: record)
      position &+= FileOffset(truncatingIfNeeded: CompressionRecord.byteCount)
      guard take(record, length: length, of: algorithm) else {
        failure.set(.corrupt, Defect.compressionRecord.rawValue, 0, position)
        throw Fault()
      }
      position &+= FileOffset(length)
    }
  }
}
