// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// An image drawn as SVG: its bytes as rows of cells from the top left to the bottom right, in the colour of what they are
/// for, and tables of where the bytes went.
package struct ImagePicture: Sendable {
  package let map: ImageMap
  package let statistics: ImageStatistics
  private let title: String
  private let announced: String

  private static let columns = 128
  private static let rows = 64
  private static let cell = 6
  private static let margin = 24
  private static let line = 20
  /// Suffixes of file names that the second table lists.
  private static let listedSuffixes = 12

  /// - Parameters:
  ///   - reader: of the image.
  ///   - title: what the image is called.
  package init(of reader: ImageReader, title: [UInt8]) throws(TreeError) {
    map = try ImageMap(of: reader)
    statistics = try ImageStatistics(of: reader)
    self.title = title.printable
    let superblock = reader.superblock
    announced =
      "\(statistics.inodes.groupedCounting("inode")), \(statistics.fileBytes.groupedCounting("byte")) in files, "
      + "blocks of \(superblock.blockSize.groupedCounting("byte"))"
  }

  package var svg: String {
    let width = Self.margin * 3 + Self.columns * Self.cell + 520
    var body = ""
    var y = Self.margin + Self.line
    body += Self.text(Self.margin, y, title, "bold")
    y += Self.line
    body += Self.text(Self.margin, y, announced)
    let top = y + Self.line / 2
    y = top
    for (number, runs) in map.devices.enumerated() {
      if number > 0 {
        y += Self.line
        body += Self.text(Self.margin, y, "device \(number)")
        y += Self.line / 2
      }
      body += cells(runs, at: y, &y)
      y += Self.line
    }
    let tables = tables(x: Self.margin * 2 + Self.columns * Self.cell, y: top)
    let height = max(y, tables.bottom) + Self.margin
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" \
      font-family="sans-serif" font-size="13">
      <rect width="100%" height="100%" fill="#ffffff"/>
      \(body)\(tables.text)</svg>

      """
  }

  // MARK: The picture

  private func cells(_ runs: [ImageMap.Run], at top: Int, _ bottom: inout Int) -> String {
    let size = runs.last?.end ?? 0
    // Whole bytes, and no more cells than there is room for.
    let count = UInt64(Self.columns * Self.rows)
    let each = max(1, (size + count - 1) / count)
    let used = Int((size + each - 1) / each)
    var uses: [ImageMap.Use] = []
    var next = 0
    for index in 0..<used {
      let (start, end) = (UInt64(index) * each, min(size, UInt64(index + 1) * each))
      var amounts: [ImageMap.Use: UInt64] = [:]
      while next < runs.count, runs[next].start < end {
        amounts[runs[next].use, default: 0] += min(end, runs[next].end) - max(start, runs[next].start)
        if runs[next].end > end { break }
        next += 1
      }
      // Of equal amounts the one that comes first in the list, so that the picture is always the same.
      uses.append(ImageMap.Use.all.max { amounts[$0] ?? 0 < amounts[$1] ?? 0 }!)
    }
    var text = ""
    var index = 0
    while index < used {
      let (row, column) = (index / Self.columns, index % Self.columns)
      var end = index + 1
      while end < used, end / Self.columns == row, uses[end] == uses[index] { end += 1 }
      text += Self.rectangle(
        Self.margin + column * Self.cell, top + row * Self.cell, (end - index) * Self.cell, Self.cell, uses[index])
      index = end
    }
    bottom = top + (used + Self.columns - 1) / Self.columns * Self.cell
    return text + Self.text(Self.margin, bottom + Self.line - 4, "a cell is \(each.groupedCounting("byte"))")
  }

  // MARK: The tables

  private func tables(x: Int, y: Int) -> (text: String, bottom: Int) {
    var text = ""
    var y = y + Self.line
    func row(_ cells: (String, String, String), _ use: ImageMap.Use?, weight: String = "normal") {
      if let use { text += Self.rectangle(x, y - 11, 12, 12, use) }
      text += Self.text(x + 20, y, cells.0, weight)
      text += Self.text(x + 400, y, cells.1, weight, anchor: "end")
      text += Self.text(x + 480, y, cells.2, weight, anchor: "end")
      y += Self.line
    }
    let amounts = map.bytes
    let total = amounts.values.reduce(0, +)
    row(("where the bytes went", "bytes", "of all"), nil, weight: "bold")
    for use in ImageMap.Use.all {
      guard let amount = amounts[use], amount > 0 else { continue }
      row((use.words, amount.grouped, Self.percent(amount, of: total)), use)
    }
    row(("all", total.grouped, ""), nil)
    y += Self.line
    row(("files by suffix", "stored", "of their bytes"), nil, weight: "bold")
    let suffixes = statistics.extensions.sorted { left, right in
      if left.value.storedBytes != right.value.storedBytes { return left.value.storedBytes > right.value.storedBytes }
      return (left.key ?? []).lexicographicallyPrecedes(right.key ?? [])
    }
    for (suffix, amount) in suffixes.prefix(Self.listedSuffixes) {
      let name = suffix.map { "." + $0.printable } ?? "without a suffix"
      row(
        (
          "\(name.prefix(30)) (\(amount.count.grouped))", amount.storedBytes.grouped,
          Self.percent(amount.storedBytes, of: amount.bytes)
        ), nil)
    }
    if suffixes.count > Self.listedSuffixes {
      let rest = suffixes.dropFirst(Self.listedSuffixes)
      let (stored, bytes) =
        rest.reduce((0, 0)) { ($0.0 + $1.value.storedBytes, $0.1 + $1.value.bytes) } as (UInt64, UInt64)
      row(("\(rest.count.grouped) others", stored.grouped, Self.percent(stored, of: bytes)), nil)
    }
    return (text, y)
  }

  private static func percent(_ part: UInt64, of whole: UInt64) -> String {
    if whole == 0 { return "" }
    let tenths = Int((Double(part) / Double(whole) * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  // MARK: SVG

  private static func rectangle(_ x: Int, _ y: Int, _ width: Int, _ height: Int, _ use: ImageMap.Use) -> String {
    "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" fill=\"\(use.colour)\"/>\n"
  }

  private static func text(
    _ x: Int, _ y: Int, _ words: String, _ weight: String = "normal", anchor: String = "start"
  ) -> String {
    var escaped = ""
    for character in words.unicodeScalars {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      // XML has no others.
      case "\u{0}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": escaped += "?"
      default: escaped.unicodeScalars.append(character)
      }
    }
    return "<text x=\"\(x)\" y=\"\(y)\" font-weight=\"\(weight)\" text-anchor=\"\(anchor)\">\(escaped)</text>\n"
  }
}

extension ImageMap.Use {
  private static let ofAlgorithms = ["#e69f00", "#d55e00", "#b8860b", "#a0522d"]

  /// Such as people who confuse red and green can tell apart.
  fileprivate var colour: String {
    switch self {
    case .superblock: "#000000"
    case .inodes: "#0072b2"
    case .attributes: "#004a75"
    case .tables: "#56b4e9"
    case .directories: "#6a3d9a"
    case .links: "#b39ddb"
    case .tails: "#cc79a7"
    case .plain: "#f0e442"
    case .compressed(let algorithm): Self.ofAlgorithms[Int(algorithm.rawValue) % Self.ofAlgorithms.count]
    case .packed: "#009e73"
    case .metabox: "#2f4f8f"
    case .unused: "#dddddd"
    }
  }
}
