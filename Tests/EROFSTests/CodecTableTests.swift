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

  /// Where no record says otherwise, the window of LZ4 is the largest distance, within what the kernel keeps.
  @Test func reach() throws {
    #expect(Int(try #require(Self.rows[0][5])) == CompressionLimits().window(of: .lz4) + 1)
  }
}
