// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// What a table says: rows of figures, what was measured, and how.
struct Report {
  /// One figure or word. A number keeps its full value in JSON and is rounded for people.
  enum Cell {
    case text(String)
    case number(Double, digits: Int)
    case absent

    var shown: String {
      switch self {
      case .text(let text): text
      case .number(let value, let digits): String(format: "%.\(digits)f", value)
      case .absent: "-"
      }
    }

    var json: Any {
      switch self {
      case .text(let text): text
      case .number(let value, _): value
      case .absent: NSNull()
      }
    }
  }

  /// A block of rows under one heading.
  struct Section {
    var title: String
    var columns: [String]
    var rows: [[Cell]] = []
  }

  var name: String
  var sections: [Section] = []
  /// What was measured, with what, and how: a line each.
  var method: [String] = []

  var text: String {
    var lines: [String] = []
    for section in sections {
      let shown = [section.columns] + section.rows.map { $0.map(\.shown) }
      let widths = section.columns.indices.map { column in shown.map { $0[column].count }.max() ?? 0 }
      lines.append(section.title)
      for row in shown {
        let cells = row.enumerated().map { i, cell in
          let padding = String(repeating: " ", count: widths[i] - cell.count)
          return i == 0 ? cell + padding : padding + cell
        }
        lines.append("  " + cells.joined(separator: "  "))
      }
      lines.append("")
    }
    return (lines + method.map { "  " + $0 }).joined(separator: "\n")
  }

  var json: String {
    let object: [String: Any] = [
      "table": name,
      "method": method,
      "sections": sections.map { section in
        [
          "title": section.title,
          "rows": section.rows.map { row in
            Dictionary(uniqueKeysWithValues: zip(section.columns, row.map(\.json)))
          },
        ]
      },
    ]
    let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let data = try? JSONSerialization.data(withJSONObject: object, options: options)
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}

/// Why a table could not be made.
struct BenchError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
