// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension DumpFormat {
  /// The file types that dump.erofs counts.
  private static let fileTypes = [".txt", ".so", ".xml", ".apk", ".odex", ".vdex", ".oat", ".rc", ".otf"]

  /// Statistics as dump.erofs counts them: every name is a file, and what a compressed file takes is what it announces.
  package static func statistics(of reader: ImageReader) throws(TreeError) -> String {
    var files = 0
    var kinds: [InodeKind: Int] = [:]
    var compressed = 0
    var uncompressed = 0
    var originalBytes: UInt64 = 0
    var storedBytes: UInt64 = 0
    var originalSizes = [Int](repeating: 0, count: ImageStatistics.sizeClasses)
    var storedSizes = originalSizes
    var types = [Int](repeating: 0, count: fileTypes.count + 1)
    func occupied(_ inode: Inode) throws(EROFSError) -> UInt64 {
      let blocks = try reader.announcedBlocks(of: inode)
      if blocks == nil { uncompressed += 1 } else { compressed += 1 }
      return blocks.map { $0 &<< UInt64(reader.superblock.blockShift) } ?? inode.size
    }
    for file in try reader.files() {
      files += 1
      kinds[file.inode.kind, default: 0] += 1
      let stored = try TreeError.naming(file.path) { () throws(EROFSError) in try occupied(file.inode) }
      guard file.inode.kind == .regular else { continue }
      originalBytes &+= file.inode.size
      storedBytes &+= stored
      originalSizes[ImageStatistics.sizeClass(of: file.inode.size)] += 1
      storedSizes[ImageStatistics.sizeClass(of: stored)] += 1
      types[type(of: file.path)] += 1
    }
    try TreeError.naming(Array("[packed]".utf8)) { () throws(EROFSError) in
      guard let packed = try reader.volume.packedInode() else { return }
      let stored = try occupied(packed)
      storedBytes &+= stored
      storedSizes[ImageStatistics.sizeClass(of: stored)] += 1
    }

    var text = "Filesystem total file count:\t\t\(files)\nFilesystem unknown type count:\t\t0\n"
    for kind in InodeKind.allCases { text += "Filesystem \(category(kind)) count:\t\t\(kinds[kind] ?? 0)\n" }
    text += """
      Filesystem compressed files:            \(compressed)
      Filesystem uncompressed files:          \(uncompressed)
      Filesystem total original file size:    \(originalBytes) Bytes
      Filesystem total file size:             \(storedBytes) Bytes
      Filesystem compress rate:               \(percentage(storedBytes, originalBytes))%

      """
    let regular = kinds[.regular] ?? 0
    for (title, sizes) in [("Original", originalSizes), ("On-disk", storedSizes)] {
      text += "\n\(title) file size distribution:\n" + heading(">=(KB) .. <(KB) ")
      for (index, count) in sizes.enumerated() {
        let low = index == 0 ? 0 : 1 << (index - 1)
        let high = index == sizes.count - 1 ? "" : " " + left("\(1 << index)", 6)
        text += bar("\(right("\(low)", 6)) ..\(high)", count, of: regular)
      }
    }
    text += "\nFile type distribution:\n" + heading("type")
    for (index, count) in types.enumerated() {
      text += bar(left(index < fileTypes.count ? fileTypes[index] : "others", 17), count, of: regular)
    }
    return text
  }

  private static func heading(_ title: String) -> String {
    "\(left(title, 16)) \(right("count", 11)) \(right("ratio", 16)) |\(left("distribution", 50))|\n"
  }

  private static func bar(_ label: String, _ count: Int, of all: Int) -> String {
    let share = all == 0 ? 0 : Double(count) * 100 / Double(all)
    let marks = left(String(repeating: "#", count: Int(share / 2)), 50)
    return "\(left(label, 16))\t\(left("\(count)", 11)) \(right(share.decimal(2), 8))% |\(marks)|\n"
  }

  /// The index of a name's type: the first one that begins with what the name has from its last dot on, even where that
  /// is the dot alone.
  private static func type(of path: [UInt8]) -> Int {
    let name = path[(path.lastIndex(of: 0x2F).map { $0 + 1 } ?? 0)...]
    guard let dot = name.lastIndex(of: 0x2E) else { return fileTypes.count }
    return fileTypes.firstIndex { $0.utf8.starts(with: name[dot...]) } ?? fileTypes.count
  }
}
