// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// Real data: the regular files of a root tree in the order of their paths, put one after the other and cut into blocks,
/// of which every n-th is taken.
struct Corpus {
  static let blockSize = 65536
  /// Blocks of ``blockSize`` bytes.
  var blocks: [[UInt8]] = []
  /// Says what they are.
  var description: String

  /// - Parameter limit: bytes wanted; the blocks are spread evenly over the tree.
  init(tree: String?, limit: Int) throws {
    let root = tree ?? "/usr/bin"
    let files = Self.regularFiles(under: root)
    let total = files.reduce(0) { $0 + $1.size }
    let step = max(1, total / max(1, limit))
    var pending: [UInt8] = []
    var index = 0
    for file in files where file.size > 0 {
      guard let data = try? Data(contentsOf: URL(fileURLWithPath: file.path), options: .alwaysMapped) else { continue }
      pending += data
      var start = 0
      while pending.count - start >= Self.blockSize {
        if index % step == 0 { blocks.append(Array(pending[start..<start + Self.blockSize])) }
        start += Self.blockSize
        index += 1
      }
      pending.removeFirst(start)
    }
    guard !blocks.isEmpty else { throw BenchError("no files under \(root)") }
    let name = tree == nil ? "this machine's /usr/bin" : "a minimal Debian root tree (sid)"
    description =
      "\(blocks.count) blocks of 64 KiB, every \(step == 1 ? "one" : "\(step)th") of \(name), "
      + "\(files.count) files, \(total / 1_000_000) MB, in the order of their paths"
  }

  private static func regularFiles(under root: String) -> [(path: String, size: Int)] {
    let keys: [URLResourceKey] = [.isRegularFileKey, .fileSizeKey]
    guard
      let walk = FileManager.default.enumerator(
        at: URL(fileURLWithPath: root), includingPropertiesForKeys: keys, options: [])
    else { return [] }
    var files: [(path: String, size: Int)] = []
    for case let url as URL in walk {
      guard let values = try? url.resourceValues(forKeys: Set(keys)), values.isRegularFile == true else { continue }
      files.append((url.path, values.fileSize ?? 0))
    }
    return files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }
}
