// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFS
import EROFSTree
import HostSupport

/// The SHA-256 of each regular file, by which Linux 7.0 shares its page cache between images (Documentation/Format.md, 16.5).
struct FileDigests: Sendable {
  /// By number of the inode; of those that are no regular files, zeros.
  private var bytes: [UInt8] = []
  private static let byteCount = 32
  private static let pieceBytes = 1 << 20

  /// None.
  init() {}

  init(_ build: BuildContext, _ progress: inout ProgressReporter) throws {
    let total = (0..<build.order.count).reduce(0) { $0 + build.size(of: $1) }
    progress.start(.comparing, total: total)
    bytes = [UInt8](repeating: 0, count: build.order.count * Self.byteCount)
    var number = 0
    let (tree, order) = (build.tree, build.order)
    try OrderedWork<Int, (Int, [UInt8])>.run(
      threads: build.threads, limit: build.memory,
      next: {
        while number < order.count {
          defer { number += 1 }
          if tree.kind(of: order.entries[number]) == .regular { return (number, Self.pieceBytes) }
        }
        return nil
      },
      worker: {
        let worker = Worker(tree, order)
        return { ($0, try worker.digest(of: $0)) }
      },
      take: { file, digest in
        bytes.replaceSubrange(file * Self.byteCount..<(file + 1) * Self.byteCount, with: digest)
        try progress.advance(by: build.size(of: file), written: 0)
      })
  }

  var isEmpty: Bool { bytes.isEmpty }

  subscript(number: Int) -> ArraySlice<UInt8> {
    bytes[number * Self.byteCount..<(number + 1) * Self.byteCount]
  }

  private final class Worker {
    private var opener: ContentOpener
    private let order: InodeOrder
    private var buffer = [UInt8](repeating: 0, count: FileDigests.pieceBytes)

    init(_ tree: Tree, _ order: InodeOrder) {
      opener = ContentOpener(tree)
      self.order = order
    }

    func digest(of file: Int) throws -> [UInt8] {
      let reader = try opener.open(order.entries[file])
      let hash = SHA256()
      var offset: UInt64 = 0
      while offset < reader.size {
        let data = try reader.data(after: offset)
        let from = min(data?.lowerBound ?? reader.size, reader.size)
        hash.update(zeros: from - offset)
        offset = from
        let end = min(data?.upperBound ?? from, reader.size)
        while offset < end {
          let count = Int(min(UInt64(buffer.count), end - offset))
          try buffer.withUnsafeMutableBytes {
            let piece = UnsafeMutableRawBufferPointer(rebasing: $0[..<count])
            try reader.read(into: piece, at: offset)
            hash.update(UnsafeRawBufferPointer(piece))
          }
          offset += UInt64(count)
        }
      }
      try reader.finish()
      return hash.finish()
    }
  }
}
