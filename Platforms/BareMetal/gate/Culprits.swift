// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// What the gate must refuse, each with the words that name it. `Tools/run gate --must-fail` holds it to that.

/// needs posix_memalign: partHeap
@c public func partHeap(_ call: UnsafeRawPointer) -> Int32 { gather(call).reduce(0, &+) }

@inline(never)
func gather(_ call: UnsafeRawPointer) -> [Int32] {
  (0..<call.load(as: Int.self)).map { call.load(fromByteOffset: $0 &* 4, as: Int32.self) }
}

/// needs __aeabi_uldivmod: partDivision
@c public func partDivision(_ call: UnsafeRawPointer) -> Int32 {
  let divisor = call.load(fromByteOffset: 8, as: UInt64.self)
  return divisor == 0 ? 0 : Int32(truncatingIfNeeded: call.load(as: UInt64.self) / divisor)
}

/// recursion:
@c public func partRecursion(_ call: UnsafeRawPointer) -> Int32 { depth(call, 0) }

@inline(never)
func depth(_ call: UnsafeRawPointer, _ level: Int32) -> Int32 {
  guard let next = UnsafeRawPointer(bitPattern: call.load(as: UInt.self)) else { return level }
  return depth(next, level &+ 1) &* 3 &+ depth(next + 4, level)
}

/// has variables:
@c public func partVariable(_ call: UnsafeRawPointer) -> Int32 {
  calls &+= 1
  return calls
}
nonisolated(unsafe) var calls: Int32 = 0

/// a call through a pointer in
@c public func partPointer(_ call: UnsafeRawPointer) -> Int32 {
  call.load(as: (@convention(c) () -> Int32).self)()
}

/// does not keep its caller's r10
@c public func partRegister(_ call: UnsafeRawPointer) -> Int32 {
  var words = Words(all: call.load(as: (Int32, Int32, Int32, Int32).self))
  words.turn()
  words.turn()
  return words.all.0
}

struct Words {
  var all: (Int32, Int32, Int32, Int32)

  @inline(never)
  mutating func turn() { all = turned(all.3, all.0) }
}

@inline(never)
func turned(_ a: Int32, _ b: Int32) -> (Int32, Int32, Int32, Int32) { (a &+ 1, b, a, b &- a) }
