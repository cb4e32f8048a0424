// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension ImageStatistics {
  private static let columns: [(title: String, TextTable.Alignment)] = [
    ("count", .right), ("bytes", .right), ("stored", .right), ("ratio", .right),
  ]

  private static func cells(_ label: String, _ amount: Amount) -> [String] {
    [
      label, amount.count.grouped, amount.bytes.grouped, amount.storedBytes.grouped,
      ratio(amount.storedBytes, amount.bytes),
    ]
  }

  private static func ratio(_ stored: UInt64, _ bytes: UInt64) -> String {
    bytes == 0 ? "" : (Double(stored) / Double(bytes) * 100).decimal(1) + "%"
  }

  public func text(title: String) -> String {
    var summary = TextTable([("", .left)] + Self.columns)
    summary.append("names", names.grouped)
    summary.append("inodes", inodes.grouped)
    for kind in InodeKind.allCases { summary.append("  " + kind.word, (kinds[kind] ?? 0).grouped) }
    summary.append("further hard links", hardLinks.grouped)
    summary.append(Self.cells("compressed files", compressed))
    summary.append(Self.cells("uncompressed files", uncompressed))
    if packedBytes > 0 {
      summary.append("files with fragments", filesWithFragments.grouped)
      summary.append("packed inode", "1", packedBytes.grouped)
    }
    summary.append("all files", "", fileBytes.grouped, storedBytes.grouped, Self.ratio(storedBytes, fileBytes))
    summary.append("image", "", "", imageBytes.grouped, Self.ratio(imageBytes, fileBytes))

    var stored = TextTable([("extents", .left)] + Self.columns)
    for how in Storing.all { if let amount = extents[how] { stored.append(Self.cells(how.word, amount)) } }

    let bars = sizes.enumerated().filter { $0.element > 0 }.map {
      BarChart.Bar(label: Self.sizeLabel($0.offset), value: $0.element, group: .parts)
    }
    var names = TextTable([("extension", .left)] + Self.columns)
    for (name, amount) in sortedExtensions.prefix(20) {
      names.append(Self.cells(name.map { "." + $0.printable } ?? "none", amount))
    }
    if extensions.count > 20 { names.append("and \((extensions.count - 20).grouped) more") }
    return [
      title + "\n", summary.text, stored.text, BarChart(title: "files", bars: bars).text(width: 40), names.text,
    ]
    .joined(separator: "\n")
  }

  /// The most frequent first; where two are as frequent, by name.
  private var sortedExtensions: [(name: [UInt8]?, amount: Amount)] {
    extensions.map { (name: $0.key, amount: $0.value) }.sorted { a, b in
      if a.amount.count != b.amount.count { return a.amount.count > b.amount.count }
      return (a.name ?? []).lexicographicallyPrecedes(b.name ?? [])
    }
  }

  private static func sizeLabel(_ index: Int) -> String {
    if index == 0 { return "below 1K" }
    let low = (1 << (index + 9)).inUnits
    return index == sizeClasses - 1 ? "\(low) and more" : "\(low) to \((1 << (index + 10)).inUnits)"
  }

  package var json: JSON {
    func object(_ amount: Amount) -> JSON {
      ["count": JSON(amount.count), "bytes": JSON(amount.bytes), "stored_bytes": JSON(amount.storedBytes)]
    }
    return [
      "names": JSON(names), "inodes": JSON(inodes), "hard_links": JSON(hardLinks),
      "kinds": .object(InodeKind.allCases.map { ($0.word, JSON(kinds[$0] ?? 0)) }),
      "compressed": object(compressed), "uncompressed": object(uncompressed),
      "files_with_fragments": JSON(filesWithFragments), "packed_bytes": JSON(packedBytes),
      "file_bytes": JSON(fileBytes), "stored_bytes": JSON(storedBytes), "image_bytes": JSON(imageBytes),
      "extents": .object(Storing.all.compactMap { how in extents[how].map { (how.word, object($0)) } }),
      "sizes": .array(
        sizes.enumerated().map { index, count in
          ["from": JSON(index == 0 ? 0 : 1 << (index + 9)), "files": JSON(count)]
        }),
      "extensions": .array(
        sortedExtensions.map { name, amount in
          .object((name.map { JSON.members("extension", $0) } ?? [("extension", .null)]) + [("files", object(amount))])
        }),
    ]
  }
}
