// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZstd
import TestSupport
import Testing

@testable import Codecs

/// A frame made by hand for each rule, on both sides of it.
@Suite struct ZstandardRulesTests {
  enum Outcome: Sendable, Equatable {
    case success([UInt8])
    case failure(DecodeError.Reason)
  }

  struct Case: Sendable, CustomStringConvertible {
    var description: String
    var stored: [UInt8]
    /// What it decodes to, or why not.
    var outcome: Outcome
    /// Decoded bytes that the caller asks for.
    var length: Int
    /// The version of libzstd from which on it says the same, and so is asked.
    var shared: UInt32 = 0

    static func accepted(_ name: String, _ stored: [UInt8], _ bytes: [UInt8], shared: UInt32 = 0) -> Case {
      Case(description: name, stored: stored, outcome: .success(bytes), length: bytes.count, shared: shared)
    }
    static func refused(
      _ name: String, _ stored: [UInt8], _ reason: DecodeError.Reason, length: Int, shared: UInt32 = 0
    ) -> Case {
      Case(description: name, stored: stored, outcome: .failure(reason), length: length, shared: shared)
    }
  }

  func check(_ rule: Case) {
    for favoursSpeed in [true, false] {
      for layout in [
        ZstandardPages.contiguous, ZstandardPages(shift: 1, offset: 1), ZstandardPages(shift: 5, offset: 0),
      ] {
        var outcome: Outcome?
        do throws(WitnessedError) {
          outcome = .success(
            try zstandardDecode(
              rule.stored, length: rule.length, from: layout, into: layout, favoursSpeed: favoursSpeed))
        } catch {
          outcome = error.reason.map { .failure($0) }
        }
        #expect(outcome == rule.outcome, "\(rule), \(layout), fast \(favoursSpeed)")
      }
    }
    let isStreaming = rule.shared == Self.streaming
    if isStreaming || ZSTD_versionNumber() >= rule.shared {
      let theirs = libzstdDecode(rule.stored, capacity: rule.length, isStreaming: isStreaming)
      switch rule.outcome {
      case .success(let bytes): #expect(theirs == bytes, "libzstd, \(rule)")
      // libzstd decodes as much as there is; that it is not what the index says, its caller sees.
      case .failure: #expect(theirs?.count != rule.length, "libzstd, \(rule)")
      }
    }
  }

  /// libzstd 1.5.7, which refuses more than those before it.
  static let recent: UInt32 = 10507
  /// libzstd where it decodes as Linux does, with a window and no more.
  private static let streaming = UInt32.max - 1
  /// No libzstd.
  static let none = UInt32.max

  static let ten: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  static func last(_ bytes: [UInt8]) -> [UInt8] { Compose.raw(bytes, last: true) }

  static let framesCases: [Case] = [
    .accepted("smallest window", Compose.frame([last(ten)], window: 0), ten),
    .accepted("window with mantissa", Compose.frame([last(ten)], window: 7), ten),
    .accepted("window of 1 MiB", Compose.frame([last(ten)], window: 0x50), ten),
    .refused(
      "window of 1.125 MiB", Compose.frame([last(ten)], window: 0x51), .unsupported, length: 10, shared: streaming),
    .refused("largest window", Compose.frame([last(ten)], window: 0xFF), .unsupported, length: 10),
    .accepted("single segment", Compose.magic + [0x20, 10] + last(ten), ten),
    .accepted(
      "size in two bytes", Compose.magic + [0x60, 44, 0] + last([UInt8](repeating: 1, count: 300)),
      [UInt8](repeating: 1, count: 300)),
    .accepted("size in four bytes", Compose.magic + [0xA0, 10, 0, 0, 0] + last(ten), ten),
    .accepted("size in eight bytes", Compose.magic + [0xE0, 10, 0, 0, 0, 0, 0, 0, 0] + last(ten), ten),
    .accepted("size and window", Compose.magic + [0x80, 0, 10, 0, 0, 0] + last(ten), ten),
    .accepted(
      "single segment of 1 MiB",
      Compose.magic + [0xA0, 0, 0, 16, 0]
        + (1...8).map { Compose.repeated(9, 1 << 17, last: $0 == 8) }.joined(), [UInt8](repeating: 9, count: 1 << 20)),
    .refused("single segment over 1 MiB", Compose.magic + [0xA0, 1, 0, 16, 0] + last(ten), .unsupported, length: 10),
    .refused(
      "size beyond any", Compose.magic + [0xE0, 10, 0, 0, 0, 1, 0, 0, 0] + last(ten), .unsupported, length: 10),
    .refused("size too small", Compose.magic + [0x80, 0, 9, 0, 0, 0] + last(ten), .invalid, length: 10),
    .refused("size too large", Compose.magic + [0x80, 0, 11, 0, 0, 0] + last(ten), .invalid, length: 10),
    .refused(
      "size too large by 2^32", Compose.magic + [0xC0, 0, 10, 0, 0, 0, 1, 0, 0, 0] + last(ten), .invalid,
      length: 10),
    .refused("no magic", [0x27] + Compose.frame([last(ten)]).dropFirst(), .invalid, length: 10),
    .refused("skippable frame", [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4], .invalid, length: 10),
    .refused("reserved bit", Compose.magic + [0x28, 10] + last(ten), .unsupported, length: 10),
    .accepted("unused bit", Compose.magic + [0x30, 10] + last(ten), ten),
    .accepted("dictionary 0 in one byte", Compose.magic + [0x21, 0, 10] + last(ten), ten),
    .accepted("dictionary 0 in four bytes", Compose.magic + [0x23, 0, 0, 0, 0, 10] + last(ten), ten),
    .refused("dictionary in one byte", Compose.magic + [0x21, 1, 10] + last(ten), .unsupported, length: 10),
    .refused("dictionary in two bytes", Compose.magic + [0x22, 0, 1, 10] + last(ten), .unsupported, length: 10),
    .refused(
      "dictionary in four bytes", Compose.magic + [0x23, 0, 0, 0, 128, 10] + last(ten), .unsupported,
      length: 10),
    .refused("no room for the header", Compose.magic + [0xE0, 10], .inputEnded, length: 10),
    .refused("header cut", Compose.magic + [0xE3, 10, 0, 0, 0, 0, 0, 0, 0], .inputEnded, length: 10),
    .accepted("right checksum", Compose.magic + [0x24, 10] + last(ten) + [0xD8, 0x84, 0x9F, 0x71], ten),
    .refused(
      "wrong checksum", Compose.magic + [0x24, 10] + last(ten) + [0xD8, 0x84, 0x9F, 0x70], .invalid, length: 10),
    .refused("no checksum", Compose.magic + [0x24, 10] + last(ten) + [1, 2, 3], .inputEnded, length: 10),
    .refused("checksum unannounced", Compose.frame([last(ten), [1, 2, 3, 4]]), .trailingInput, length: 10),
  ]

  @Test(arguments: framesCases)
  func frames(rule: Case) { check(rule) }

  static let blocksCases: [Case] = [
    .refused("reserved type", Compose.frame([Compose.block(3, ten, last: true)]), .invalid, length: 10),
    .refused("no block", Compose.frame([]), .inputEnded, length: 10),
    .refused("no last block", Compose.frame([Compose.raw(ten)]), .inputEnded, length: 10),
    .accepted("empty last block", Compose.frame([Compose.raw(ten), last([])]), ten),
    .accepted("empty run at the end", Compose.frame([Compose.raw(ten), Compose.repeated(1, 0, last: true)]), ten),
    .accepted("nothing at all", Compose.frame([last([])]), []),
    .refused("too short", Compose.frame([last(ten)]), .outputShort, length: 11),
    .refused("too long", Compose.frame([last(ten)]), .outputLong, length: 9),
    .refused("run too long", Compose.frame([Compose.repeated(1, 10, last: true)]), .outputLong, length: 9),
    .refused("block behind the end", Compose.frame([Compose.raw(ten), last([1])]), .outputLong, length: 10),
    .refused("raw block cut", Compose.frame([Compose.block(0, ten, size: 11, last: true)]), .inputEnded, length: 11),
    .refused("run cut", Compose.frame([Compose.block(1, [], size: 11, last: true)]), .inputEnded, length: 11),
    .refused(
      "compressed block cut", Compose.frame([Compose.block(2, ten, size: 11, last: true)]), .inputEnded,
      length: 11),
    .accepted(
      "run of a block's maximum", Compose.frame([Compose.repeated(1, 1024, last: true)], window: 0),
      [UInt8](repeating: 1, count: 1024)),
    .refused(
      "run over a block's maximum", Compose.frame([Compose.repeated(1, 1025, last: true)], window: 0), .invalid,
      length: 1025, shared: streaming),
    .refused(
      "run over 128 KiB", Compose.frame([Compose.repeated(1, 131073, last: true)], window: 0x50), .invalid,
      length: 131073, shared: streaming),
    .refused(
      "raw block over a block's maximum", Compose.frame([last(Sample.noise(1025))], window: 0), .invalid,
      length: 1025, shared: streaming),
    .refused(
      "literals over a block's maximum",
      Compose.frame([Compose.compressed(Compose.literals(1, [7], count: 1025), [0], last: true)], window: 0),
      .invalid,
      length: 1025, shared: recent),
    .refused(
      "match over a block's maximum",
      Compose.frame(
        [
          Compose.raw(ten),
          Compose.compressed(
            Compose.literals(0, []),
            Compose.sequences([.init(literals: 0, offset: 4, match: 1025)], .predefined, .predefined, .predefined),
            last: true),
        ], window: 0), .invalid, length: 1035, shared: streaming),
    .refused(
      "last literals over a block's maximum",
      Compose.frame(
        [
          Compose.raw(ten),
          Compose.compressed(
            Compose.literals(1, [7], count: 25),
            Compose.sequences([.init(literals: 0, offset: 4, match: 1000)], .predefined, .predefined, .predefined),
            last: true),
        ], window: 0), .invalid, length: 1035, shared: streaming),
    .accepted(
      "a block's maximum of literals and matches",
      Compose.frame(
        [
          Compose.raw([7]),
          Compose.compressed(
            Compose.literals(1, [7], count: 24),
            Compose.sequences([.init(literals: 0, offset: 4, match: 1000)], .predefined, .predefined, .predefined),
            last: true),
        ], window: 0), [UInt8](repeating: 7, count: 1025)),
    // libzstd before 1.5.5 took the shortest compressed blocks for too short.
    .accepted(
      "empty compressed block",
      Compose.frame([Compose.raw(ten), Compose.compressed(Compose.literals(0, []), [0], last: true)]), ten,
      shared: recent),
    .refused("compressed block of no byte", Compose.frame([Compose.block(2, [], last: true)]), .invalid, length: 0),
    .refused("compressed block of one byte", Compose.frame([Compose.block(2, [0], last: true)]), .invalid, length: 0),
  ]

  @Test(arguments: blocksCases)
  func blocks(rule: Case) { check(rule) }

  /// One block of sequences after ten raw bytes.
  static func after(
    _ literals: [UInt8], _ sequences: [UInt8], window: UInt8 = 0x38
  ) -> [UInt8] {
    Compose.frame([Compose.raw(ten), Compose.compressed(literals, sequences, last: true)], window: window)
  }
  static func coded(_ list: [ComposedSequence]) -> [UInt8] {
    Compose.sequences(list, .predefined, .predefined, .predefined)
  }
  static func result(_ list: [ComposedSequence], _ literals: [UInt8] = []) -> [UInt8] {
    var output = ComposedOutput(bytes: ten)
    output.execute(list, literals)
    return output.bytes
  }

  /// Every way to name a recent distance, one after another, with and without literals.
  private static let recents: [[ComposedSequence]] = (0..<729).map { number in
    var left = number
    return (0..<3).map { _ in
      defer { left /= 9 }
      return ComposedSequence(literals: left % 9 / 3, offset: [1, 2, 3][left % 3], match: 3)
    }
  }

  @Test func recentDistances() {
    for list in Self.recents {
      let literals = Array(Sample.noise(6)[..<list.reduce(0) { $0 + $1.literals }])
      var model = ComposedOutput(bytes: Self.ten)
      var isValid = true
      var taken = 0
      for sequence in list {
        let distance = model.distance(sequence.offset, literals: sequence.literals)
        guard distance > 0, distance <= model.bytes.count + sequence.literals else {
          isValid = false
          break
        }
        model.execute([sequence], Array(literals[taken..<taken + sequence.literals]))
        taken += sequence.literals
      }
      let stored = Self.after(Compose.literals(0, literals), Self.coded(list))
      let length = 10 + literals.count + 9
      // A distance of 0 became 1 in libzstd before 1.5.6.
      check(
        isValid
          ? .accepted("\(list)", stored, model.bytes)
          : .refused("\(list)", stored, .invalid, length: length, shared: Self.recent))
    }
    #expect(Self.recents.count == 729)
  }

  static let sequencesCases: [Case] = [
    .accepted(
      "farthest distance", after(Compose.literals(0, []), coded([.init(literals: 0, offset: 13, match: 20)])),
      result([.init(literals: 0, offset: 13, match: 20)])),
    .refused(
      "distance before the first byte",
      after(Compose.literals(0, []), coded([.init(literals: 0, offset: 14, match: 20)])), .distance, length: 30),
    .refused(
      "recent distance before the first byte",
      Compose.frame([
        Compose.compressed(
          Compose.literals(0, [1, 2, 3]), coded([.init(literals: 3, offset: 2, match: 3)]), last: true)
      ]), .distance, length: 6),
    .accepted(
      "recent distance at the first byte",
      Compose.frame([
        Compose.compressed(
          Compose.literals(0, [1, 2, 3, 4]), coded([.init(literals: 4, offset: 2, match: 3)]), last: true)
      ]), [1, 2, 3, 4, 1, 2, 3]),
    .refused(
      "largest offset code",
      after(
        Compose.literals(0, []),
        Compose.sequences(
          [.init(literals: 0, offset: 1 << 31, match: 3)], .predefined, .single(31), .predefined)), .distance,
      length: 13),
    .accepted(
      "distance of the window",
      Compose.frame(
        [
          Compose.raw(Sample.noise(1000)), Compose.raw(Sample.noise(100, seed: 2)),
          Compose.compressed(
            Compose.literals(0, []), coded([.init(literals: 0, offset: 1027, match: 9)]), last: true),
        ], window: 0), Sample.noise(1000) + Sample.noise(100, seed: 2) + Sample.noise(1000)[76..<85]),
    // libzstd keeps more than the window, and refuses only what is beyond that too.
    .refused(
      "distance beyond the window",
      Compose.frame(
        [
          Compose.raw(Sample.noise(1000)), Compose.raw(Sample.noise(100, seed: 2)),
          Compose.compressed(
            Compose.literals(0, []), coded([.init(literals: 0, offset: 1028, match: 9)]), last: true),
        ], window: 0), .distance, length: 1109, shared: none),
    .refused(
      "more literals than there are",
      after(Compose.literals(0, [1, 2]), coded([.init(literals: 3, offset: 4, match: 3)])), .invalid, length: 16),
    .refused(
      "match behind the end",
      after(Compose.literals(0, [1, 2]), coded([.init(literals: 2, offset: 4, match: 5)])), .outputLong, length: 16),
    .refused(
      "literals behind the end",
      after(Compose.literals(0, [1, 2]), coded([.init(literals: 1, offset: 4, match: 5)])), .outputLong, length: 16),
    .refused("no sequences, but bytes", after(Compose.literals(0, [1, 2]), [0, 0]), .invalid, length: 12),
    .refused("number of sequences cut", after(Compose.literals(0, [1, 2]), [128]), .invalid, length: 12),
    .refused("long number of sequences cut", after(Compose.literals(0, [1, 2]), [255, 0]), .invalid, length: 12),
    .refused("no modes", after(Compose.literals(0, [1, 2]), [1]), .invalid, length: 12),
    .accepted(
      "no sequences in two bytes", after(Compose.literals(0, [1, 2]), [128, 0]), ten + [1, 2], shared: recent),
    // libzstd before 1.5.6 does not look at the two reserved bits.
    .refused(
      "reserved mode bits",
      after(
        Compose.literals(0, []),
        [1, 1]
          + coded(
            [.init(literals: 0, offset: 4, match: 5)]).dropFirst(2)), .invalid, length: 15, shared: recent),
    .refused("no bits", after(Compose.literals(0, []), [1, 0]), .invalid, length: 15),
    .refused("bits end in 0", after(Compose.literals(0, []), [1, 0, 1, 2, 3, 0]), .invalid, length: 15),
    .refused(
      "bits left over",
      after(
        Compose.literals(0, []),
        [1, 0, 0xFF]
          + coded(
            [.init(literals: 0, offset: 4, match: 5)]).dropFirst(2)), .invalid, length: 15, shared: recent),
    // libzstd before 1.5.6 takes too few bits for enough.
    .refused(
      "bits run out", after(Compose.literals(0, []), [1, 0, 0x0F, 0x01]), .invalid, length: 15, shared: recent),
  ]

  @Test(arguments: sequencesCases)
  func sequences(rule: Case) { check(rule) }
}
