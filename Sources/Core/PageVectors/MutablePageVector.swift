// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A ``PageVector`` that may be written to.
///
/// Code that makes one promises, besides what a `PageVector` requires, that no other code reads or writes its bytes
/// while it is written to.
@frozen @safe
public struct MutablePageVector: @unchecked Sendable {
  /// The same bytes, for reading.
  public let readOnly: PageVector

  @inlinable
  init(_ vector: PageVector) { readOnly = vector }

  /// A vector over contiguous memory: `count` bytes at `start`.
  @inlinable
  public init(unsafeContiguous start: UnsafeMutableRawPointer, count: Int) {
    unsafe readOnly = PageVector(unsafeContiguous: UnsafeRawPointer(start), count: count)
  }

  /// A vector over contiguous memory; empty for an empty buffer.
  @inlinable
  public init(unsafeContiguous buffer: UnsafeMutableRawBufferPointer) {
    unsafe readOnly = PageVector(unsafeContiguous: UnsafeRawBufferPointer(buffer))
  }

  /// A vector over frames of `1 << pageShift` bytes; see ``PageVector/init(unsafeFrames:pageShift:offset:count:)``.
  @inlinable
  public init(unsafeFrames frames: UnsafePointer<UnsafeMutableRawPointer>, pageShift: Int, offset: Int = 0, count: Int)
  {
    unsafe readOnly = PageVector(unsafeFrames: frames, pageShift: pageShift, offset: offset, count: count)
  }

  /// The empty vector.
  @inlinable
  public init() { readOnly = PageVector() }

  @inlinable public var count: Int { readOnly.count }
  @inlinable public var isEmpty: Bool { readOnly.isEmpty }
  @inlinable public var pageShift: Int { readOnly.pageShift }

  /// As ``PageVector/unsafeRun(at:)``.
  @inlinable @inline(__always) @unsafe
  package func unsafeRun(at position: Int) -> FrameRun {
    unsafe readOnly.unsafeRun(at: position)
  }

  /// The longest run of bytes from `position` on that is in one frame; empty at the vector's end and outside it.
  @inlinable
  public func run(at position: Int) -> UnsafeMutableRawBufferPointer {
    guard position >= 0, position < count else { return unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    let run = unsafe unsafeRun(at: position)
    return unsafe UnsafeMutableRawBufferPointer(start: run.start, count: run.count)
  }

  /// The first `length` bytes, or all of them where there are fewer.
  @inlinable
  public func prefix(_ length: Int) -> MutablePageVector { MutablePageVector(readOnly.prefix(length)) }

  /// All but the first `length` bytes; empty where there are no more.
  @inlinable
  public func dropFirst(_ length: Int = 1) -> MutablePageVector { MutablePageVector(readOnly.dropFirst(length)) }

  /// `length` bytes from `position` on, as far as the vector has them.
  @inlinable
  public func slice(at position: Int, count length: Int) -> MutablePageVector {
    MutablePageVector(readOnly.slice(at: position, count: length))
  }

  // MARK: Writing

  /// Writes one byte; false, and nothing written, outside the vector.
  @inlinable @discardableResult
  public func set(_ byte: UInt8, at position: Int) -> Bool {
    guard position >= 0, position < count else { return false }
    unsafe unsafeRun(at: position).start.storeBytes(of: byte, as: UInt8.self)
    return true
  }

  /// Copies the bytes of `source` to the start of this vector, as many as both hold; returns how many.
  ///
  /// The two may share memory only where they are the very same bytes or do not overlap.
  @discardableResult @inline(never)
  public func copy(from source: PageVector) -> Int {
    let total = min(count, source.count)
    var position = 0
    while position < total {
      let to = unsafe unsafeRun(at: position)
      let from = unsafe source.unsafeRun(at: position)
      let step = min(total &- position, min(to.count, from.count))
      unsafe to.start.copyMemory(from: from.start, byteCount: step)
      position &+= step
    }
    return total
  }

  /// Sets every byte.
  public func fill(_ byte: UInt8 = 0) {
    var position = 0
    while position < count {
      let to = unsafe unsafeRun(at: position)
      unsafe to.start.initializeMemory(as: UInt8.self, repeating: byte, count: to.count)
      position &+= to.count
    }
  }
}
