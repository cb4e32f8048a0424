// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import HostSupport

/// The contents of an image's files, by their NIDs, for a tree that is made of it.
final class ImageContents: ForeignContents, @unchecked Sendable {
  private let origin: ImageOrigin
  private let monitor = Monitor()
  /// Readers that nobody uses.
  private var readers: [ImageReader] = []

  init(_ origin: ImageOrigin) { self.origin = origin }

  private func withReader<Result>(_ body: (ImageReader) throws -> Result) throws -> Result {
    let reader = monitor.withLock { readers.popLast() } ?? origin.reader()
    defer { monitor.withLock { readers.append(reader) } }
    do { return try body(reader) } catch { throw LayerError(origin.path, "\(error)") }
  }

  func read(_ number: UInt64, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try withReader { reader in
      let inode = try reader.volume.inode(number)
      try reader.read(inode, at: offset, into: buffer)
    }
  }

  func data(of number: UInt64, after offset: UInt64) throws -> Range<UInt64>? {
    try withReader { reader in
      let inode = try reader.volume.inode(number)
      var offset = offset
      while let extent = try reader.extent(of: inode, at: offset) {
        if extent.place != .hole { return offset..<extent.end }
        offset = extent.end
      }
      return nil
    }
  }
}

extension ImageReader {
  /// Fills `buffer` with a file's bytes from `offset` on, all of which it must have; counts the work.
  func read(_ inode: EROFS.Inode, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws {
    let file = TreeFile(path: [], inode: inode)
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      var span = rest.mutableBytes
      let count: Int
      do throws(EROFSTools.TreeError) { count = try read(file, at: offset + UInt64(done), into: &span) } catch {
        throw error.error
      }
      guard count > 0 else { throw EROFSError.corrupt(.outsideDevice, at: inode.position) }
      done += count
    }
  }

  /// `count` bytes of a file, all of which it must have.
  func bytes(of inode: EROFS.Inode, at offset: UInt64, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try read(inode, at: offset, into: $0) }
    return bytes
  }
}
