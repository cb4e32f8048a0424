// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// Huffman-coded literals, all of a block at once, into the last bytes of the output. Only 64-bit machines do it.

/// One of the streams: where it comes from, and the part of the output's tail where its literals go.
private struct TailStream {
  var bits = ReverseBits()
  var out = InputCursor(PageVector())

  /// Decodes up to 8 literals with every check.
  @inline(never)
  mutating func decodeCarefully(_ table: UnsafeMutablePointer<UInt16>) {
    if out.inRun == 0, !out.advance() { return }
    let count = min(8, out.inRun)
    unsafe ZstandardDecoder.decodeHuffman(
      table, &bits, to: MutableBytes(mutating: out.next), count: count)
    unsafe out.next += count
    bits.refill()
  }

  /// Rounds of five literals each, at most 55 bits, that need no check.
  @inline(__always) var safeRounds: Int { min(bits.slack &>> 3, (out.inRun &* 51) &>> 8) }
}

extension ZstandardDecoder {
  /// Decodes the literals to where the output ends, which the block's sequences reach only after they have read them.
  mutating func decodeIntoTail() throws(DecodeError) {
    let bytes = input.bytes
    let total = literals.total
    let tail = window.frames.readOnly.slice(at: window.length &- total, count: total)
    literals.source = .tail
    literals.cursor = InputCursor(tail)
    literals.opened = 0
    let table = unsafe tables.huffman
    guard literals.beginStream(bytes) else { throw error(.invalid) }
    if !literals.hasFourStreams {
      var stream = TailStream(bits: literals.bits, out: InputCursor(tail))
      while stream.out.left > 0 { unsafe stream.decodeCarefully(table) }
      guard stream.bits.isDone else { throw error(.invalid) }
      return
    }
    let share = literals.leftInStream
    var s0 = TailStream(bits: literals.bits, out: InputCursor(tail.prefix(share)))
    guard literals.beginStream(bytes) else { throw error(.invalid) }
    var s1 = TailStream(bits: literals.bits, out: InputCursor(tail.slice(at: share, count: share)))
    guard literals.beginStream(bytes) else { throw error(.invalid) }
    var s2 = TailStream(bits: literals.bits, out: InputCursor(tail.slice(at: 2 &* share, count: share)))
    guard literals.beginStream(bytes) else { throw error(.invalid) }
    var s3 = TailStream(bits: literals.bits, out: InputCursor(tail.dropFirst(3 &* share)))
    s0.bits.refill()
    s1.bits.refill()
    s2.bits.refill()
    s3.bits.refill()
    while s0.out.left > 0 {
      let rounds = min(min(s0.safeRounds, s1.safeRounds), min(s2.safeRounds, s3.safeRounds))
      if rounds > 0 {
        unsafe Self.decodeRounds(table, &s0, &s1, &s2, &s3, rounds)
      } else {
        unsafe s0.decodeCarefully(table)
        unsafe s1.decodeCarefully(table)
        unsafe s2.decodeCarefully(table)
        unsafe s3.decodeCarefully(table)
      }
    }
    // No stream is longer than the first, but one that crosses frames may have advanced less.
    while s1.out.left > 0 { unsafe s1.decodeCarefully(table) }
    while s2.out.left > 0 { unsafe s2.decodeCarefully(table) }
    while s3.out.left > 0 { unsafe s3.decodeCarefully(table) }
    guard s0.bits.isDone, s1.bits.isDone, s2.bits.isDone, s3.bits.isDone else { throw error(.invalid) }
  }

  /// Decodes `rounds` times five literals of each stream, side by side: the chain from one code to the next is long, and
  /// four at once fill the wait.
  @inline(never)
  private static func decodeRounds(
    _ table: UnsafeMutablePointer<UInt16>, _ s0: inout TailStream, _ s1: inout TailStream, _ s2: inout TailStream,
    _ s3: inout TailStream, _ rounds: Int
  ) {
    let table = unsafe UnsafePointer(table)
    var in0 = unsafe s0.bits.next
    var in1 = unsafe s1.bits.next
    var in2 = unsafe s2.bits.next
    var in3 = unsafe s3.bits.next
    var out0 = unsafe MutableBytes(mutating: s0.out.next)
    var out1 = unsafe MutableBytes(mutating: s1.out.next)
    var out2 = unsafe MutableBytes(mutating: s2.out.next)
    var out3 = unsafe MutableBytes(mutating: s3.out.next)
    // The bits that come next, from the highest down, and how many have been taken since the last load.
    var used0 = s0.bits.used
    var used1 = s1.bits.used
    var used2 = s2.bits.used
    var used3 = s3.bits.used
    var c0 = s0.bits.container &<< UInt(bitPattern: used0)
    var c1 = s1.bits.container &<< UInt(bitPattern: used1)
    var c2 = s2.bits.container &<< UInt(bitPattern: used2)
    var c3 = s3.bits.container &<< UInt(bitPattern: used3)

    @inline(__always)
    func symbol(_ container: inout UInt, _ used: inout Int, _ out: MutableBytes, _ i: Int) {
      let entry = unsafe Int(table[Int(bitPattern: container &>> 53)])
      container = container &<< UInt(bitPattern: entry)
      used &+= entry
      unsafe out.storeBytes(of: UInt8(truncatingIfNeeded: entry &>> 8), toByteOffset: i, as: UInt8.self)
    }
    @inline(__always)
    func reload(_ container: inout UInt, _ used: inout Int, _ input: inout Bytes) {
      let taken = used & 255
      unsafe input -= taken &>> 3
      used = taken & 7
      unsafe container = UInt(littleEndian: input.loadUnaligned(as: UInt.self)) &<< UInt(bitPattern: used)
    }

    var left = rounds
    repeat {
      for i in 0..<5 {
        unsafe symbol(&c0, &used0, out0, i)
        unsafe symbol(&c1, &used1, out1, i)
        unsafe symbol(&c2, &used2, out2, i)
        unsafe symbol(&c3, &used3, out3, i)
      }
      unsafe out0 += 5
      unsafe out1 += 5
      unsafe out2 += 5
      unsafe out3 += 5
      unsafe reload(&c0, &used0, &in0)
      unsafe reload(&c1, &used1, &in1)
      unsafe reload(&c2, &used2, &in2)
      unsafe reload(&c3, &used3, &in3)
      left &-= 1
    } while left > 0

    unsafe s0.resume(in0, used0, out0)
    unsafe s1.resume(in1, used1, out1)
    unsafe s2.resume(in2, used2, out2)
    unsafe s3.resume(in3, used3, out3)
  }
}

extension TailStream {
  @inline(__always)
  fileprivate mutating func resume(_ next: Bytes, _ used: Int, _ out: MutableBytes) {
    unsafe bits.next = next
    bits.used = used
    unsafe bits.container = UInt(littleEndian: next.loadUnaligned(as: UInt.self))
    unsafe self.out.next = Bytes(out)
  }
}
