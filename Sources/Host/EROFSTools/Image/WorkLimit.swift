// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Synchronization

/// The most work that reading an image may take, in proportion to its size.
///
/// In a hostile image a few bytes can cause hours of work: thousands of inodes that share one index of a hundred
/// thousand extents, directories with the same million names, files whose extents are all the same pcluster. Each of
/// them is valid by itself, but mkfs.erofs makes no image like it. So work is counted, and when it exceeds what an
/// image of this size can justify, it ends with `unsupported(.work)`.
///
/// Counts do not depend on the machine or on the number of threads. One step takes about a nanosecond. A limit serves
/// one run; its threads share it.
public final class WorkLimit: Sendable {
  /// Steps and names that every image may use, however small.
  static let leastSteps: UInt64 = 1 << 32
  static let leastNames: UInt64 = 1 << 18
  /// Steps for each byte of the image. A compressed one takes 70 to 150 when it is read, and more where much is
  /// deduplicated; where a block holds as many zeros as the format allows it is thousands, but an image that is little
  /// else has the least number above, which is enough for half a gigabyte of them or more.
  static let stepsPerByte: UInt64 = 1 << 10
  /// Bytes of the image for each name: a directory takes 13 or more for one before it is compressed, and its inode 32.
  static let bytesPerName: UInt64 = 8

  /// Bytes of content that may be written for any image, however small, and for each of its bytes: an image of real
  /// files has 2 to 5, and only one of almost nothing but equal bytes has more than these. Writing takes longer than
  /// decoding, and a disk that is full harms others.
  static let leastContent: UInt64 = 1 << 30
  static let contentPerByte: UInt64 = 64

  /// Bytes of content that may be written, without holes. An extraction computes its content before it writes anything.
  public let contentBytes: UInt64

  private let stepsLeft: Atomic<UInt64>
  private let namesLeft: Atomic<UInt64>
  private let exceeded = Atomic<Bool>(false)

  /// Whether the limit was exceeded. From then on every request fails.
  public var isExceeded: Bool { exceeded.load(ordering: .relaxed) }

  public init(steps: UInt64, names: UInt64, contentBytes: UInt64 = 1 << 30) {
    self.contentBytes = contentBytes
    stepsLeft = Atomic(steps)
    namesLeft = Atomic(names)
  }

  /// The limit for an image with its extra devices, by their size.
  public convenience init(for image: ImageFile) {
    let bytes = image.byteCount
    self.init(
      steps: Self.product(bytes, Self.stepsPerByte, plus: Self.leastSteps),
      names: bytes / Self.bytesPerName + Self.leastNames,
      contentBytes: Self.product(bytes, Self.contentPerByte, plus: Self.leastContent))
  }

  /// Saturates.
  private static func product(_ bytes: UInt64, _ factor: UInt64, plus least: UInt64) -> UInt64 {
    let (product, isHuge) = bytes.multipliedReportingOverflow(by: factor)
    return isHuge || product > .max - least ? .max : product + least
  }

  /// Steps that are left.
  package var steps: UInt64 { isExceeded ? 0 : stepsLeft.load(ordering: .relaxed) }

  /// Takes steps; if fewer are left, all of them.
  func spend(_ steps: UInt64) throws(EROFSError) { try take(steps, from: stepsLeft) }

  /// Takes a name, and the memory for its path if paths are kept.
  func spendName(pathBytes: Int) throws(EROFSError) { try take(1 + UInt64(pathBytes) / 256, from: namesLeft) }

  private func take(_ count: UInt64, from left: borrowing Atomic<UInt64>) throws(EROFSError) {
    let before = left.wrappingSubtract(count, ordering: .relaxed).oldValue
    guard before >= count else {
      // The count has wrapped around, and other threads may have taken from it: nothing is left for anyone.
      exceeded.store(true, ordering: .relaxed)
      throw .unsupported(.work, at: .device(0, offset: 0))
    }
    if isExceeded { throw .unsupported(.work, at: .device(0, offset: 0)) }
  }

  // MARK: What takes how many steps

  /// Finding an extent: its entry, and for a compressed one those of the lclusters that it covers.
  func spend(finding extent: Extent) throws(EROFSError) {
    if case .compressed = extent.encoding { return try spend(1024 + extent.length / 8) }
    try spend(1024)
  }

  /// Reading an extent. Decoding takes time for the stored bytes too, for some codecs much more than for the decoded ones.
  func spend(reading extent: Extent) throws(EROFSError) {
    switch (extent.place, extent.encoding) {
    case (.hole, _): break
    case (_, .compressed(let algorithm)):
      let codec = algorithm.onHosts
      try spend(codec.stepsPerByte * extent.length + codec.stepsPerStoredByte * extent.storedLength)
    default: try spend(extent.length)
    }
  }

  /// Feeding a digest with the zeros of a hole.
  func spend(digestingZeros count: UInt64) throws(EROFSError) { try spend(count) }

  /// Reading an extent on simulated machines: there even a hole is written and compared, byte by byte, on each of them.
  func spend(simulating extent: Extent) throws(EROFSError) {
    try spend(reading: extent)
    if extent.place == .hole { try spend(extent.length > .max / 16 ? .max : 16 * extent.length) }
  }

  /// Writing the zeros of a hole to a pipe or a terminal.
  public func spend(writingZeros count: UInt64) throws(EROFSError) { try spend(count) }

  func spend(readingAttribute bytes: Int) throws(EROFSError) { try spend(2048 + UInt64(bytes)) }

  func spendSettingAttribute() throws(EROFSError) { try spend(8192) }

  /// Looking for an attribute by its name among `count`.
  func spend(searchingAmong count: Int) throws(EROFSError) { try spend(16 * UInt64(count)) }
}
