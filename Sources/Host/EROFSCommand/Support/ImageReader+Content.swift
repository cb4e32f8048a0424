// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools

extension ImageReader {
  /// Writes all bytes of an inode to standard output.
  func writeContent(of inode: Inode) throws(EROFSError) {
    let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
    defer { zeros.deallocate() }
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    try checkHoles(of: inode)
    do throws(PieceError<Never>) {
      try forEachPiece(of: inode) { _, piece in
        switch piece {
        case .data(let bytes): StandardOutput.shared.write(raw: bytes)
        case .hole(var count):
          while count > 0 {
            let part = min(count, UInt64(zeros.count))
            StandardOutput.shared.write(raw: UnsafeRawBufferPointer(rebasing: zeros[..<Int(part)]))
            count -= part
          }
        }
      }
    } catch {
      switch error {
      case .image(let error): throw error
      }
    }
  }

  /// Refuses a file with more zeros in holes than its image can justify, before the first byte is written.
  private func checkHoles(of inode: Inode) throws(EROFSError) {
    guard let limit, inode.size > 0 else { return }
    var offset: UInt64 = 0
    while let extent = try extent(of: inode, at: offset) {
      if extent.place == .hole { try limit.spend(writingZeros: extent.length) }
      offset = extent.end
    }
  }
}
