// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Numbers as horizontal bars, as text or as an SVG picture.
package struct BarChart: Sendable {
  package struct Bar: Sendable, Equatable {
    package enum Group: Sendable { case parts, total, beside }
    package let label: String
    package let value: Int
    package let group: Group

    package init(label: String, value: Int, group: Group) {
      self.label = label
      self.value = max(0, value)
      self.group = group
    }
  }

  package let title: String
  package let bars: [Bar]

  package init(title: String, bars: [Bar]) {
    self.title = title
    self.bars = bars
  }

  private var longest: Int { max(1, bars.map(\.value).max() ?? 1) }

  /// One line a bar; the longest takes `width` characters, and none but 0 takes fewer than one.
  package func text(width: Int = 60) -> String {
    var table = TextTable([("", .left), (title, .right), ("", .left)])
    for bar in bars {
      let count = bar.value == 0 ? 0 : max(1, Int((Double(bar.value) / Double(longest) * Double(width)).rounded()))
      table.append(bar.label, bar.value.grouped, String(repeating: bar.group == .beside ? "=" : "#", count: count))
    }
    return table.text
  }

  /// A picture that needs nothing but itself; `heading` stands above the bars.
  package func svg(heading: String) -> String {
    let labelWidth = 8 * (bars.map { $0.label.unicodeScalars.count }.max() ?? 0) + 20
    let barWidth = 520
    let row = 26
    let height = 60 + row * bars.count
    let width = labelWidth + barWidth + 130
    var svg = """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" font-family="monospace" font-size="13">
      <rect width="100%" height="100%" fill="white"/>
      <text x="10" y="28" font-size="16">\(Self.escaped(heading))</text>

      """
    for (index, bar) in bars.enumerated() {
      let y = 48 + row * index
      let length = bar.value == 0 ? 0 : max(1, Int((Double(bar.value) / Double(longest) * Double(barWidth)).rounded()))
      let colour =
        switch bar.group {
        case .parts: "#4878a8"
        case .total: "#1f3f66"
        case .beside: "#c06030"
        }
      svg += """
        <text x="\(labelWidth - 8)" y="\(y + 15)" text-anchor="end">\(Self.escaped(bar.label))</text>
        <rect x="\(labelWidth)" y="\(y)" width="\(length)" height="20" fill="\(colour)"/>
        <text x="\(labelWidth + length + 6)" y="\(y + 15)">\(bar.value.grouped)</text>

        """
    }
    return svg + "</svg>\n"
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.unicodeScalars.append(scalar.value < 0x20 ? " " : scalar)
      }
    }
    return escaped
  }
}
