// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What an event of a page saw, and where, kept until the lock is released.
struct PageFindings {
  var event = PageEvent()
  var page: UInt = 0
  var mapping: UInt = 0
}

extension VirtualMap {
  /// An event of a page; the lock is held.
  func event(of page: UnsafeMutablePointer<SharedPage>, ending: UnsafeMutablePointer<Mapping>?) -> PageFindings {
    let frame = unsafe page.pointee.frame
    var findings = PageFindings()
    findings.event = unsafe SharedPage.synchronize(page, size: pageSize, ending: ending, everything: isChecked)
    unsafe state.pointee.statistics.bytesWrittenBack &+= UInt64(findings.event.written)
    guard isChecked else { return findings }
    findings.page = UInt(bitPattern: frame)
    if let slot = unsafe page.pointee.slots { findings.mapping = unsafe slot.pointee.mapping.pointee.node.key }
    if findings.event.behind.count > 0, unsafe state.pointee.isMappedDirectly(frame, pageSize: pageSize) {
      findings.event.behind = ByteTally()
    }
    return findings
  }

  func report(_ findings: PageFindings) {
    guard isChecked else { return }
    let behind = findings.event.behind
    if behind.count > 0 {
      platform.report(
        .changedBehind(mapping: findings.mapping, page: findings.page, offset: behind.first, count: behind.count))
    }
    let conflicts = findings.event.conflicts
    if conflicts.count > 0 {
      platform.report(.conflictingWrites(page: findings.page, offset: conflicts.first, count: conflicts.count))
    }
    let byReaders = findings.event.writtenReadOnly
    if byReaders.count > 0 {
      platform.report(.writtenReadOnly(page: findings.page, offset: byReaders.first, count: byReaders.count))
    }
  }

  /// Copies a page in and makes the copy one that the page's events know of. False, with nothing left allocated, where
  /// memory ran out.
  func attach(_ slot: UnsafeMutablePointer<PageSlot>) -> Bool {
    let frame = unsafe slot.pointee.frame
    let wantsBase = unsafe isChecked || slot.pointee.mapping.pointee.mode == .mergeBack
    var record: UnsafeMutableRawPointer? = nil
    var base: UnsafeMutableRawPointer? = nil
    var hasFailed = false
    platform.lock()
    var known = unsafe state.pointee.page(at: frame)
    // What is missing is allocated without the lock; meanwhile another thread may make or free the page's record.
    while !hasFailed {
      let needsRecord = unsafe known == nil && record == nil
      let needsBase = unsafe wantsBase && known?.pointee.base == nil && base == nil
      guard needsRecord || needsBase else { break }
      platform.unlock()
      if needsRecord {
        unsafe record = platform.allocateRecord(bytes: MemoryLayout<SharedPage>.stride)
        if unsafe record == nil { hasFailed = true }
      }
      if needsBase && !hasFailed {
        unsafe base = platform.allocateRun(pages: 1)
        if unsafe base == nil { hasFailed = true }
      }
      platform.lock()
      unsafe known = state.pointee.page(at: frame)
    }
    var findings = PageFindings()
    if !hasFailed {
      if let page = unsafe known {
        unsafe findings = join(slot, page, &base)
      } else if let memory = unsafe record {
        let page = unsafe memory.bindMemory(to: SharedPage.self, capacity: 1)
        unsafe page.initialize(
          to: SharedPage(
            node: AddressNode(next: nil, key: UInt(bitPattern: frame)), frame: frame, base: base, slots: nil))
        if let base = unsafe base { unsafe copyIn(base, frame) }
        unsafe state.pointee.insert(page)
        unsafe link(slot, page)
        unsafe record = nil
        unsafe base = nil
      }
    }
    platform.unlock()
    report(findings)
    if let unused = unsafe record { unsafe platform.freeRecord(unused, bytes: MemoryLayout<SharedPage>.stride) }
    if let unused = unsafe base { unsafe platform.freeRun(unused, pages: 1) }
    growTables()
    return !hasFailed
  }

  /// Adds a copy to a page that has some; takes `base` where it is of use. The lock is held.
  private func join(
    _ slot: UnsafeMutablePointer<PageSlot>, _ page: UnsafeMutablePointer<SharedPage>,
    _ base: inout UnsafeMutableRawPointer?
  ) -> PageFindings {
    let findings = unsafe event(of: page, ending: nil)
    if unsafe page.pointee.base == nil, let new = unsafe base {
      unsafe copyIn(new, page.pointee.frame)
      // The page may have been written between the event and now; what has one base must be equal to it.
      unsafe SharedPage.refreshReaders(page, from: new, size: pageSize)
      unsafe page.pointee.base = new
      unsafe base = nil
    }
    unsafe link(slot, page)
    return findings
  }

  private func link(_ slot: UnsafeMutablePointer<PageSlot>, _ page: UnsafeMutablePointer<SharedPage>) {
    unsafe copyIn(slot.pointee.copy, page.pointee.base ?? page.pointee.frame)
    unsafe slot.pointee.page = page
    unsafe slot.pointee.next = page.pointee.slots
    unsafe page.pointee.slots = slot
  }

  private func copyIn(_ to: UnsafeMutableRawPointer, _ from: UnsafeMutableRawPointer) {
    unsafe copyShared(to, from, pageSize)
    unsafe state.pointee.statistics.bytesCopiedIn &+= UInt64(pageSize)
  }

  /// Takes a copy away from its page; before that, where the mapping was in use, brings back what was written to it.
  func detach(_ slot: UnsafeMutablePointer<PageSlot>, isUndone: Bool) {
    guard let page = unsafe slot.pointee.page else { return }
    platform.lock()
    let findings = unsafe isUndone ? event(of: page, ending: slot.pointee.mapping) : PageFindings()
    var before: UnsafeMutablePointer<PageSlot>? = nil
    var at = unsafe page.pointee.slots
    while let current = unsafe at, unsafe current != slot {
      unsafe before = current
      unsafe at = current.pointee.next
    }
    if let before = unsafe before {
      unsafe before.pointee.next = slot.pointee.next
    } else {
      unsafe page.pointee.slots = slot.pointee.next
    }
    let isLast = unsafe page.pointee.slots == nil
    if isLast { unsafe state.pointee.remove(page) }
    platform.unlock()
    report(findings)
    if isLast {
      if let base = unsafe page.pointee.base { unsafe platform.freeRun(base, pages: 1) }
      unsafe platform.freeRecord(UnsafeMutableRawPointer(page), bytes: MemoryLayout<SharedPage>.stride)
    }
  }

  // MARK: Tables

  /// Gives the tables the memory they want, if there is any.
  func growTables() {
    giveBackRetired()
    platform.lock()
    let mappingBits = unsafe state.pointee.mappings.growthWanted()
    let pageBits = unsafe state.pointee.pages.growthWanted()
    platform.unlock()
    if let bits = mappingBits {
      let storage = unsafe allocateBuckets(bits)
      platform.lock()
      unsafe storage.map { unsafe state.pointee.mappings.adopt($0, bits: bits) }
        ?? state.pointee.mappings.growthFailed()
      platform.unlock()
    }
    if let bits = pageBits {
      let storage = unsafe allocateBuckets(bits)
      platform.lock()
      unsafe storage.map { unsafe state.pointee.pages.adopt($0, bits: bits) } ?? state.pointee.pages.growthFailed()
      platform.unlock()
    }
  }

  private func allocateBuckets(_ bits: Int) -> UnsafeMutablePointer<AddressTable.Node?>? {
    guard let memory = unsafe platform.allocateRecord(bytes: AddressTable.bytes(bits: bits)) else { return nil }
    let buckets = unsafe memory.bindMemory(to: AddressTable.Node?.self, capacity: 1 &<< bits)
    unsafe buckets.initialize(repeating: nil, count: 1 &<< bits)
    return unsafe buckets
  }

  /// Frees what the tables have outgrown.
  func giveBackRetired() {
    platform.lock()
    let mappings = unsafe state.pointee.mappings.takeRetired()
    let pages = unsafe state.pointee.pages.takeRetired()
    platform.unlock()
    if let retired = unsafe mappings { unsafe platform.freeRecord(retired.storage, bytes: retired.bytes) }
    if let retired = unsafe pages { unsafe platform.freeRecord(retired.storage, bytes: retired.bytes) }
  }
}
