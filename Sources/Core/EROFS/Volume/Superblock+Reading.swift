// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

extension Superblock {
  /// Reads and checks the superblock of `storage`; needs no memory but the stack.
  public init(reading storage: some Storage) throws(EROFSError) {
    self.init()
    var failure = FaultRecord()
    do throws(Fault) { try Self.read(&self, storage, &failure) } catch { throw failure.error }
  }

  /// Reads and checks it.
  ///
  /// Not a method: there `self` is in a register that only the long instructions of Thumb reach.
  @inline(never)
  static func read(
    _ superblock: inout Superblock, _ storage: some Storage, _ failure: inout FaultRecord
  ) throws(Fault) {
    let start = FileOffset(Self.offset)
    let available = storage.byteCount(ofDevice: 0)
    // As far as an image that ends early has it.
    var count = MemoryLayout<SuperblockWords>.size
    if available < start &+ FileOffset(truncatingIfNeeded: count) { count = Self.size }
    try unsafe withUnsafeMutableBytes(of: &superblock.words) { (buffer) throws(Fault) in
      try unsafe storage.load(start, MutablePageVector(unsafeContiguous: buffer).prefix(count), &failure)
    }
    superblock.words.swapToHost()
    try superblock.check(count, &failure)
    superblock.blockMask = (1 &<< FileOffset(truncatingIfNeeded: superblock.blockShift)) &- 1
    var records = start &+ FileOffset(Self.size)
    records &+= FileOffset(truncatingIfNeeded: SuperblockRecord.extraSlotBytes) &* FileOffset(superblock.extraSlots)
    try superblock.compression.read(
      storage, superblock.incompatible, superblock.bitmapOrDistance, records, &failure)
  }

  /// Recomputes the checksum of the superblock's block; nil where the image does not carry one.
  public func checksumMatches(in storage: some Storage) throws(EROFSError) -> Bool? {
    guard compatible.contains(.superblockChecksum) else { return nil }
    var failure = FaultRecord()
    do throws(Fault) { return try computedChecksum(storage, &failure) == checksum } catch { throw failure.error }
  }

  func computedChecksum(_ storage: some Storage, _ failure: inout FaultRecord) throws(Fault) -> UInt32 {
    var crc = CRC32C()
    var position = FileOffset(Self.offset)
    while position < checksumEnd {
      update(&crc, try storage.load32(position, &failure), at: position)
      position &+= 4
    }
    return crc.value
  }
}
