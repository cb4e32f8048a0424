// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import Foundation
import Testing

@testable import EROFS

/// Tools/codecs.txt says again, for C and for scripts, what decoders say of themselves.
@Suite struct CodecTableTests {
  private struct Row {
    let columns: [String]

    subscript(_ column: Int) -> String? { columns[column] == "-" ? nil : columns[column] }
  }

  private static let rows: [Row] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../Tools/codecs.txt")
    let lines = ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n")
    return lines.map { Row(columns: $0.prefix { $0 != "#" }.split(separator: " ").map(String.init)) }
      .filter { !$0.columns.isEmpty }
  }()

  @Test func names() {
    #expect(Self.rows.count == Algorithm.allCases.count)
    for (row, algorithm) in zip(Self.rows, Algorithm.allCases) {
      #expect(row[0] == "\(algorithm.rawValue)")
      #expect(row[1] == "\(algorithm)")
      #expect(row[3] == "\(algorithm.name)")
    }
  }

  @Test func margins() throws {
    for (row, algorithm) in zip(Self.rows, Algorithm.allCases) {
      let numbers = row[6]?.split(separator: "+").compactMap { Int($0) }
      for stored in [0, 1, 255, 256, 4096, 1 << 20] {
        let expected = numbers.map { (stored >> $0[0]) + $0[1] }
        #expect(algorithm.marginInPlace(storedBytes: stored) == expected, "\(algorithm), \(stored)")
      }
    }
  }

  /// If no record says less, the window of LZ4 is its largest distance, which is one less than the pages that are kept, and
  /// that of DEFLATE is all that its distances reach.
  @Test func reach() throws {
    #expect(Int(try #require(Self.rows[0][5])) == CompressionLimits().window(of: .lz4) + 1)
    let deflate = try #require(DeflateDecoder.number(of: 0))
    #expect(Int(try #require(Self.rows[2][5])) == DeflateDecoder.window(deflate))
  }

  /// The largest number that Linux takes in a field is the largest that the reader takes.
  @Test func records() throws {
    #expect(Self.rows[2][7] == "windowbits:15")
    let windows = [15, 16].map { DeflateDecoder.number(of: record(DeflateRecord.self, .windowBits, $0)) }
    #expect(windows == [15, nil])
    #expect(Self.rows[1][7] == "format:0")
    for format: UInt16 in [0, 1] {
      var word = record(MicroLZMARecord.self, .format, format)
      Field<MicroLZMARecord, UInt32>.dictionaryBytes.set(&word, to: 4096)
      #expect(MicroLZMADecoder.number(of: word) == (format == 0 ? 4096 : nil))
    }
    #expect(Self.rows[3][7] == "format:0")
    let formats = [0, 1].map { ZstandardDecoder.number(of: record(ZstandardRecord.self, .format, $0)) }
    #expect(formats == [10, nil])
  }

  private func record<R: Record, V>(_: R.Type, _ field: Field<R, V>, _ value: V) -> UInt64 {
    var word: UInt64 = 0
    field.set(&word, to: value)
    return word
  }
}
