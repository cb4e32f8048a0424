// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Bytes of a vector that are in one frame: where they start, and how many there are.
@frozen @safe
@usableFromInline
package struct FrameRun {
  @usableFromInline package let start: UnsafeMutableRawPointer
  @usableFromInline package let count: Int

  @inlinable @inline(__always)
  package init(start: UnsafeMutableRawPointer, count: Int) {
    unsafe self.start = start
    self.count = count
  }
}

/// Bytes scattered over page frames: a table of frame addresses, the offset of the first byte, and a length.
///
/// Contiguous memory is the case of one page that is large enough, so code for page vectors works with both.
/// Frames are of one power-of-two size and may be anywhere, in any order, and be repeated.
///
/// A vector borrows: code that makes one promises that the table and every frame stay valid, and that nothing writes to
/// the bytes at the same time, for as long as the vector is in use. That promise is all that is unsafe here, and it is
/// given once, in an initializer labelled `unsafe…`; after that no operation reads outside the vector, whatever its
/// arguments. Positions count bytes from the vector's first; a position or a length that leaves the vector is cut.
@frozen @safe
public struct PageVector: @unchecked Sendable {
  /// Where the addresses of the frames are, or contiguous memory itself: the shift tells which.
  @usableFromInline let start: UnsafeMutableRawPointer
  @usableFromInline let placement: FramePlacement
  /// Bytes in the vector.
  public let count: Int

  @inlinable static var contiguousShift: Int { Int.bitWidth - 2 }
  @inlinable var shift: Int { placement.shift }
  @inlinable var offset: Int { placement.offset }

  @inlinable
  init(start: UnsafeMutableRawPointer, shift: Int, offset: Int, count: Int) {
    unsafe self.start = start
    placement = FramePlacement(shift: shift, offset: offset)
    self.count = count
  }

  /// A vector over contiguous memory: `count` bytes at `start`.
  @inlinable
  public init(unsafeContiguous start: UnsafeRawPointer, count: Int) {
    unsafe self.init(
      start: UnsafeMutableRawPointer(mutating: start), shift: Self.contiguousShift, offset: 0, count: max(0, count))
  }

  /// A vector over contiguous memory; empty for an empty buffer.
  @inlinable
  public init(unsafeContiguous buffer: UnsafeRawBufferPointer) {
    if let start = buffer.baseAddress {
      unsafe self.init(unsafeContiguous: start, count: buffer.count)
    } else {
      self.init()
    }
  }

  /// A vector over frames of `1 << pageShift` bytes. In embedded programs with the trait `ContiguousMemory` it is empty.
  ///
  /// - Parameters:
  ///   - frames: the frames' addresses; as many as `offset + count` bytes need.
  ///   - pageShift: log2 of the frame size, 0 ..< 30.
  ///   - offset: where the first byte is, counted from the start of the first frame.
  ///   - count: bytes; cut so that `offset + count` stays below 2^30 pages and in an `Int`.
  @inlinable
  public init(unsafeFrames frames: UnsafePointer<UnsafeMutableRawPointer>, pageShift: Int, offset: Int = 0, count: Int)
  {
    let shift = min(max(pageShift, 0), 29)
    let first = max(offset, 0)
    unsafe self.init(
      start: UnsafeMutableRawPointer(mutating: frames), shift: shift, offset: first,
      count: FramePlacement.hasFrames ? min(max(count, 0), Int.max - first) : 0)
  }

  /// The empty vector.
  @inlinable
  public init() {
    unsafe self.init(
      start: UnsafeMutableRawPointer(bitPattern: 1)!, shift: Self.contiguousShift, offset: 0, count: 0)
  }

  @inlinable public var isEmpty: Bool { count == 0 }

  /// log2 of the page size; of a contiguous vector, a number no length reaches.
  @inlinable public var pageShift: Int { shift }

  /// Address of the byte at `position`, which must be in the vector, and how many bytes follow it without a gap.
  ///
  /// Only the audited primitives of this package call it; everybody else takes ``run(at:)``, which checks.
  @inlinable @inline(__always) @unsafe
  package func unsafeRun(at position: Int) -> FrameRun {
    guard let table = unsafe unsafeTable else {
      return unsafe FrameRun(start: start + position, count: count &- position)
    }
    let at = offset &+ position
    let inPage = at & ((1 &<< shift) &- 1)
    let left = count &- position
    let inFrame = (1 &<< shift) &- inPage
    return unsafe FrameRun(start: table[at &>> shift] + inPage, count: left < inFrame ? left : inFrame)
  }

  /// The frames' addresses; nil where the vector is contiguous. For loops that look up pages themselves.
  @inlinable @unsafe
  package var unsafeTable: UnsafePointer<UnsafeMutableRawPointer>? {
    shift == Self.contiguousShift
      ? nil : unsafe UnsafePointer(start.assumingMemoryBound(to: UnsafeMutableRawPointer.self))
  }

  /// Where the first byte is, counted from the start of frame 0.
  @inlinable @unsafe
  package var unsafeOffset: Int { offset }

  /// The longest run of bytes from `position` on that is in one frame; empty at the vector's end and outside it.
  @inlinable
  public func run(at position: Int) -> UnsafeRawBufferPointer {
    guard position >= 0, position < count else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
    let run = unsafe unsafeRun(at: position)
    return unsafe UnsafeRawBufferPointer(start: run.start, count: run.count)
  }

  /// The byte at `position`, nil outside the vector.
  @inlinable
  public func byte(at position: Int) -> UInt8? {
    guard position >= 0, position < count else { return nil }
    return unsafe unsafeRun(at: position).start.load(as: UInt8.self)
  }

  // MARK: Slicing

  /// The first `length` bytes, or all of them where there are fewer.
  @inlinable
  public func prefix(_ length: Int) -> PageVector {
    unsafe PageVector(start: start, shift: shift, offset: offset, count: min(max(length, 0), count))
  }

  /// All but the first `length` bytes; empty where there are no more.
  @inlinable
  public func dropFirst(_ length: Int = 1) -> PageVector {
    let dropped = min(max(length, 0), count)
    if shift == Self.contiguousShift {
      return unsafe PageVector(start: start + dropped, shift: shift, offset: 0, count: count - dropped)
    }
    return unsafe PageVector(start: start, shift: shift, offset: offset + dropped, count: count - dropped)
  }

  /// `length` bytes from `position` on, as far as the vector has them.
  @inlinable
  public func slice(at position: Int, count length: Int) -> PageVector { dropFirst(position).prefix(length) }

  // MARK: Questions

  /// The address of the first byte where all bytes follow it without a gap: because the vector has one page, or because
  /// its frames happen to be neighbours in order. Nil where they are scattered, and for an empty vector.
  public var contiguousAddress: UnsafeRawPointer? {
    guard count > 0 else { return nil }
    let first = unsafe unsafeRun(at: 0)
    var position = first.count
    while position < count {
      let next = unsafe unsafeRun(at: position)
      guard unsafe UInt(bitPattern: next.start) == UInt(bitPattern: first.start) &+ UInt(bitPattern: position) else {
        return nil
      }
      position += next.count
    }
    return unsafe UnsafeRawPointer(first.start)
  }

  /// Whether all bytes follow each other in memory. The empty vector does.
  public var isContiguous: Bool { unsafe count == 0 || contiguousAddress != nil }

  /// Whether both vectors hold the same bytes, however they are scattered.
  public func elementsEqual(_ other: PageVector) -> Bool {
    guard count == other.count else { return false }
    var position = 0
    while position < count {
      let a = unsafe unsafeRun(at: position)
      let b = unsafe other.unsafeRun(at: position)
      let step = min(a.count, b.count)
      for i in 0..<step
      where unsafe a.start.load(fromByteOffset: i, as: UInt8.self) != b.start.load(fromByteOffset: i, as: UInt8.self) {
        return false
      }
      position += step
    }
    return true
  }

  /// Calls `body` with each run of the vector in order.
  @inlinable
  public func forEachRun<Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    var position = 0
    while position < count {
      let run = unsafe unsafeRun(at: position)
      unsafe try body(UnsafeRawBufferPointer(start: run.start, count: run.count))
      position += run.count
    }
  }

  // MARK: Copying out

  /// Copies bytes from `position` on into `buffer`; returns how many there were, at most the buffer's size.
  @discardableResult
  public func copyBytes(at position: Int = 0, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let start = buffer.baseAddress else { return 0 }
    return unsafe MutablePageVector(unsafeContiguous: start, count: buffer.count).copy(from: dropFirst(position))
  }

  /// The little-endian integer at `position`, nil where the vector does not hold all of it. It may cross pages.
  @inlinable
  public func load<T: FixedWidthInteger>(at position: Int, as type: T.Type = T.self) -> T? {
    let size = MemoryLayout<T>.size
    guard position >= 0, position <= count - size else { return nil }
    let run = unsafe unsafeRun(at: position)
    if run.count >= size { return unsafe T(littleEndian: run.start.loadUnaligned(as: T.self)) }
    var value: T = 0
    var i = size
    while i > 0 {
      i -= 1
      value = (value << 8) | T(truncatingIfNeeded: unsafe unsafeRun(at: position + i).start.load(as: UInt8.self))
    }
    return value
  }
}
