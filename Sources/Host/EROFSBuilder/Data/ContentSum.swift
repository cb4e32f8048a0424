// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

/// A sum of 128 bits that tells whether bytes are still what they were: several times as fast as a cryptographic digest
/// without the processor's help, which would take longer than LZ4 does.
///
/// It finds faults, not forgeries. So nothing is stored once because of it: that takes a ``ContentDigest``.
struct ContentSum {
  struct Value: Equatable, Sendable {
    let high: UInt64
    let low: UInt64
  }

  private var first: UInt64 = 0x243F_6A88_85A3_08D3
  private var second: UInt64 = 0x1319_8A2E_0370_7344
  /// Bytes that do not make a step yet.
  private var pending = SIMD4<UInt64>()
  private var count: UInt64 = 0

  init() {}

  init(_ bytes: UnsafeRawBufferPointer) { update(bytes) }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    let head = min(bytes.count, Self.missing(from: count))
    if head > 0 { put(UnsafeRawBufferPointer(rebasing: bytes[..<head])) }
    var at = head
    while at + 32 <= bytes.count {
      step(bytes.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self))
      at += 32
      count += 32
    }
    if at < bytes.count { put(UnsafeRawBufferPointer(rebasing: bytes[at...])) }
  }

  mutating func update(zeros: UInt64) {
    let head = Int(min(zeros, UInt64(Self.missing(from: count))))
    if head > 0 { put(zeros: head) }
    let steps = (zeros - UInt64(head)) / 32
    for _ in 0..<steps { step(SIMD4()) }
    count += 32 * steps
    let tail = Int((zeros - UInt64(head)) % 32)
    if tail > 0 { put(zeros: tail) }
  }

  /// Of `count` zeros, from the nearest number of them that is known: sparse files have millions of equal segments and chunks.
  static func ofZeros(_ count: UInt64) -> Value { zeroSums.withLock { $0.sum(of: count) }.value }

  private static let zeroSums = Mutex(ZeroSums())

  /// Each step depends on the one before in a way that cannot be cut short, so what was computed is kept.
  private struct ZeroSums {
    private static let unit: UInt64 = 1 << 20
    private static let largeUnit: UInt64 = 1 << 32
    /// After 0, 1, 2, ... units of zeros, less than a large one.
    private var sums = [ContentSum()]
    /// After 0, 1, 2, ... large ones. Only chunks are so long.
    private var largeSums = [ContentSum()]

    mutating func sum(of count: UInt64) -> ContentSum {
      if count < Self.largeUnit { return Self.extend(&sums, by: Self.unit, to: count) }
      return Self.extend(&largeSums, by: Self.largeUnit, to: count)
    }

    private static func extend(_ sums: inout [ContentSum], by unit: UInt64, to count: UInt64) -> ContentSum {
      let place = Int(count / unit)
      while sums.count <= place {
        var next = sums[sums.count - 1]
        next.update(zeros: unit)
        sums.append(next)
      }
      var sum = sums[place]
      sum.update(zeros: count % unit)
      return sum
    }
  }

  /// Bytes that make a step with the pending ones; 0 if there are none.
  private static func missing(from count: UInt64) -> Int { Int((32 - count % 32) % 32) }

  /// Adds bytes to the pending ones, of which there are 32 at most then.
  private mutating func put(_ bytes: UnsafeRawBufferPointer) {
    let start = Int(count % 32)
    withUnsafeMutableBytes(of: &pending) {
      UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyMemory(from: bytes)
    }
    count += UInt64(bytes.count)
    if count % 32 == 0 { step(pending) }
  }

  private mutating func put(zeros: Int) {
    withUnsafeBytes(of: SIMD4<UInt64>()) { put(UnsafeRawBufferPointer(rebasing: $0[..<zeros])) }
  }

  private mutating func step(_ words: SIMD4<UInt64>) {
    first = Self.product(
      UInt64(littleEndian: words[0]) ^ 0xA409_3822_299F_31D0, UInt64(littleEndian: words[1]) ^ first)
    second = Self.product(
      UInt64(littleEndian: words[2]) ^ 0x082E_FA98_EC4E_6C89, UInt64(littleEndian: words[3]) ^ second)
  }

  /// Both halves of the product; the factors are added so that one of 0 does not hide the other.
  private static func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (high, low) = a.multipliedFullWidth(by: b)
    return (high ^ low) &+ (a ^ b)
  }

  /// Of all bytes so far.
  var value: Value {
    var sum = self
    let bytes = count
    let missing = Self.missing(from: count)
    if missing > 0 { sum.put(zeros: missing) }
    sum.step(SIMD4(bytes, sum.second, bytes, sum.first))
    return Value(high: sum.first, low: sum.second)
  }
}
