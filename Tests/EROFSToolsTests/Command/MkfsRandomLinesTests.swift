// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import EROFSCommand

/// Command lines that nobody would write: each is a request or is refused with words, and nothing traps.
@Suite struct MkfsRandomLinesTests {
  private static let values = [
    "", "0", "1", "-1", "4096", "4095", "65536", "1m", "64K", "0x", "0x1000", "007", "2147483648", "4294967296",
    "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e9", "16E",
    "99999999G",
    "lz4", "lz4hc,12", "lz4hc,99", "lzma,dictsize=1", "lzma,dictsize=18446744073709551615", "zstd,level=22",
    "zstd,level=",
    "deflate,9", "libdeflate,12:lz4:zstd:lzma", ":", ",", "=", "^", "lz4::", "dedupe", "^dedupe", "all-fragments=65536",
    "fragments=0", "ztailpacking,48bit,dedupe", "48bit,^48bit,legacy-compress", "data", "rvsp", "none", "f", "i", "x",
    "nommu", "archive", "clear", "00000000-0000-0000-0000-000000000000", "a\u{301}\u{1F4BE}", "\u{0}",
    "seventeen-letters",
    "user.", "security.selinux", "1:2", "1:2:3", "*", "[", "\\", "/", "..", "nan", "inf", " 4096", "4096 ",
  ]

  private struct Dice {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
  }

  @Test(arguments: 0..<8) func eachIsTakenOrRefused(seed: Int) {
    var random = Dice(state: UInt64(seed))
    let forms = MkfsOption.allCases.map(\.form)
    var (taken, refused) = (0, 0)
    for _ in 0..<2000 {
      var line: [String] = []
      for _ in 0..<random.below(7) {
        let form = forms[random.below(forms.count)]
        let value = Self.values[random.below(Self.values.count)]
        var name = form.long.map { "--\($0)" } ?? "-\(form.short!)"
        if let short = form.short, random.below(3) == 0 { name = "-\(short)" }
        switch random.below(5) {
        case 0: line.append(name)
        case 1: line += [name, value]
        case 2: line.append(String(name.dropLast(random.below(3))) + "=" + value)
        default: line.append(name.hasPrefix("--") ? "\(name)=\(value)" : name + value)
        }
      }
      for _ in 0..<random.below(4) { line.insert(Self.values[random.below(Self.values.count)], at: 0) }
      do {
        _ = try MkfsParser.parse(line, sourceDate: random.below(4) == 0 ? Self.values[random.below(20)] : nil)
        taken += 1
      } catch {
        #expect(!"\(error)".isEmpty)
        refused += 1
      }
    }
    #expect(taken > 20 && refused > 20)
  }
}
