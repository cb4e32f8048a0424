// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Rows of text in columns as wide as their widest cell, two spaces apart.
package struct TextTable {
  package enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]]

  package init(_ columns: [(title: String, Alignment)]) {
    alignments = columns.map { $0.1 }
    rows = [columns.map { $0.title }]
  }

  /// A row; cells that are missing at its end are empty.
  package mutating func append(_ cells: String...) { append(cells) }

  package mutating func append(_ cells: [String]) {
    rows.append(Array(cells.prefix(alignments.count)))
  }

  /// All rows, each with a newline.
  package var text: String {
    let widths = alignments.indices.map { column in
      rows.map { column < $0.count ? $0[column].unicodeScalars.count : 0 }.max() ?? 0
    }
    var text = ""
    for row in rows {
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.unicodeScalars.count)
        line += (column > 0 ? "  " : "") + (alignments[column] == .right ? padding + cell : cell + padding)
      }
      while line.last == " " { line.removeLast() }
      text += line + "\n"
    }
    return text
  }
}
