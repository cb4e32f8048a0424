// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// One page of a bounced mapping. It follows the ``Mapping`` in that one's record.
@unsafe
struct PageSlot {
  /// The page's own place, and the copy that the mapping reads and writes.
  var frame: UnsafeMutableRawPointer
  var copy: UnsafeMutableRawPointer
  /// The other copies of the same page; nil where the mapping is `copyBack`, which no other copy learns of.
  var page: UnsafeMutablePointer<SharedPage>?
  var next: UnsafeMutablePointer<PageSlot>?
  var mapping: UnsafeMutablePointer<Mapping>
  /// Of the page when it was copied; only for `copyBack` in checked mode.
  var checksum: UInt32
}

/// A mapping. The node is its first member, so that the address of a node found in the table is that of its mapping.
@unsafe
struct Mapping {
  var node: AddressNode
  /// Pages; where contiguous pages are mapped several times from the same address, the most of them.
  var count: Int
  var isDirect: Bool
  var mode: VirtualMapMode
  /// Times that contiguous pages are mapped from this address.
  var references: Int

  static func bytes(slots: Int) -> Int {
    unsafe MemoryLayout<Mapping>.stride &+ slots &* MemoryLayout<PageSlot>.stride
  }

  static func slots(_ mapping: UnsafeMutablePointer<Mapping>) -> UnsafeMutablePointer<PageSlot> {
    unsafe UnsafeMutableRawPointer(mapping + 1).assumingMemoryBound(to: PageSlot.self)
  }
}

/// A page that at least one merging or read-only mapping holds a copy of.
///
/// Invariant, at the end of every event of the page, for every byte that is not being written: the page, its base and
/// all the copies are equal. So a byte that differs from the base at the next event was written since, and by whom is
/// known from where it differs.
@unsafe
struct SharedPage {
  var node: AddressNode
  var frame: UnsafeMutableRawPointer
  /// The bytes as of the last event. Nil as long as there are only read-only copies, which are their own base.
  var base: UnsafeMutableRawPointer?
  var slots: UnsafeMutablePointer<PageSlot>?
}

/// Bytes of a page that something is the matter with.
struct ByteTally {
  var first = Int.max
  var count = 0

  mutating func add(_ offset: Int, _ bytes: Int = 1) {
    if offset < first { first = offset }
    count &+= bytes
  }
}

/// What an event of a page saw.
struct PageEvent {
  /// Bytes written to the page.
  var written = 0
  /// Bytes that were changed in the page itself.
  var behind = ByteTally()
  var conflicts = ByteTally()
  var writtenReadOnly = ByteTally()
}

extension SharedPage {
  /// An event of the page: whatever was written to it or to a copy since the last one is written to all of them.
  ///
  /// - Parameters:
  ///   - size: bytes in a page, a multiple of the block size.
  ///   - ending: the mapping that is about to give its copies up, if that is why. Its changes win over others, and
  ///     those at a later place in its list over those at an earlier one: what a decoder that writes forwards through a
  ///     list with repeated pages wrote last.
  ///   - everything: whether to look for conflicts also where they make no difference to the result.
  static func synchronize(
    _ page: UnsafeMutablePointer<SharedPage>, size: Int, ending: UnsafeMutablePointer<Mapping>?, everything: Bool
  ) -> PageEvent {
    var event = PageEvent()
    guard let base = unsafe page.pointee.base else {
      unsafe refreshReaders(page, from: page.pointee.frame, size: size)
      return event
    }
    guard let first = unsafe page.pointee.slots else { return event }
    if unsafe !everything && first.pointee.next == nil && first.pointee.mapping == ending {
      // The last copy goes: only what it changed matters.
      if unsafe first.pointee.mapping.pointee.mode == .mergeBack {
        event.written = unsafe merge(first.pointee.copy, base, into: page.pointee.frame, size: size)
      }
      return event
    }
    unsafe gather(page, from: page.pointee.frame, base, size: size, ending: ending, &event)
    var slot: UnsafeMutablePointer<PageSlot>? = unsafe first
    while let current = unsafe slot {
      if unsafe everything || current.pointee.mapping.pointee.mode == .mergeBack {
        unsafe gather(page, from: current.pointee.copy, base, size: size, ending: ending, &event)
      }
      unsafe slot = current.pointee.next
    }
    return event
  }

  /// Writes what differs between `copy` and `base` into `frame`; returns how many bytes.
  private static func merge(
    _ copy: UnsafeMutableRawPointer, _ base: UnsafeMutableRawPointer, into frame: UnsafeMutableRawPointer, size: Int
  ) -> Int {
    var written = 0
    var offset = 0
    while true {
      unsafe offset = nextDifference(copy, base, from: offset, size)
      guard offset < size else { return written }
      let end = offset &+ blockSize
      while offset < end {
        let before = unsafe loadSharedWord(base, at: offset)
        let now = unsafe loadSharedWord(copy, at: offset)
        if now != before { written &+= unsafe storeChangedBytes(now, before: before, frame, at: offset) }
        offset &+= wordSize
      }
    }
  }

  /// Makes the read-only copies equal to `source`. No one else writes to them, so whole blocks are copied.
  static func refreshReaders(
    _ page: UnsafeMutablePointer<SharedPage>, from source: UnsafeMutableRawPointer, size: Int
  ) {
    var slot = unsafe page.pointee.slots
    while let current = unsafe slot {
      let copy = unsafe current.pointee.copy
      var offset = unsafe nextDifference(copy, source, from: 0, size)
      while offset < size {
        unsafe copyShared(copy + offset, source + offset, blockSize)
        unsafe offset = nextDifference(copy, source, from: offset &+ blockSize, size)
      }
      unsafe slot = current.pointee.next
    }
  }

  /// Finds where `source`, the page or one of its copies, differs from the base, and settles these bytes everywhere.
  private static func gather(
    _ page: UnsafeMutablePointer<SharedPage>, from source: UnsafeMutableRawPointer, _ base: UnsafeMutableRawPointer,
    size: Int, ending: UnsafeMutablePointer<Mapping>?, _ event: inout PageEvent
  ) {
    var offset = 0
    while true {
      unsafe offset = nextDifference(source, base, from: offset, size)
      guard offset < size else { return }
      let end = offset &+ blockSize
      while offset < end {
        let before = unsafe loadSharedWord(base, at: offset)
        let now = unsafe loadSharedWord(source, at: offset)
        if now != before, unsafe !settleWord(page, now, before, from: source, at: offset, &event) {
          var i = 0
          while i < wordSize {
            unsafe settleByte(page, base, at: offset &+ i, ending: ending, &event)
            i &+= 1
          }
        }
        offset &+= wordSize
      }
    }
  }

  /// The usual case, eight bytes at a time: all bytes of a word were written through `source` and none through another
  /// copy, so they are all the writer's and may be stored as a word. False, and nothing done, in any other.
  private static func settleWord(
    _ page: UnsafeMutablePointer<SharedPage>, _ now: UInt, _ before: UInt, from source: UnsafeMutableRawPointer,
    at offset: Int, _ event: inout PageEvent
  ) -> Bool {
    guard everyByteIsSet(now ^ before) else { return false }
    let frame = unsafe page.pointee.frame
    var writerFound = unsafe source == frame
    if unsafe source != frame && loadSharedWord(frame, at: offset) != before { return false }
    var slot = unsafe page.pointee.slots
    while let current = unsafe slot {
      if unsafe current.pointee.copy == source {
        writerFound = unsafe current.pointee.mapping.pointee.mode == .mergeBack
      } else if unsafe loadSharedWord(current.pointee.copy, at: offset) != before {
        return false
      }
      unsafe slot = current.pointee.next
    }
    guard writerFound else { return false }
    if let base = unsafe page.pointee.base { unsafe storeSharedWord(now, base, at: offset) }
    if unsafe source == frame {
      event.behind.add(offset, wordSize)
    } else {
      unsafe storeSharedWord(now, frame, at: offset)
      event.written &+= wordSize
    }
    unsafe slot = page.pointee.slots
    while let current = unsafe slot {
      if unsafe current.pointee.copy != source { unsafe storeSharedWord(now, current.pointee.copy, at: offset) }
      unsafe slot = current.pointee.next
    }
    return true
  }

  /// Finds who wrote the byte at `offset` since the last event, and gives the value to all who did not.
  private static func settleByte(
    _ page: UnsafeMutablePointer<SharedPage>, _ base: UnsafeMutableRawPointer, at offset: Int,
    ending: UnsafeMutablePointer<Mapping>?, _ event: inout PageEvent
  ) {
    let before = unsafe loadSharedByte(base, at: offset)
    let frame = unsafe page.pointee.frame
    let inFrame = unsafe loadSharedByte(frame, at: offset)
    var value = inFrame
    var writer: UnsafeMutablePointer<PageSlot>? = nil
    var isConflict = false
    var readerWrote = false

    // The list holds later places of one mapping before earlier ones, so the first of a mapping wins.
    var slot = unsafe page.pointee.slots
    while let current = unsafe slot {
      unsafe slot = current.pointee.next
      let byte = unsafe loadSharedByte(current.pointee.copy, at: offset)
      guard byte != before else { continue }
      guard unsafe current.pointee.mapping.pointee.mode == .mergeBack else {
        readerWrote = true
        continue
      }
      guard let other = unsafe writer else {
        isConflict = inFrame != before && inFrame != byte
        value = byte
        unsafe writer = current
        continue
      }
      guard unsafe other.pointee.mapping != current.pointee.mapping else { continue }
      if byte != value { isConflict = true }
      if let ending = unsafe ending, unsafe current.pointee.mapping == ending, unsafe other.pointee.mapping != ending {
        value = byte
        unsafe writer = current
      }
    }
    if isConflict { event.conflicts.add(offset) }
    if inFrame != before { event.behind.add(offset) }
    if readerWrote { event.writtenReadOnly.add(offset) }

    // If no one wrote, a writer may begin at this moment, and only readers' copies may be touched.
    let isWritten = unsafe writer != nil || inFrame != before
    guard isWritten || readerWrote else { return }
    if isWritten {
      unsafe storeSharedByte(value, base, at: offset)
      if inFrame != value {
        unsafe storeSharedByte(value, frame, at: offset)
        event.written &+= 1
      }
    }
    unsafe slot = page.pointee.slots
    while let current = unsafe slot {
      unsafe slot = current.pointee.next
      // Never to the writer itself, who may be writing again.
      guard unsafe current != writer, unsafe isWritten || current.pointee.mapping.pointee.mode == .readOnly else {
        continue
      }
      if unsafe loadSharedByte(current.pointee.copy, at: offset) != value {
        unsafe storeSharedByte(value, current.pointee.copy, at: offset)
      }
    }
  }
}
