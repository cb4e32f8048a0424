// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZstd
import TestSupport
import Testing

@testable import Codecs

/// Damaged frames, against libzstd: what we accept, it accepts, and to the same bytes; what it accepts, we accept, but
/// for what `Laxity` names.
@Suite struct ZstandardMutationTests {
  @Test(arguments: 0..<8)
  func agreesWithLibzstd(part: Int) throws {
    var generator = SplitMix64(seed: UInt64(part) + 1000)
    var accepted = 0
    var refused = 0
    for i in 0..<12 {
      let (good, length) = Self.frame(UInt64(part * 100 + i))
      let layout = ZstandardPages.all[(part + i) % ZstandardPages.all.count]
      for _ in 0..<40 {
        var stored = good
        for _ in 0..<Int.random(in: 1...2, using: &generator) {
          let at = Int.random(in: 0..<stored.count, using: &generator)
          let bit: UInt8 = 1 << UInt8.random(in: 0..<8, using: &generator)
          stored[at] =
            Bool.random(using: &generator) ? stored[at] ^ bit : UInt8.random(in: 0...255, using: &generator)
        }
        let theirs = libzstdDecode(stored, capacity: length)
        do throws(WitnessedError) {
          let ours = try zstandardDecode(
            stored, length: length, from: layout, into: layout, favoursSpeed: Bool.random(using: &generator))
          #expect(theirs == ours)
          accepted += 1
        } catch {
          let reason = try #require(error.reason, "wrote outside")
          refused += 1
          if theirs?.count == length {
            #expect(Laxity(stored).allows(reason), "frame \(part * 100 + i): \(reason), \(stored)")
          }
        }
      }
    }
    #expect(accepted > 20 && refused > 60)
  }

  /// A frame, half of them without four streams, and how much it decodes to.
  private static func frame(_ seed: UInt64) -> (stored: [UInt8], length: Int) {
    if seed % 3 > 0 {
      var composer = RandomFrame(seed: seed, allowsFourStreams: seed % 3 == 1)
      let stored = composer.compose()
      return (stored, composer.output.bytes.count)
    }
    let bytes = Sample.mixed(3000, seed: seed)
    let encoder = ZstandardEncoder(
      level: [1, 3, 9, 19][Int(seed / 3) % 4], windowLog: 17, checksum: seed % 5 == 0, contentSize: seed % 2 == 0,
      flushEvery: seed % 4 == 0 ? 500 : 0)
    return (encoder.encode(bytes), bytes.count)
  }
}

/// What a frame has that libzstd does not look at as closely as RFC 8878 asks for.
private struct Laxity {
  /// Its fast loop for four Huffman streams does not see whether each ends where its literals do.
  var hasFourStreams = false
  /// Before 1.5.7 it does not see whether sequences end where their bits do, nor the reserved bits of their modes.
  var hasSequences = false
  /// It holds blocks, where it does not need a window, to 128 KiB instead of to a smaller window.
  var windowIsSmall = false

  init(_ stored: [UInt8]) {
    func byte(_ at: Int) -> Int { at < stored.count ? Int(stored[at]) : 0 }
    let descriptor = byte(4)
    let isSingle = descriptor & 32 != 0
    var at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3] + [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]
    windowIsSmall = isSingle || byte(5) < 0x38
    while at < stored.count {
      let header = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16
      at += 3
      if (header >> 1) & 3 == 2 {
        if byte(at) & 2 != 0, byte(at) & 12 != 0 { hasFourStreams = true }
        hasSequences = true
      }
      at += (header >> 1) & 3 == 1 ? 1 : header >> 3
      if header & 1 != 0 { break }
    }
  }

  func allows(_ reason: DecodeError.Reason) -> Bool {
    switch reason {
    // A window over 1 MiB.
    case .unsupported: true
    case .invalid: hasFourStreams || windowIsSmall || hasSequences && ZSTD_versionNumber() < 10507
    case .distance: windowIsSmall
    default: false
    }
  }
}
