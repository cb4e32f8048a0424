// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import HostSupport

/// Writes the text of ``BuildOptions/ReservedContents/map``.
struct ReservedMap {
  private let output: OutputFile
  private let blockShift: Int
  private var pending: [UInt8] = []
  private var position: UInt64 = 0

  init(_ output: OutputFile, blockShift: Int) {
    self.output = output
    self.blockShift = blockShift
  }

  /// - Parameter place: byte of the image where the piece belongs.
  mutating func add(_ piece: ReferredContent.Piece, at place: UInt64) throws {
    func hex(_ value: UInt64, _ width: Int, _ fill: String) -> String {
      let digits = String(value, radix: 16)
      return String(repeating: fill, count: max(0, width - digits.count)) + digits
    }
    let block = UInt64(1) << UInt64(blockShift)
    let blocks = (piece.length + block - 1) >> UInt64(blockShift)
    let zeros = blocks << UInt64(blockShift) - piece.length
    var line = "\(hex(place >> UInt64(blockShift), 8, "0")) \(hex(blocks, 8, " ")) \(hex(piece.place, 8, "0"))"
    if zeros > 0 { line += " " + String(repeating: "0", count: max(0, 8 - "\(zeros)".count)) + "\(zeros)" }
    pending += (line + "\n").utf8
    if pending.count > 1 << 20 { try flush() }
  }

  private mutating func flush() throws {
    try pending.withUnsafeBytes { try output.write($0, at: position) }
    position += UInt64(pending.count)
    pending.removeAll(keepingCapacity: true)
  }

  mutating func finish() throws {
    try flush()
    try output.setSize(position)
  }
}
