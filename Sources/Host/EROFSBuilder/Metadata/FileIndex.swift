// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting

/// How the extents of a compressed file are written down next to its inode: the smallest form that can say what they are.
///
/// All numbers of a section are those of Documentation/Format.md.
struct FileIndex {
  /// What there is to be indexed.
  struct Content {
    /// Bytes of the file, 1 at least.
    var size: UInt64
    /// In order, from the first byte on; without the tail.
    var extents: RunList<StoredExtent>.Part
    var tail = Tail.none
    /// Ids of the first and the second algorithm.
    var algorithms: (UInt8, UInt8) = (0, 0)
  }

  enum Tail: Equatable {
    case none
    /// The last extent's bytes, which follow the index.
    case inline(byteCount: Int, length: Int, form: StoredExtent.Form)
    /// The last `length` bytes are in the packed inode, from `offset` on.
    case packed(offset: UInt64, length: Int)
  }

  enum Form: Equatable {
    case compact(hasLargePacks: Bool)
    case full
    /// Bytes of a record: 4, 8, 16 or 32.
    case encoded(recordBytes: Int)
    /// The whole file is in the packed inode.
    case fragment
  }

  let content: Content
  let blockShift: Int
  let form: Form
  /// Of the inode.
  let layout: DataLayout
  private let lclusters: LclusterList?

  /// - Parameters:
  ///   - allowsEncoded: whether the image may have encoded extents; addresses that are not those of blocks need them.
  ///   - allowsCompact: whether compact indexes are wanted where they are possible.
  init(_ content: Content, blockShift: Int, allowsEncoded: Bool, allowsCompact: Bool = true) {
    self.content = content
    self.blockShift = blockShift
    if case .packed(_, let length) = content.tail, UInt64(length) == content.size {
      form = .fragment
      layout = .compressedFull
      lclusters = nil
      return
    }
    let isAligned = content.extents.values.allSatisfy {
      ($0.address | UInt64($0.storedBytes)) & ((1 << UInt64(blockShift)) - 1) == 0
    }
    // Indexes of lclusters have no holes that all readers know.
    let hasHoles = content.extents.values.contains { $0.form == .hole }
    if allowsEncoded, !isAligned || hasHoles {
      form = .encoded(recordBytes: Self.recordBytes(content, blockShift))
      layout = .compressedFull
      lclusters = nil
      return
    }
    precondition(isAligned && !hasHoles)
    let list = LclusterList(content, blockShift: blockShift)
    lclusters = list
    if allowsCompact, blockShift <= 14, list.isConsecutive {
      form = .compact(hasLargePacks: blockShift <= 12)
      layout = .compressedCompact
    } else {
      form = .full
      layout = .compressedFull
    }
  }

  /// Stored blocks, for stat.
  var storedBlocks: UInt64 {
    content.extents.runs.reduce(0) {
      $1.element.isShared ? $0 : $0 + UInt64($1.element.storedBytes) * UInt64($1.count)
    } >> UInt64(blockShift)
  }

  // MARK: Bytes

  /// Bytes of an inode whose xattrs end at byte `end` of its stream, up to the end of its index. The inline tail comes after
  /// them.
  func end(after end: Int) -> Int {
    let start = Self.tableStart(after: end, form)
    switch form {
    case .fragment: return start
    case .compact(let hasLargePacks):
      return start
        + LclusterIndex.compactByteCount(lclusters!.count, at: FileOffset(start), hasLargePacks: hasLargePacks)
    case .full: return start + lclusters!.count * LclusterRecord.byteCount
    case .encoded(let recordBytes):
      return start + (recordBytes == 4 ? EncodedExtentRecord.firstAddressBytes : 0) + encodedCount * recordBytes
    }
  }

  /// Gives an inode and its index to `take`. Full indexes and tables of encoded extents come piece by piece, and are not in
  /// memory as a whole.
  ///
  /// - Parameter inode: all bytes before the map header.
  func write(after inode: [UInt8], to take: ([UInt8]) throws -> Void) rethrows {
    let end = inode.count
    var bytes = inode
    bytes.append(contentsOf: repeatElement(0, count: Self.headerStart(after: end) - end))
    var header = self.header
    if form == .compact(hasLargePacks: true) { header.advise(.compact2B) }
    bytes += header.bytes
    let start = Self.tableStart(after: end, form)
    bytes.append(contentsOf: repeatElement(0, count: start - bytes.count))
    func takePiece() throws {
      guard bytes.count >= Self.pieceBytes else { return }
      try take(bytes)
      bytes.removeAll(keepingCapacity: true)
    }
    switch form {
    case .fragment: break
    case .compact(let hasLargePacks):
      let at = FileOffset(start)
      bytes += LclusterIndex.compact(
        lclusters!.compactEntries(at: at, hasLargePacks: hasLargePacks), at: at, blockShift: blockShift,
        hasLargePacks: hasLargePacks, base: { lclusters!.base(ofPackAt: $0) })
    case .full:
      try lclusters!.forEachRecord {
        bytes += $0.bytes
        try takePiece()
      }
    case .encoded(let recordBytes):
      bytes += EncodedExtent.tableHead(
        firstAddress: content.extents.first.map(Self.address) ?? 0, recordBytes: recordBytes)
      try forEachEncoded {
        $0.append(to: &bytes, recordBytes: recordBytes)
        try takePiece()
      }
    }
    try take(bytes)
  }

  private static let pieceBytes = 64 << 10

  private static func headerStart(after end: Int) -> Int { (end + 7) & ~7 }

  private static func tableStart(after end: Int, _ form: Form) -> Int {
    let start = headerStart(after: end) + MapHeaderRecord.byteCount
    switch form {
    case .fragment, .full: return start + MapHeaderRecord.fullIndexGap
    case .compact: return start
    case .encoded(let recordBytes): return (start + recordBytes - 1) & ~(recordBytes - 1)
    }
  }

  private struct Header {
    var value = MapHeader(raw: 0)
    var bytes: [UInt8] { withUnsafeBytes(of: value.raw.littleEndian) { Array($0) } }
    mutating func advise(_ advice: MapAdvice) { value[.advice] = MapAdvice(raw: value[.advice]).union(advice).raw }
  }

  private var header: Header {
    var header = Header()
    if form == .fragment, case .packed(let offset, _) = content.tail {
      header.value = MapHeader(fragmentAt: offset)
      return header
    }
    if case .encoded(let recordBytes) = form {
      var advice = MapAdvice.extents
      advice.recordShift = UInt16((recordBytes / 4).trailingZeroBitCount)
      header.value[.advice] = advice.raw
      if recordBytes >= 16 {
        let count = UInt64(encodedCount)
        header.value[.fragmentOrCount] = UInt32(truncatingIfNeeded: count)
        header.value[.countHigh] = UInt16(count >> 32)
      } else {
        var bits = MapClusterBits(raw: 0)
        bits.shift = UInt8(fixedLength!.trailingZeroBitCount - blockShift)
        header.value[.clusterBits] = bits.raw
      }
    } else {
      var algorithms = MapAlgorithms(raw: 0)
      (algorithms.head1, algorithms.head2) = content.algorithms
      header.value[.algorithms] = algorithms.raw
      if lclusters!.hasBigPclusters { header.advise([.bigPcluster1, .bigPcluster2]) }
    }
    if content.extents.values.contains(where: { $0.form == .interlaced }) { header.advise(.interlacedPcluster) }
    switch content.tail {
    case .none: break
    case .inline(let byteCount, _, _):
      header.advise(.inlinePcluster)
      header.value[.inlineBytes] = UInt16(byteCount)
    case .packed(let offset, _):
      header.advise(.fragmentPcluster)
      if case .encoded = form { break }
      header.value[.fragmentOrCount] = UInt32(truncatingIfNeeded: offset)
    }
    return header
  }

  // MARK: Encoded extents

  /// The length that all extents but the last have, where it is a power of two and at least a block; else nil.
  private var fixedLength: Int? {
    guard content.tail == .none, let first = content.extents.first else { return nil }
    let length = content.extents.count == 1 ? Int(first.length).nextPowerOfTwo : Int(first.length)
    guard length & (length - 1) == 0, length >> blockShift >= 1, length >> blockShift <= 1 << 15 else { return nil }
    let others = content.extents.dropLast().values.allSatisfy { Int($0.length) == length }
    return others && Int(content.extents.last!.length) <= length ? length : nil
  }

  private static func recordBytes(_ content: Content, _ blockShift: Int) -> Int {
    let probe = FileIndex(probing: content, blockShift)
    if probe.fixedLength != nil {
      let pairs = zip(content.extents, content.extents.dropFirst())
      let holes = content.extents.values.contains { $0.form == .hole }
      if !holes, pairs.allSatisfy({ $1.address == $0.address + UInt64($0.storedBytes) }) { return 4 }
      if content.extents.values.allSatisfy({ $0.address <= UInt64(UInt32.max) }) { return 8 }
    }
    return content.size <= UInt64(UInt32.max) ? 16 : 32
  }

  private init(probing content: Content, _ blockShift: Int) {
    self.content = content
    self.blockShift = blockShift
    form = .full
    layout = .compressedFull
    lclusters = nil
  }

  private var encodedCount: Int {
    if case .packed = content.tail { return content.extents.count + 1 }
    return content.extents.count
  }

  private static func address(of extent: StoredExtent) -> UInt64 { extent.form == .hole ? 0 : extent.address }

  private func forEachEncoded(_ body: (EncodedExtent) throws -> Void) rethrows {
    var start: UInt64 = 0
    for extent in content.extents {
      var length = EncodedLength(raw: 0)
      if extent.form != .hole {
        length.bytes = extent.storedBytes
        length.isPartial = extent.isPartial
        if extent.form == .compressed { length.format = UInt32(extent.algorithm) + 1 }
      }
      try body(EncodedExtent(start: start, length: length, address: Self.address(of: extent)))
      start += UInt64(extent.length)
    }
    if case .packed(let offset, _) = content.tail {
      try body(
        EncodedExtent(
          start: start, length: EncodedLength(raw: UInt32(truncatingIfNeeded: offset)), address: offset >> 32))
    }
  }
}

extension Int {
  /// The smallest power of two that is not below it; of 1 and less, 1.
  fileprivate var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
