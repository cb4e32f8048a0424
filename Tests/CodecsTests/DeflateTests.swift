// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CDeflate
import CZlib
import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// What the two C encoders write, back to what it was.
@Suite struct DeflateTests {
  static let sizes = [0, 1, 2, 3, 7, 257, 258, 259, 4095, 4096, 40_000]

  @Test(arguments: Deflate.Kind.allCases)
  func readsZlib(kind: Deflate.Kind) throws {
    for size in Self.sizes {
      let data = Deflate.sample(kind, size)
      for level in Int32(0)...9 where size <= 4096 || level % 3 == 0 {
        #expect(try Deflate.decode(Deflate.zlibEncode(data, level: level), length: size) == data)
      }
      for strategy in [Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE, Z_FILTERED] {
        #expect(try Deflate.decode(Deflate.zlibEncode(data, strategy: strategy), length: size) == data)
      }
    }
    let data = Deflate.sample(kind, 40_000, seed: 3)
    for windowBits in Int32(9)...15 {
      #expect(try Deflate.decode(Deflate.zlibEncode(data, windowBits: windowBits), length: data.count) == data)
    }
  }

  @Test(arguments: Deflate.Kind.allCases)
  func readsLibdeflate(kind: Deflate.Kind) throws {
    for size in Self.sizes {
      let data = Deflate.sample(kind, size, seed: 2)
      for level in Int32(0)...12 where size <= 4096 || level % 4 == 0 {
        #expect(try Deflate.decode(Deflate.libdeflateEncode(data, level: level), length: size) == data)
      }
    }
  }

  @Test(arguments: [100, 1000, 5000], [Int32(0), 1, 9])
  func readsStreamsOfManyBlocks(flushEvery: Int, level: Int32) throws {
    let data = Deflate.sample(.words, 12_000) + Deflate.sample(.noise, 8000) + Deflate.sample(.zeros, 3000)
    for strategy in [Z_DEFAULT_STRATEGY, Z_FIXED] {
      let stored = Deflate.zlibEncode(data, level: level, strategy: strategy, flushEvery: flushEvery)
      #expect(try Deflate.decode(stored, length: data.count) == data)
      #expect(
        try Deflate.decode(
          stored, length: data.count, .init(inputShift: 6, inputOffset: 5, outputShift: 7, outputOffset: 9, step: 777))
          == data)
    }
  }

  @Test func readsOneMebibyte() throws {
    var data: [UInt8] = []
    for (i, kind) in Deflate.Kind.allCases.enumerated() { data += Deflate.sample(kind, 150_000, seed: UInt64(i)) }
    data = [UInt8](data.prefix(1 << 20))
    for stored in [Deflate.libdeflateEncode(data, level: 12), Deflate.zlibEncode(data)] {
      #expect(try Deflate.decode(stored, length: data.count) == data)
      #expect(try Deflate.decode(stored, length: data.count, .init(inputShift: 12, outputShift: 12)) == data)
    }
  }

  static let mixture =
    Deflate.sample(.words, 6000) + Deflate.sample(.shortPeriods, 6000) + Deflate.sample(.noise, 2000)
    + Deflate.sample(.records, 6000)

  @Test(arguments: 0...16)
  func pagesOfEverySize(shift: Int) throws {
    let data = Self.mixture
    let stored = [Deflate.zlibEncode(data, flushEvery: 9000), Deflate.libdeflateEncode(data, level: 9)]
    for stored in stored {
      for (inputShift, outputShift) in [(shift, 20), (20, shift), (shift, shift), (16 - shift, shift)] {
        let offset = (1 << shift) - 1
        let layout = Deflate.Layout(
          inputShift: inputShift, inputOffset: offset & ((1 << inputShift) - 1), outputShift: outputShift,
          outputOffset: (offset / 2) & ((1 << outputShift) - 1))
        #expect(try Deflate.decode(stored, length: data.count, layout) == data)
      }
    }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 13, 31, 32, 33, 64, 255, 258, 259, 1000, 4096, 9999])
  func stepsOfEverySize(step: Int) throws {
    let data = Self.mixture
    for stored in [Deflate.zlibEncode(data, flushEvery: 9000), Deflate.libdeflateEncode(data, level: 12)] {
      #expect(try Deflate.decode(stored, length: data.count, .init(step: step)) == data)
      #expect(try Deflate.decode(stored, length: data.count, .init(inputShift: 9, outputShift: 9, step: step)) == data)
    }
  }

  @Test(arguments: [0, 7, 12, 20], [nil, 1, 100, 4096, 32_768])
  func ringsOfTheWindow(shift: Int, step: Int?) throws {
    let count = step == 1 ? 36_000 : 70_000
    let ring = 32_768 + 64
    let data =
      Deflate.sample(.words, count / 2) + Deflate.sample(.zeros, 1000) + Deflate.sample(.noise, 700)
      + Deflate.sample(.shortPeriods, count / 2)
    for stored in [Deflate.zlibEncode(data, flushEvery: count / 2 + 1700), Deflate.libdeflateEncode(data, level: 6)] {
      #expect(
        try Deflate.decode(stored, length: data.count, .init(outputShift: shift, step: step, ring: ring)) == data)
    }
  }

  /// Steps as long as the ring, so that a byte written behind a step is one of the step's first.
  @Test(arguments: [600, 777, 1024], [5, 9, 20])
  func stepsThatFillTheRing(ring: Int, shift: Int) throws {
    let data =
      Deflate.sample(.noise, 9000) + Deflate.sample(.words, 9000, seed: 4) + Deflate.sample(.shortPeriods, 9000)
    for stored in [Deflate.zlibEncode(data, level: 0), Deflate.zlibEncode(data, windowBits: 9, flushEvery: 6000)] {
      for length in [data.count, data.count - 7] {
        let layout = Deflate.Layout(outputShift: shift, ring: ring, finishes: length == data.count)
        #expect(try Deflate.decode(stored, length: length, layout) == [UInt8](data.prefix(length)))
      }
    }
  }

  /// A window of 512 bytes in a ring that keeps as much, and in one that keeps less.
  @Test func ringsThatAreTooSmallAreRefusedByDistance() throws {
    let data = Deflate.sample(.words, 20_000)
    let stored = Deflate.zlibEncode(data, windowBits: 9)
    for shift in [4, 9, 20] {
      let small = Deflate.Layout(outputShift: shift, ring: 512 + 64)
      #expect(try Deflate.decode(stored, length: data.count, small) == data)
      let tooSmall = Deflate.Layout(outputShift: shift, ring: 200)
      #expect(try Deflate.refusal(stored, length: data.count, tooSmall) == .distance)
    }
    #expect(try Deflate.refusal(stored, length: data.count, .init(ring: 64)) == .memory)
  }

  @Test func prefixesMayEndAnywhere() throws {
    let data = [UInt8](Self.mixture.prefix(9000))
    let stored = Deflate.zlibEncode(data, flushEvery: 4000)
    for length in Array(0..<600) + Array(stride(from: 600, through: 9000, by: 97)) {
      #expect(try Deflate.decode(stored, length: length, .init(finishes: false)) == [UInt8](data.prefix(length)))
      if length < data.count { #expect(try Deflate.refusal(stored, length: length) == .outputLong) }
    }
    #expect(try Deflate.refusal(stored, length: data.count + 1) == .outputShort)
  }

  @Test func reportsWhatItTook() throws {
    let data = Deflate.sample(.words, 5000)
    let stored = Deflate.libdeflateEncode(data, level: 9)
    do {
      _ = try Deflate.decode(stored + [0], length: data.count)
      Issue.record("a byte behind the stream was taken")
    } catch let error as DecodeError {
      #expect(error == DecodeError(.trailingInput, at: stored.count))
    }
  }

  @Test func needsItsMemory() throws {
    #expect(DeflateDecoder.workingBytes <= 4096)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4104, alignment: 8)
    defer { memory.deallocate() }
    let start = memory.baseAddress!
    for lent in [
      WorkingMemory(), WorkingMemory(unsafeStart: start, count: DeflateDecoder.workingBytes - 1),
      WorkingMemory(unsafeStart: start + 4, count: DeflateDecoder.workingBytes),
    ] {
      #expect(throws: DecodeError(.memory, at: 0)) {
        _ = try DeflateDecoder(input: PageVector(), output: MutablePageVector(), length: 0, memory: lent)
      }
    }
  }
}
