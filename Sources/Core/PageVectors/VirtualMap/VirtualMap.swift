// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The vmap family for a machine without an MMU: one address range for pages at any addresses.
///
/// Pages that follow each other in memory are handed out at their own address. Others are copied into a run of
/// contiguous pages, a bounce buffer, and what the caller wrote there is brought back.
///
/// ## What is promised
///
/// A byte of a page can be reached through the page's own address (by a direct mapping, or by code that knows nothing of
/// mappings) and through the copy of each bounced mapping. An *event* of a page is the moment in a call of `map`,
/// `unmap`, `mapRAM`, `unmapRAM` or ``synchronize(_:)`` of any mapping of the page when that call gets to the page; the
/// events of one page follow each other. For callers that never write a byte while other code reads or writes it, as
/// they may not with shared memory either, the mappings ``VirtualMapMode/mergeBack`` and ``VirtualMapMode/readOnly`` and
/// the page's own address behave like shared memory as follows:
///
/// - Whoever reads or writes a byte through the same address as the last writer always sees that writer's value.
/// - Through another address, the value of the last writer is seen, and a value written there counts as the later one,
///   if at least one event of the page is between the two. So a byte may change hands whenever the first mapping is
///   undone, the second is made, or any third that holds the page is made, undone or synchronized in between. That
///   holds also where the new value is the one that the byte had before the first writer.
/// - Bytes that no caller writes are never written by the map, so neighbours do not disturb each other.
/// - When all mappings are undone, every byte of the page has the value that was written last.
///
/// More is not possible: without an MMU and without an event, no code learns that a byte of one copy changed
/// before that of another. Where that happens the value of the mapping being undone wins, then any copy's, then the
/// page's, and the checked mode reports the conflict. The same is true of one page at two places of one list, where the
/// later place wins.
///
/// ## How
///
/// Each page with live copies has one *base*: its bytes as of the last event. At an event every byte of the page and of
/// every copy that differs from the base was written since, by exactly one of them, and is written to the base, to the
/// page and to all the other copies: as single bytes, or as a word where all bytes of it changed. The bytes are read
/// while their owners may be writing them; each is read once, and a value seen too early is one that no other code may
/// look at yet.
///
/// A base per mapping would not do: after A copied, B wrote a byte, gave it up, and A wrote the byte's old value again,
/// A's copy equals A's base. The page itself as the base would not do either, because it may be written directly.
///
/// ## What it costs
///
/// A bounced mapping of n pages takes one run of n pages and a record of 40 + 48n bytes; each distinct page of all live
/// merging mappings together takes one base page (anywhere, not in the run) and a record of 40 bytes; on 32-bit
/// machines records are about half that. `readOnly` and `copyBack` take no base. A direct mapping takes a record of 40
/// bytes. The tables of mappings and of pages take 8 to 24 bytes a record from the second record on, at least 128 bytes
/// each, and do not shrink before ``end()``; where there is no memory for them, searches take longer and all else goes
/// on. Every map and unmap finds its records by looking at a constant number of others on average, however many there
/// are.
///
/// The lock is held for one event of one page at a time, in which each byte of the page, its base and its k copies is
/// read at most four times and written at most once; besides that, for a search and for moving two hash buckets. It is
/// never held while memory is allocated or something is reported. (Checked mode also looks through all mappings under
/// the lock.)
@safe
public struct VirtualMap<Platform: VirtualMapPlatform> {
  let platform: Platform
  let state: UnsafeMutablePointer<VirtualMapState>
  let isChecked: Bool

  /// A map over `state`. Making one does nothing, so each call may make one.
  ///
  /// - Parameters:
  ///   - platform: where memory comes from, and where findings go.
  ///   - state: initialised memory that outlives the map and is used by no other map than those with the same platform.
  ///   - checked: whether to look for ``VirtualMapFinding``s that take time to find. The same for all maps over a state.
  public init(_ platform: Platform, unsafeState state: UnsafeMutablePointer<VirtualMapState>, checked: Bool = false) {
    self.platform = platform
    unsafe self.state = state
    isChecked = checked
  }

  var pageSize: Int { 1 &<< platform.pageShift }

  // MARK: The family

  /// Makes `pages` readable, and but for `readOnly` writable, at the returned address, in the order of the list. The
  /// list may be reused after the call. (Linux's `vmap`.)
  ///
  /// - Returns: a multiple of the page size; nil for an empty list, and where memory ran out, in which case nothing is
  ///   left allocated and no page was changed.
  public func map(_ pages: Span<Platform.Page>, mode: VirtualMapMode = .mergeBack) -> UnsafeMutableRawPointer? {
    let shift = platform.pageShift
    guard !pages.isEmpty, shift >= 5, shift <= 24, pages.count <= (Int.max / 2) &>> shift else { return nil }
    let address = unsafe isContiguous(pages) ? mapDirect(pages, mode) : bounce(pages, mode)
    platform.lock()
    if unsafe address == nil { unsafe state.pointee.statistics.failures &+= 1 }
    platform.unlock()
    growTables()
    return unsafe address
  }

  /// Undoes the mapping at `address`; false, with a report and nothing touched, where there is none. (Linux's `vunmap`.)
  ///
  /// Contiguous pages that are mapped several times are unmapped as often.
  @discardableResult
  public func unmap(_ address: UnsafeRawPointer) -> Bool { unsafe undo(address, pages: nil) }

  /// As ``map(_:mode:)``, for the pair of calls that names the number of pages again. (Linux's `vm_map_ram`.)
  public func mapRAM(_ pages: Span<Platform.Page>, mode: VirtualMapMode = .mergeBack) -> UnsafeMutableRawPointer? {
    unsafe map(pages, mode: mode)
  }

  /// As ``unmap(_:)``; another number of pages than were mapped is reported. (Linux's `vm_unmap_ram`.)
  @discardableResult
  public func unmapRAM(_ address: UnsafeRawPointer, pages count: Int) -> Bool { unsafe undo(address, pages: count) }

  /// An event of every page of the mapping at `address`: what was written through it becomes visible elsewhere, and what
  /// was written elsewhere becomes visible through it. False where nothing is mapped there, which is not reported.
  /// (For what Linux's `flush_kernel_vmap_range` and `invalidate_kernel_vmap_range` are called for.)
  ///
  /// The mapping must not be undone meanwhile.
  @discardableResult
  public func synchronize(_ address: UnsafeRawPointer) -> Bool {
    platform.lock()
    guard let mapping = unsafe state.pointee.mapping(at: address) else {
      platform.unlock()
      return false
    }
    // Another thread may be mapping more pages from the same address.
    let count = unsafe mapping.pointee.count
    let isDirect = unsafe mapping.pointee.isDirect
    platform.unlock()
    if isDirect {
      unsafe synchronizeDirect(UnsafeMutableRawPointer(mutating: address), pages: count)
    } else {
      let slots = unsafe Mapping.slots(mapping)
      var i = 0
      while i < count {
        if let page = unsafe slots[i].page {
          platform.lock()
          let findings = unsafe event(of: page, ending: nil)
          platform.unlock()
          report(findings)
        }
        i &+= 1
      }
    }
    return true
  }

  /// Counts of what was done so far.
  public var statistics: VirtualMapStatistics {
    platform.lock()
    let statistics = unsafe state.pointee.currentStatistics
    platform.unlock()
    return statistics
  }

  /// Undoes and reports every mapping that is left, and gives back all memory; the map is then as new. No other
  /// thread may be using it.
  ///
  /// - Returns: how many mappings were left, each counted as often as it was mapped.
  @discardableResult
  public func end() -> Int {
    var left = 0
    while let mapping = unsafe state.pointee.anyMapping {
      let address = unsafe mapping.pointee.node.key
      let times = unsafe max(1, mapping.pointee.references)
      platform.report(.leftMapped(address: address, pages: unsafe mapping.pointee.count, times: times))
      left &+= times
      var time = 0
      while time < times, let pointer = unsafe UnsafeRawPointer(bitPattern: address) {
        _ = unsafe undo(pointer, pages: nil)
        time &+= 1
      }
    }
    while let storage = unsafe state.pointee.mappings.takeStorage() ?? state.pointee.pages.takeStorage() {
      unsafe platform.freeRecord(storage.storage, bytes: storage.bytes)
    }
    return left
  }

  // MARK: Contiguous pages

  private func isContiguous(_ pages: Span<Platform.Page>) -> Bool {
    let first = unsafe UInt(bitPattern: platform.address(of: pages[0]))
    var i = 1
    while i < pages.count {
      let address = unsafe UInt(bitPattern: platform.address(of: pages[i]))
      if address != first &+ (UInt(truncatingIfNeeded: i) &<< UInt(truncatingIfNeeded: platform.pageShift)) {
        return false
      }
      i &+= 1
    }
    return true
  }

  private func mapDirect(_ pages: Span<Platform.Page>, _ mode: VirtualMapMode) -> UnsafeMutableRawPointer? {
    let address = unsafe platform.address(of: pages[0])
    var spare: UnsafeMutablePointer<Mapping>? = nil
    platform.lock()
    var found = unsafe state.pointee.directMapping(at: address)
    if unsafe found == nil {
      platform.unlock()
      unsafe spare = allocateMapping(slots: 0)
      if unsafe spare == nil { return nil }
      platform.lock()
      unsafe found = state.pointee.directMapping(at: address)
    }
    if let mapping = unsafe found {
      unsafe mapping.pointee.references &+= 1
      unsafe mapping.pointee.count = max(mapping.pointee.count, pages.count)
    } else if let mapping = unsafe spare {
      unsafe mapping.initialize(
        to: Mapping(
          node: AddressNode(next: nil, key: UInt(bitPattern: address)), count: pages.count, isDirect: true, mode: mode,
          references: 1))
      unsafe state.pointee.insert(mapping, isChecked: isChecked)
      unsafe spare = nil
    }
    unsafe state.pointee.statistics.maps &+= 1
    unsafe state.pointee.statistics.direct &+= 1
    platform.unlock()
    if let unused = unsafe spare { unsafe freeMapping(unused, slots: 0) }
    unsafe synchronizeDirect(address, pages: pages.count)
    return unsafe address
  }

  /// An event of each of `count` contiguous pages that there are copies of.
  func synchronizeDirect(_ address: UnsafeMutableRawPointer, pages count: Int) {
    var i = 0
    while i < count {
      platform.lock()
      // A page of which there is no copy now is copied later, if at all, with all that was written to it before.
      guard unsafe state.pointee.pages.count > 0 else {
        platform.unlock()
        return
      }
      var findings = PageFindings()
      if let page = unsafe state.pointee.page(at: address + i &* pageSize) {
        unsafe findings = event(of: page, ending: nil)
      }
      platform.unlock()
      report(findings)
      i &+= 1
    }
  }

  // MARK: Scattered pages

  private func bounce(_ pages: Span<Platform.Page>, _ mode: VirtualMapMode) -> UnsafeMutableRawPointer? {
    let count = pages.count
    guard let mapping = unsafe allocateMapping(slots: count) else { return nil }
    guard let run = unsafe platform.allocateRun(pages: count) else {
      unsafe freeMapping(mapping, slots: count)
      return nil
    }
    unsafe mapping.initialize(
      to: Mapping(
        node: AddressNode(next: nil, key: UInt(bitPattern: run)), count: count, isDirect: false, mode: mode,
        references: 0))
    let slots = unsafe Mapping.slots(mapping)
    var i = 0
    while i < count {
      let frame = unsafe platform.address(of: pages[i])
      unsafe (slots + i).initialize(
        to: PageSlot(frame: frame, copy: run + i &* pageSize, page: nil, next: nil, mapping: mapping, checksum: 0))
      if mode == .copyBack {
        unsafe copyShared(slots[i].copy, frame, pageSize)
        if isChecked { unsafe slots[i].checksum = checksum(slots[i].copy, pageSize) }
      } else if unsafe !attach(slots + i) {
        while i > 0 {
          i &-= 1
          unsafe detach(slots + i, isUndone: false)
        }
        unsafe platform.freeRun(run, pages: count)
        unsafe freeMapping(mapping, slots: count)
        return nil
      }
      i &+= 1
    }
    platform.lock()
    unsafe state.pointee.insert(mapping, isChecked: isChecked)
    unsafe state.pointee.statistics.maps &+= 1
    if mode == .copyBack { unsafe state.pointee.statistics.bytesCopiedIn &+= UInt64(count &* pageSize) }
    platform.unlock()
    return unsafe run
  }

  // MARK: Unmap

  private func undo(_ address: UnsafeRawPointer, pages count: Int?) -> Bool {
    platform.lock()
    guard let mapping = unsafe state.pointee.mapping(at: address) else {
      let isDouble = unsafe isChecked && state.pointee.wasUnmapped(address)
      platform.unlock()
      let key = UInt(bitPattern: address)
      platform.report(isDouble ? .doubleUnmap(key) : .unknownAddress(key))
      return false
    }
    let mapped = unsafe mapping.pointee.count
    let isDirect = unsafe mapping.pointee.isDirect
    if !isDirect {
      unsafe state.pointee.remove(mapping, isChecked: isChecked)
      unsafe state.pointee.statistics.unmaps &+= 1
    }
    platform.unlock()
    if let count, isDirect ? count > mapped || count < 1 : count != mapped {
      platform.report(
        .wrongPageCount(address: UInt(bitPattern: address), mapped: mapped, unmapped: count))
    }
    if isDirect { return unsafe undoDirect(UnsafeMutableRawPointer(mutating: address), pages: mapped) }

    let slots = unsafe Mapping.slots(mapping)
    var i = 0
    while i < mapped {
      if unsafe mapping.pointee.mode == .copyBack {
        unsafe copyBack(slots + i)
      } else {
        unsafe detach(slots + i, isUndone: true)
      }
      i &+= 1
    }
    unsafe platform.freeRun(UnsafeMutableRawPointer(mutating: address), pages: mapped)
    unsafe freeMapping(mapping, slots: mapped)
    giveBackRetired()
    return true
  }

  private func undoDirect(_ address: UnsafeMutableRawPointer, pages count: Int) -> Bool {
    // The pages' events come while they still count as mapped.
    unsafe synchronizeDirect(address, pages: count)
    platform.lock()
    guard let mapping = unsafe state.pointee.directMapping(at: address) else {
      platform.unlock()
      platform.report(.unknownAddress(UInt(bitPattern: address)))
      return false
    }
    unsafe mapping.pointee.references &-= 1
    let isLast = unsafe mapping.pointee.references == 0
    if isLast { unsafe state.pointee.remove(mapping, isChecked: isChecked) }
    unsafe state.pointee.statistics.unmaps &+= 1
    platform.unlock()
    if isLast { unsafe freeMapping(mapping, slots: 0) }
    giveBackRetired()
    return true
  }

  private func copyBack(_ slot: UnsafeMutablePointer<PageSlot>) {
    if isChecked, unsafe checksum(slot.pointee.frame, pageSize) != slot.pointee.checksum {
      platform.report(
        .changedBehind(
          mapping: unsafe slot.pointee.mapping.pointee.node.key, page: unsafe UInt(bitPattern: slot.pointee.frame),
          offset: 0, count: pageSize))
    }
    unsafe copyShared(slot.pointee.frame, slot.pointee.copy, pageSize)
    platform.lock()
    unsafe state.pointee.statistics.bytesWrittenBack &+= UInt64(pageSize)
    platform.unlock()
  }

  // MARK: Records

  private func allocateMapping(slots: Int) -> UnsafeMutablePointer<Mapping>? {
    unsafe platform.allocateRecord(bytes: Mapping.bytes(slots: slots))?.assumingMemoryBound(to: Mapping.self)
  }

  private func freeMapping(_ mapping: UnsafeMutablePointer<Mapping>, slots: Int) {
    unsafe platform.freeRecord(UnsafeMutableRawPointer(mapping), bytes: Mapping.bytes(slots: slots))
  }
}

extension VirtualMap: @unchecked Sendable where Platform: Sendable {}
