// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// Streams that are wrong: the verdict is liblzma's, and nothing is touched that is not ours.
@Suite struct MicroLZMAHostileTests {
  static let sample = MicroLZMASamples.mixed(900, seed: 21)
  static let stored = MicroLZMAOracle.encode(sample).stored

  @Test(arguments: [0, 5, 20])
  func refusesEveryTruncation(shift: Int) {
    let run = MicroLZMARun(inputShift: shift, outputShift: shift)
    var reasons: [DecodeError.Reason: Int] = [:]
    for count in 0..<Self.stored.count {
      let cut = Array(Self.stored[0..<count])
      #expect(run.decode(cut, length: Self.sample.count, reasons: &reasons) == nil)
    }
    #expect(reasons == [.inputEnded: Self.stored.count])
  }

  @Test func refusesTheWrongLength() {
    for length in [0, 1, 500, Self.sample.count - 1, Self.sample.count + 1, Self.sample.count + 300] {
      var reasons: [DecodeError.Reason: Int] = [:]
      #expect(MicroLZMAOracle.decode(Self.stored, length: length) == nil)
      #expect(MicroLZMARun().decode(Self.stored, length: length, reasons: &reasons) == nil)
      #expect(reasons == [length < Self.sample.count ? .outputLong : .inputEnded: 1])
    }
  }

  @Test(arguments: [0, 20])
  func refusesInputBehindTheEnd(shift: Int) {
    let run = MicroLZMARun(inputShift: shift, outputShift: 20)
    for extra: [UInt8] in [[0], [1], [0, 0, 0], [UInt8](repeating: 0, count: 100)] {
      var reasons: [DecodeError.Reason: Int] = [:]
      #expect(MicroLZMAOracle.decode(Self.stored + extra, length: Self.sample.count) == nil)
      #expect(run.decode(Self.stored + extra, length: Self.sample.count, reasons: &reasons) == nil)
      #expect(reasons == [.trailingInput: 1])
    }
  }

  /// An encoder that knows bytes from before the extent makes distances that no reader can follow.
  @Test func refusesDistancesBeforeTheFirstByte() {
    var options = MicroLZMAOracle.Options()
    options.foreignHistory = Self.sample
    let stored = MicroLZMAOracle.encode(Array(Self.sample[200...]), options).stored
    #expect(MicroLZMAOracle.decode(stored, length: 700) == nil)
    for shift in [0, 4, 20] {
      var reasons: [DecodeError.Reason: Int] = [:]
      let run = MicroLZMARun(inputShift: shift, outputShift: shift)
      #expect(run.decode(stored, length: 700, reasons: &reasons) == nil)
      #expect(reasons == [.distance: 1])
    }
  }

  /// Whoever goes on after an error gets errors or nonsense, but touches nothing that is not the decoder's.
  @Test func staysInsideAfterAnError() throws {
    var options = MicroLZMAOracle.Options()
    options.foreignHistory = Self.sample
    let stored = MicroLZMAOracle.encode(Array(Self.sample[200...]), options).stored
    for shift in [5, 20] {
      let input = ScatteredPages(stored, pageShift: shift)
      let output = ScatteredPages(count: 700, pageShift: min(shift, 10))
      let memory = GuardedMemory(count: MicroLZMADecoder.workingBytes)
      var decoder = try MicroLZMADecoder(
        input: input.vector.readOnly, output: output.vector, length: 700, memory: memory.memory)
      var errors = 0
      for _ in 0..<200 {
        do { try decoder.decode(to: 700) } catch { errors += 1 }
        #expect(decoder.produced <= 700)
      }
      #expect(errors > 0)
      #expect(output.guardsAreIntact && memory.guardsAreIntact)
    }
  }

  /// Mutated streams, whole and as prefixes, which liblzma lets go on behind the asked for bytes: nearly all prefixes
  /// decode to something, and it must be the same.
  @Test(arguments: 0..<12)
  func agreesAboutMutations(seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    var reasons: [DecodeError.Reason: Int] = [:]
    var accepted = 0
    for round in 0..<25 {
      let options = MicroLZMATests.everyProperty[Int.random(in: 0..<75, using: &generator)]
      let sample = MicroLZMASamples.mixed(Int.random(in: 1...700, using: &generator), seed: UInt64(seed * 1000 + round))
      var stored = MicroLZMAOracle.encode(sample, options).stored
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        let at = Int.random(in: 0..<stored.count, using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: stored.remove(at: at)
        case 1: stored.insert(.random(in: 0...255, using: &generator), at: at)
        case 2: stored[stored.count - 1] = .random(in: 0...255, using: &generator)
        case 3: stored[min(at, 5) % stored.count] = .random(in: 0...255, using: &generator)
        default: stored[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        }
        if stored.isEmpty { stored = [0] }
      }
      let shift = [0, 3, 5, 6, 9, 20][Int.random(in: 0..<6, using: &generator)]
      let step = Bool.random(using: &generator) ? nil : Int.random(in: 1...300, using: &generator)
      let lengths = [
        sample.count, sample.count + 1, max(0, sample.count - 1), Int.random(in: 0...3000, using: &generator),
      ]
      for length in lengths {
        for isExact in [true, false] {
          let run = MicroLZMARun(inputShift: shift, outputShift: 20 - shift, step: step, isExact: isExact)
          let expected = MicroLZMAOracle.decode(stored, length: length, isExact: isExact)
          let decoded = run.decode(stored, length: length, reasons: &reasons)
          #expect(decoded == expected, "\(options), length \(length), exact \(isExact)")
          if expected != nil { accepted += 1 }
        }
      }
    }
    #expect(accepted > 10)
    #expect(reasons[.inputEnded] != nil && reasons[.distance] != nil && reasons[.outputLong] != nil)
  }

  /// Bytes of no encoder at all, the largest arithmetic codes among them, which no encoder makes.
  @Test(arguments: 0..<8)
  func agreesAboutNoise(seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed) &+ 900)
    var reasons: [DecodeError.Reason: Int] = [:]
    var accepted = 0
    for round in 0..<150 {
      var stored = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      let lead: UInt8 = [0x00, 0xFF, 0xFF, 0xFE, 0x80][round % 5]
      for i in 1..<max(1, min(stored.count, [1, 4, 5, 6, 9][round / 5 % 5])) { stored[i] = lead }
      if round % 4 != 0, !stored.isEmpty { stored[0] = ~UInt8([93, 0, 180, 4][round / 4 % 4]) }
      let length = [0, 1, 5, 64, 300][Int.random(in: 0..<5, using: &generator)]
      // For no bytes of a stream that may go on, liblzma does not look at the five bytes that every stream has.
      for isExact in length == 0 ? [true] : [true, false] {
        let expected = MicroLZMAOracle.decode(stored, length: length, isExact: isExact)
        let run = MicroLZMARun(inputShift: round % 7, outputShift: 6, isExact: isExact)
        #expect(run.decode(stored, length: length, reasons: &reasons) == expected, "\(stored), \(length), \(isExact)")
        if expected != nil { accepted += 1 }
      }
    }
    #expect(accepted > 5)
  }
}
