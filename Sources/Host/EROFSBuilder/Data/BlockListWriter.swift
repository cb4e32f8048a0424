// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import HostSupport

/// Writes the text of ``BuildOptions/BlockList``.
struct BlockListWriter {
  private let build: BuildContext
  private let contents: ContentPass
  private let prefix: [UInt8]
  private var pending: [UInt8] = []
  private var position: UInt64 = 0
  private static let bufferBytes = 1 << 20

  init(_ build: BuildContext, _ contents: ContentPass, root: [UInt8]) {
    self.build = build
    self.contents = contents
    prefix = root.split(separator: 0x2F).flatMap { [0x2F] + $0 } + [0x2F]
  }

  /// - Throws: ``BuildError/unrepresentable(path:_:)`` for a path with a line break.
  mutating func write(to output: OutputFile) throws {
    for number in 0..<build.order.count {
      let runs = runs(of: number)
      if runs.isEmpty { continue }
      let path = build.path(of: number)
      if path.contains(0x0A) {
        throw BuildError.unrepresentable(path: path, "its path has a line break, which a list of blocks cannot hold")
      }
      pending += prefix + path
      for run in runs {
        let text = run.count == 1 ? " \(run.lowerBound)" : " \(run.lowerBound)-\(run.upperBound - 1)"
        pending += text.utf8
      }
      pending.append(0x0A)
      if pending.count >= Self.bufferBytes { try flush(to: output) }
    }
    try flush(to: output)
    try output.setSize(position)
  }

  private mutating func flush(to output: OutputFile) throws {
    try pending.withUnsafeBytes { try output.write($0, at: position) }
    position += UInt64(pending.count)
    pending.removeAll(keepingCapacity: true)
  }

  /// Runs of blocks of a regular file, in the order of its bytes.
  func runs(of number: Int) -> [Range<UInt64>] {
    let file = contents.files[number]
    let shift = UInt64(build.options.blockShift)
    let blockSize = UInt64(build.options.blockSize)
    var runs: [Range<UInt64>] = []
    func add(at address: UInt64, bytes: UInt64) {
      if bytes == 0 { return }
      let blocks = address >> shift..<(address + bytes + blockSize - 1) >> shift
      // Byte addresses: an extent may start in the block where the one before ends.
      if let last = runs.last, last.lowerBound <= blocks.lowerBound, blocks.lowerBound <= last.upperBound {
        runs[runs.count - 1] = last.lowerBound..<max(last.upperBound, blocks.upperBound)
      } else {
        runs.append(blocks)
      }
    }
    switch file.layout {
    case .empty, .fragment: break
    case .flat:
      var size = build.size(of: number)
      if case .inline(_, let bytes, _, _) = file.tail { size -= UInt64(bytes) }
      add(at: file.address, bytes: size)
    case .compressed:
      for extent in contents.extents[file.extents] where extent.form != .hole {
        add(at: extent.address, bytes: UInt64(extent.storedBytes))
      }
    case .chunked:
      let chunkSize = blockSize << UInt64(file.chunkShift)
      var left = build.size(of: number)
      for chunk in contents.chunks[file.extents] {
        let size = min(left, chunkSize)
        if let chunk, chunk.device == 0 { add(at: chunk.block << shift, bytes: size) }
        left -= size
      }
    }
    return runs
  }
}
