// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

// Loads and stores of memory that other threads may be writing to at the same moment, though not to the same bytes, or
// not that we could know. They are relaxed atomics: each is done once, whole, and touches no neighbour. On every target
// but armv6m they are ordinary load and store instructions; there the compiler calls `__atomic_load_1`, `_4` and
// `__atomic_store_1`, `_4`, which whoever links ``VirtualMap`` for that target supplies.

@inline(__always)
package func loadSharedByte(_ address: UnsafeMutableRawPointer, at offset: Int) -> UInt8 {
  unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt8>.self).pointee.load(ordering: .relaxed)
}

@inline(__always)
package func storeSharedByte(_ byte: UInt8, _ address: UnsafeMutableRawPointer, at offset: Int) {
  unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt8>.self).pointee.store(byte, ordering: .relaxed)
}

/// Bytes of a machine word.
@inline(__always) var wordSize: Int { MemoryLayout<UInt>.size }

/// The word at `offset`, which must be a multiple of the word size, as must the address.
@inline(__always)
func loadSharedWord(_ address: UnsafeMutableRawPointer, at offset: Int) -> UInt {
  unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt>.self).pointee.load(ordering: .relaxed)
}

@inline(__always)
func storeSharedWord(_ word: UInt, _ address: UnsafeMutableRawPointer, at offset: Int) {
  unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt>.self).pointee.store(word, ordering: .relaxed)
}

/// Whether no byte of `word` is zero.
@inline(__always)
func everyByteIsSet(_ word: UInt) -> Bool {
  let ones = UInt.max / 255
  return (word &- ones) & ~word & (ones &<< 7) == 0
}

/// Copies `count` bytes, a multiple of the word size, between places aligned to it, reading each byte once.
func copyShared(_ to: UnsafeMutableRawPointer, _ from: UnsafeMutableRawPointer, _ count: Int) {
  var offset = 0
  while offset < count {
    unsafe storeSharedWord(loadSharedWord(from, at: offset), to, at: offset)
    offset &+= wordSize
  }
}

/// Stores the bytes of `word` at `offset` that differ from those of `before`, and no others; returns how many.
@inline(__always)
func storeChangedBytes(_ word: UInt, before: UInt, _ to: UnsafeMutableRawPointer, at offset: Int) -> Int {
  let difference = word ^ before
  if everyByteIsSet(difference) {
    unsafe storeSharedWord(word, to, at: offset)
    return wordSize
  }
  var changed = 0
  var i = 0
  while i < wordSize {
    // Which end of the word a byte comes from depends on the machine.
    let shift = UInt(truncatingIfNeeded: (UInt(1).littleEndian == 1 ? i : wordSize &- 1 &- i) &* 8)
    if UInt8(truncatingIfNeeded: difference &>> shift) != 0 {
      unsafe storeSharedByte(UInt8(truncatingIfNeeded: word &>> shift), to, at: offset &+ i)
      changed &+= 1
    }
    i &+= 1
  }
  return changed
}

/// 32-bit FNV-1a of `count` bytes. One changed byte always changes it.
func checksum(_ start: UnsafeMutableRawPointer, _ count: Int) -> UInt32 {
  var hash: UInt32 = 0x811C_9DC5
  var i = 0
  while i < count {
    hash = unsafe (hash ^ UInt32(loadSharedByte(start, at: i))) &* 0x0100_0193
    i &+= 1
  }
  return hash
}
