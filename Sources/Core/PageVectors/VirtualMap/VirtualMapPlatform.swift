// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What ``VirtualMap`` needs from the machine it runs on.
///
/// Every method but `lock` and `unlock` is called without the lock held, so the allocators may sleep. All methods are
/// called from every thread that maps or unmaps.
public protocol VirtualMapPlatform {
  /// Names one page frame; in Linux, a `struct page *`.
  associatedtype Page

  /// log2 of the page size in bytes, 5 ... 24. It never changes.
  var pageShift: Int { get }

  /// Where the page is: an address that is a multiple of the page size, the same at every call. Two pages are
  /// neighbours where their addresses are.
  func address(of page: Page) -> UnsafeMutableRawPointer

  /// `count` pages (1 or more) in one run, aligned to the page size, or nil. Contents do not matter.
  func allocateRun(pages count: Int) -> UnsafeMutableRawPointer?

  /// Takes back a run that `allocateRun` gave, whole.
  func freeRun(_ start: UnsafeMutableRawPointer, pages count: Int)

  /// Memory for a tracking record, aligned to 8 bytes, or nil. Contents do not matter.
  func allocateRecord(bytes: Int) -> UnsafeMutableRawPointer?

  /// Takes back a record, whole.
  func freeRecord(_ start: UnsafeMutableRawPointer, bytes: Int)

  /// Takes the one lock of the map; it is not taken twice by a thread, and nothing sleeps under it. See
  /// ``VirtualMap`` for how long it is held.
  func lock()
  func unlock()

  /// Reports a misuse; called each time that one is found.
  func report(_ finding: VirtualMapFinding)
}

/// What becomes of a mapping's bytes at unmap where its pages had to be copied. Contiguous pages are handed out as they
/// are in every mode.
@frozen
public enum VirtualMapMode: UInt8, Sendable {
  /// Whole pages are copied back, as the patch under discussion for Linux does: what others wrote to these pages in
  /// the meantime is lost. It is here to be compared with.
  case copyBack
  /// Only the bytes that the mapping changed are written.
  case mergeBack
  /// Nothing is written; the caller only reads.
  case readOnly
}

/// Something wrong that ``VirtualMap`` noticed. Addresses are bit patterns.
public enum VirtualMapFinding: Equatable, Sendable {
  /// Unmap of an address where nothing is mapped. Nothing was touched.
  case unknownAddress(UInt)
  /// Checked mode: unmap of an address that was unmapped shortly before and not mapped since. Nothing was touched.
  case doubleUnmap(UInt)
  /// `unmapRAM` with another number of pages than were mapped. The mapping was undone whole.
  case wrongPageCount(address: UInt, mapped: Int, unmapped: Int)
  /// Checked mode: `count` bytes of the page at `page`, the first of them `offset` bytes into it, were changed through
  /// the page's own address while `mapping` held a copy, and no direct mapping covered the page. In
  /// ``VirtualMapMode/mergeBack`` the change is kept, in ``VirtualMapMode/copyBack`` it is lost.
  case changedBehind(mapping: UInt, page: UInt, offset: Int, count: Int)
  /// Checked mode: `count` bytes of the page, the first at `offset`, were given different values through two copies
  /// with no event of the page between; one of the values is lost.
  case conflictingWrites(page: UInt, offset: Int, count: Int)
  /// Checked mode: `count` bytes were written through a read-only mapping of the page, the first at `offset`. They are
  /// not kept.
  case writtenReadOnly(page: UInt, offset: Int, count: Int)
  /// A mapping that was not undone before ``VirtualMap/end()``, and how many times it was mapped.
  case leftMapped(address: UInt, pages: Int, times: Int)
}

/// Counts since the state was made. They wrap.
public struct VirtualMapStatistics: Equatable, Sendable {
  /// Mappings made; of these, `direct` were contiguous pages handed out as they are.
  public internal(set) var maps: UInt = 0
  public internal(set) var direct: UInt = 0
  /// Maps that failed because memory ran out.
  public internal(set) var failures: UInt = 0
  /// Mappings undone.
  public internal(set) var unmaps: UInt = 0
  /// Bytes copied into bounce buffers and base pages.
  public internal(set) var bytesCopiedIn: UInt64 = 0
  /// Bytes written to pages at unmap and at other events.
  public internal(set) var bytesWrittenBack: UInt64 = 0
  /// Searches by address, and how many records they looked at in all.
  public internal(set) var lookups: UInt64 = 0
  public internal(set) var probes: UInt64 = 0

  @inlinable
  public init() {}
}
