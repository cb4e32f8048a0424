// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Cat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the content of files to standard output, one after another.")

  @OptionGroup var options: ImageOptions

  @Argument(help: "Paths in the image; symbolic links are not followed.")
  var paths: [RawArgument]

  func run() throws {
    let reader = try options.reader()
    var failed = false
    for path in paths {
      do throws(EROFSError) {
        let inode = try reader.inode(at: path.bytes)
        guard inode.kind == .regular else { throw .notAFile }
        try write(inode, reader)
      } catch {
        complain("\(path): \(error)")
        failed = true
      }
    }
    if failed { throw ExitCode(ExitStatus.failed) }
  }

  private func write(_ inode: Inode, _ reader: ImageReader) throws(EROFSError) {
    let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
    defer { zeros.deallocate() }
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    do throws(ImageReader.PieceError<Never>) {
      try reader.forEachPiece(of: inode) { _, piece in
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
}
