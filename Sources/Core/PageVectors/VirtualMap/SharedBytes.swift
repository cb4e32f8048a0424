// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Bytes of a machine word.
@inline(__always) var wordSize: Int { MemoryLayout<UInt>.size }

/// Whether no byte of `word` is zero.
@inline(__always)
func everyByteIsSet(_ word: UInt) -> Bool {
  let ones = UInt.max / 255
  return (word &- ones) & ~word & (ones &<< 7) == 0
}

/// Bytes that copies and comparisons take at a time: four words.
@inline(__always) var blockSize: Int { 4 &* wordSize }

/// Copies `count` bytes, a multiple of the block size, between places aligned to words, reading each byte once.
func copyShared(_ to: UnsafeMutableRawPointer, _ from: UnsafeMutableRawPointer, _ count: Int) {
  var offset = 0
  while offset < count {
    let a = unsafe loadSharedWord(from, at: offset)
    let b = unsafe loadSharedWord(from, at: offset &+ wordSize)
    let c = unsafe loadSharedWord(from, at: offset &+ 2 &* wordSize)
    let d = unsafe loadSharedWord(from, at: offset &+ 3 &* wordSize)
    unsafe storeSharedWord(a, to, at: offset)
    unsafe storeSharedWord(b, to, at: offset &+ wordSize)
    unsafe storeSharedWord(c, to, at: offset &+ 2 &* wordSize)
    unsafe storeSharedWord(d, to, at: offset &+ 3 &* wordSize)
    offset &+= blockSize
  }
}

/// The first block from `offset` on, in steps of the block size, in which `a` and `b` differ; `count` where there is none.
@inline(__always)
func nextDifference(_ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer, from offset: Int, _ count: Int) -> Int {
  var offset = offset
  while offset < count {
    var difference = unsafe loadSharedWord(a, at: offset) ^ loadSharedWord(b, at: offset)
    unsafe difference |= loadSharedWord(a, at: offset &+ wordSize) ^ loadSharedWord(b, at: offset &+ wordSize)
    unsafe difference |= loadSharedWord(a, at: offset &+ 2 &* wordSize) ^ loadSharedWord(b, at: offset &+ 2 &* wordSize)
    unsafe difference |= loadSharedWord(a, at: offset &+ 3 &* wordSize) ^ loadSharedWord(b, at: offset &+ 3 &* wordSize)
    if difference != 0 { return offset }
    offset &+= blockSize
  }
  return count
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
