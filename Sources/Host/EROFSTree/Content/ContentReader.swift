// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The bytes of one regular file, while it is read. Gives exactly `size` bytes or an error: a file on disk that shrinks,
/// grows or is written to meanwhile is found out by `finish` at the latest.
public struct ContentReader: ~Copyable {
  enum Origin {
    case bytes([UInt8], Int)
    case range(OpenFile, UInt64)
    case sparse(OpenFile, [ContentPiece])
    /// One on disk, and whether it takes as much room as a file without holes.
    case file(OpenFile, FileState, isDense: Bool)
    case foreign(any ForeignContents, UInt64)
  }

  /// In the tree, or of a content that a list names its location, for messages.
  public let path: [UInt8]
  public let size: UInt64
  private let origin: Origin

  init(path: [UInt8], size: UInt64, origin: Origin) {
    self.path = path
    self.size = size
    self.origin = origin
  }

  /// Fills the whole of `buffer` with what is at `offset`; both must be inside the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(TreeError) {
    precondition(offset <= size && UInt64(buffer.count) <= size - offset)
    switch origin {
    case .bytes(let bytes, let start):
      bytes.withUnsafeBytes {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[(start + Int(offset))...].prefix(buffer.count)))
      }
    case .range(let file, let start): try read(file, buffer, at: start + offset)
    case .file(let file, _, _): try read(file, buffer, at: offset)
    case .foreign(let contents, let number):
      do { try contents.read(number, into: buffer, at: offset) } catch {
        throw .foreign(path: path, reason: "\(error)")
      }
    case .sparse(let file, let pieces):
      _ = buffer.initializeMemory(as: UInt8.self, repeating: 0)
      let end = offset + UInt64(buffer.count)
      var index = pieces.firstIndex(endingAfter: offset)
      while index < pieces.count, pieces[index].offset < end {
        let piece = pieces[index]
        let from = max(offset, piece.offset)
        let to = min(end, piece.offset + piece.length)
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[Int(from - offset)..<Int(to - offset)])
        try read(file, part, at: piece.place + (from - piece.offset))
        index += 1
      }
    }
  }

  /// All of it: for small files.
  public func bytes() throws(TreeError) -> [UInt8] {
    var fault: TreeError?
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
      do throws(TreeError) {
        try read(
          into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<Int(size)]), at: 0)
        count = Int(size)
      } catch { fault = error }
    }
    if let fault { throw fault }
    return bytes
  }

  /// The next run of bytes at or after `offset` that is no hole, cut to start at `offset`; nil if only holes follow. What
  /// is in a run may be zeros all the same.
  public func data(after offset: UInt64) throws(TreeError) -> Range<UInt64>? {
    guard offset < size else { return nil }
    switch origin {
    case .bytes, .range, .file(_, _, isDense: true): return offset..<size
    case .foreign(let contents, let number):
      do {
        guard let run = try contents.data(of: number, after: offset), run.lowerBound < size else { return nil }
        return max(offset, run.lowerBound)..<min(size, run.upperBound)
      } catch { throw .foreign(path: path, reason: "\(error)") }
    case .sparse(_, let pieces):
      let index = pieces.firstIndex(endingAfter: offset)
      guard index < pieces.count else { return nil }
      return max(offset, pieces[index].offset)..<pieces[index].offset + pieces[index].length
    case .file(let file, _, _):
      let start = FileCall.repeated { Int(lseek(file.descriptor, off_t(offset), FileCall.seekData)) }
      if start < 0 {
        if errno == ENXIO { return nil }
        // A file system that knows of no holes.
        return offset..<size
      }
      guard UInt64(start) < size else { return nil }
      let end = FileCall.repeated { Int(lseek(file.descriptor, off_t(start), FileCall.seekHole)) }
      return UInt64(start)..<(end > start ? min(size, UInt64(end)) : size)
    }
  }

  /// To be called after the last byte was read: says whether all that was read belongs to one state of the file.
  public consuming func finish() throws(TreeError) {
    if case .file(let file, let state, _) = origin { try Self.verify(file, is: state, path: path) }
  }

  private func read(_ file: OpenFile, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(TreeError) {
    guard let count = file.read(buffer, at: offset) else { throw .system(.read, path: path, errno: errno) }
    if count < buffer.count { throw .changed(.shrunk, path: path) }
  }

  @discardableResult
  static func verify(_ file: OpenFile, is state: FileState, path: [UInt8]) throws(TreeError) -> stat {
    guard let status = FileCall.status(file.descriptor) else { throw .system(.examine, path: path, errno: errno) }
    let now = status.state
    guard status.isRegular, now.inode == state.inode else { throw .changed(.kind, path: path) }
    if now.size < state.size { throw .changed(.shrunk, path: path) }
    if now.size > state.size { throw .changed(.grown, path: path) }
    if now.changeTime != state.changeTime { throw .changed(.modified, path: path) }
    return status
  }
}
