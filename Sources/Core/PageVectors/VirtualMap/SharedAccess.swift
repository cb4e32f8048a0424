// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Loads and stores of memory that other threads may write at the same moment (not the same bytes, as far as callers keep
// to the rules). Each is done once, whole, and touches no neighbour. They are relaxed atomics, which come out as
// ordinary instructions; but on bare-metal ARM, where the compiler would call a library for those of ARMv6-M (which the
// source cannot tell from others), they are ordinary loads and stores to begin with. There a thread can only be
// interrupted between instructions, and a compiler has no reason to load again what it has.
//
// Words must be aligned to their size.

#if hasFeature(Embedded) && arch(arm)
  @inline(__always)
  package func loadSharedByte(_ address: UnsafeMutableRawPointer, at offset: Int) -> UInt8 {
    unsafe address.load(fromByteOffset: offset, as: UInt8.self)
  }

  @inline(__always)
  package func storeSharedByte(_ byte: UInt8, _ address: UnsafeMutableRawPointer, at offset: Int) {
    unsafe address.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
  }

  @inline(__always)
  func loadSharedWord(_ address: UnsafeMutableRawPointer, at offset: Int) -> UInt {
    unsafe (address + offset).assumingMemoryBound(to: UInt.self).pointee
  }

  @inline(__always)
  func storeSharedWord(_ word: UInt, _ address: UnsafeMutableRawPointer, at offset: Int) {
    unsafe (address + offset).assumingMemoryBound(to: UInt.self).pointee = word
  }
#else
  import Synchronization

  @inline(__always)
  package func loadSharedByte(_ address: UnsafeMutableRawPointer, at offset: Int) -> UInt8 {
    unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt8>.self).pointee.load(ordering: .relaxed)
  }

  @inline(__always)
  package func storeSharedByte(_ byte: UInt8, _ address: UnsafeMutableRawPointer, at offset: Int) {
    unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt8>.self).pointee.store(byte, ordering: .relaxed)
  }

  @inline(__always)
  func loadSharedWord(_ address: UnsafeMutableRawPointer, at offset: Int) -> UInt {
    unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt>.self).pointee.load(ordering: .relaxed)
  }

  @inline(__always)
  func storeSharedWord(_ word: UInt, _ address: UnsafeMutableRawPointer, at offset: Int) {
    unsafe (address + offset).assumingMemoryBound(to: Atomic<UInt>.self).pointee.store(word, ordering: .relaxed)
  }
#endif
