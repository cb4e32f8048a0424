// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import TestSupport
import Testing

@testable import Codecs

/// The rules of the tables that sequences are decoded with.
extension ZstandardRulesTests {
  private static let one = ComposedSequence(literals: 0, offset: 4, match: 5)
  static func modes(
    _ literals: ComposedMode, _ offsets: ComposedMode, _ matches: ComposedMode
  ) -> [UInt8] { Compose.sequences([one], literals, offsets, matches) }
  /// A sequences section with modes and then just these bytes.
  static func told(_ modes: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    after(Compose.literals(0, []), [1, modes] + bytes)
  }

  static let tablesCases: [Case] = [
    .refused("repeated literal lengths without any", told(0xC0, [1, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("repeated offsets without any", told(0x30, [1, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("repeated match lengths without any", told(0x0C, [1, 1, 1, 1, 1]), .invalid, length: 15),
    .refused(
      "repeated after a block without sequences",
      Compose.frame([
        Compose.raw(ten), Compose.compressed(Compose.literals(0, [1]), [0]),
        Compose.compressed(Compose.literals(0, []), modes(.repeated, .predefined, .predefined), last: true),
      ]), .invalid, length: 16),
    .accepted(
      "repeated after predefined and single",
      Compose.frame([
        Compose.raw(ten),
        Compose.compressed(Compose.literals(0, []), modes(.single(0), .predefined, .single(2))),
        Compose.compressed(Compose.literals(0, [1]), [0]),
        Compose.compressed(
          Compose.literals(0, []),
          Compose.sequences(
            [one, one], .repeated, .repeated, .repeated,
            before: (
              ComposedTable(single: 0), ComposedCodes.predefinedOffsets, ComposedTable(single: 2)
            )), last: true),
      ]),
      {
        var output = ComposedOutput(bytes: ten)
        output.execute([one], [])
        output.execute([], [1])
        output.execute([one, one], [])
        return output.bytes
      }()),
    .accepted(
      "highest single literal length code",
      after(
        Compose.literals(1, [3], count: 65536),
        Compose.sequences([.init(literals: 65536, offset: 2, match: 3)], .single(35), .predefined, .predefined)),
      result([.init(literals: 65536, offset: 2, match: 3)], [UInt8](repeating: 3, count: 65536))),
    .accepted(
      "highest single match length code",
      after(
        Compose.literals(0, []),
        Compose.sequences([.init(literals: 0, offset: 9, match: 65539)], .predefined, .predefined, .single(52))),
      result([.init(literals: 0, offset: 9, match: 65539)])),
    .refused("literal length code 36", told(0x40, [36, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("offset code 32", told(0x10, [32, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("match length code 53", told(0x04, [53, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("single code missing", told(0x40, []), .invalid, length: 15),
    .refused("literal length accuracy 10", told(0x80, [0x05, 1, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("offset accuracy 9", told(0x20, [0x04, 1, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("match length accuracy 10", told(0x08, [0x05, 1, 1, 1, 1, 1]), .invalid, length: 15),
    .refused("table cut", told(0x80, [0x00, 0x11]), .invalid, length: 15),
    .refused("table missing", told(0x80, []), .invalid, length: 15),
    .refused(
      "codes without end", told(0x80, [0x10, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), .invalid,
      length: 15),
    .accepted(
      "one code with all states",
      after(
        Compose.literals(0, []),
        Compose.sequences(
          [one, one], .described(ComposedTable(log: 9, counts: [512])), .predefined, .predefined)),
      result([one, one])),
    .accepted(
      "every state below 1",
      after(
        Compose.literals(0, []),
        Compose.sequences(
          [one, one], .predefined, .described(ComposedTable(log: 5, counts: [Int](repeating: -1, count: 32))),
          .predefined)), result([one, one])),
  ]

  @Test(arguments: tablesCases)
  func tables(rule: Case) { check(rule) }
}
