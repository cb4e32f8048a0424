// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

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
  private var pending = SIMD32<UInt8>()
  private var count: UInt64 = 0

  init() {}

  init(_ bytes: UnsafeRawBufferPointer) { update(bytes) }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at < bytes.count, count % 32 != 0 { append(bytes[at], &at) }
    while at + 32 <= bytes.count {
      step(bytes.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self))
      at += 32
      count += 32
    }
    while at < bytes.count { append(bytes[at], &at) }
  }

  /// Of `count` zeros. Those of segments and of chunks up to 32 MiB are computed once: sparse files have millions.
  static func ofZeros(_ count: UInt64) -> Value {
    if count > 0, count % commonUnit == 0, count / commonUnit <= UInt64(commonSums.count) {
      return commonSums[Int(count / commonUnit) - 1]
    }
    var sum = ContentSum()
    sum.update(zeros: count)
    return sum.value
  }

  private static let commonUnit: UInt64 = 1 << 20
  /// Of 1, 2, ... 32 MiB of zeros.
  private static let commonSums: [Value] = {
    var sum = ContentSum()
    return (0..<32).map { _ in
      sum.update(zeros: commonUnit)
      return sum.value
    }
  }()

  mutating func update(zeros: UInt64) {
    var rest = zeros
    while rest > 0, count % 32 != 0 {
      append(0)
      rest -= 1
    }
    while rest >= 32 {
      step(SIMD4())
      rest -= 32
      count += 32
    }
    while rest > 0 {
      append(0)
      rest -= 1
    }
  }

  private mutating func append(_ byte: UInt8, _ at: inout Int) {
    append(byte)
    at += 1
  }

  private mutating func append(_ byte: UInt8) {
    pending[Int(count % 32)] = byte
    count += 1
    if count % 32 == 0 { step(unsafeBitCast(pending, to: SIMD4<UInt64>.self)) }
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
    while sum.count % 32 != 0 { sum.append(0) }
    sum.step(SIMD4(bytes, sum.second, bytes, sum.first))
    return Value(high: sum.first, low: sum.second)
  }
}
