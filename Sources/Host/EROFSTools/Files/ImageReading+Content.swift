// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

extension ImageReading {
  /// The content of a file.
  ///
  /// - Parameters:
  ///   - file: a regular file, or a symbolic link, whose target is its content.
  ///   - most: the most bytes that it may have: a small image can contain a file of many terabytes of zeros.
  /// - Throws: ``TreeError`` with `unsupported(.contentLength)` if it has more, `notAFile` if it is something else.
  public func contents(of file: TreeFile, atMost most: Int = 1 << 30) throws(TreeError) -> [UInt8] {
    try TreeError.naming(file.path) { () throws(EROFSError) in
      guard file.inode.size <= UInt64(max(0, most)) else { throw .unsupported(.contentLength, at: file.inode.position) }
    }
    return try read(file, at: 0, count: Int(file.inode.size))
  }

  /// The content of the file at a path; symbolic links are followed inside the image.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root.
  ///   - most: the most bytes that it may have.
  /// - Throws: as ``file(at:followsLast:)-(String,_)`` and ``contents(of:atMost:)-(TreeFile,_)``.
  public func contents(of path: String, atMost most: Int = 1 << 30) throws(TreeError) -> [UInt8] {
    try contents(of: try file(at: path), atMost: most)
  }

  /// Bytes of a file. The extent that was decoded last is kept, so reading on from where a read ended decodes nothing twice.
  ///
  /// - Parameters:
  ///   - file: a regular file, or a symbolic link, whose target is its content.
  ///   - offset: of the first byte.
  ///   - count: how many bytes; fewer are returned only at the end of the file, and none behind it or for a negative count.
  /// - Throws: ``TreeError`` with `notAFile` if it is something else, any other `EROFSError` if the image is damaged or its
  ///   storage fails.
  public func read(_ file: TreeFile, at offset: UInt64, count: Int) throws(TreeError) -> [UInt8] {
    try TreeError.naming(file.path) { () throws(EROFSError) in
      let count = try bytesThere(in: file.inode, at: offset, count)
      return try bytes(count) { (part) throws(EROFSError) in try read(file.inode, at: offset, into: part) }
    }
  }

  /// Reads bytes of a file into memory of the caller.
  ///
  /// - Parameters:
  ///   - file: a regular file, or a symbolic link, whose target is its content.
  ///   - offset: of the first byte.
  ///   - destination: filled from its start; what is in it after an error is undefined.
  /// - Returns: how many bytes: as many as `destination` has, fewer only at the end of the file.
  /// - Throws: as ``read(_:at:count:)``.
  public func read(
    _ file: TreeFile, at offset: UInt64, into destination: inout MutableRawSpan
  ) throws(TreeError) -> Int {
    try destination.withUnsafeMutableBytes { (buffer) throws(TreeError) in
      try TreeError.naming(file.path) { () throws(EROFSError) in
        let count = try bytesThere(in: file.inode, at: offset, buffer.count)
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        return try read(file.inode, at: offset, into: MutablePageVector(unsafeContiguous: part))
      }
    }
  }

  /// How many of `count` bytes from `offset` on a file has.
  private func bytesThere(in inode: Inode, at offset: UInt64, _ count: Int) throws(EROFSError) -> Int {
    guard inode.kind == .regular || inode.kind == .symbolicLink else { throw .notAFile }
    guard count > 0, offset < inode.size else { return 0 }
    return Int(min(UInt64(count), inode.size - offset))
  }

  /// Reads bytes that the file has, and counts the work against the limit: that of an extent when it is decoded, not each
  /// time that a part of it is copied. So however small the steps are, reading a file through counts about the same.
  private func read(_ inode: Inode, at offset: UInt64, into destination: MutablePageVector) throws(EROFSError) -> Int {
    guard let limit else { return try volume.read(inode, at: offset, into: destination) }
    var done = 0
    while done < destination.count, let extent = try volume.extent(of: inode, at: offset + UInt64(done)) {
      let skip = offset + UInt64(done) - extent.start
      let count = Int(min(UInt64(destination.count - done), extent.length - skip))
      if case .compressed = extent.encoding, !volume.keeps(extent, of: inode, from: skip) {
        try limit.spend(finding: extent)
        try limit.spend(reading: extent)
      }
      try limit.spend(1024 + UInt64(count))
      done += try volume.read(inode, extent, from: skip, into: destination.dropFirst(done))
    }
    return done
  }

  /// A position in a file, to read it from there on.
  ///
  /// - Parameter file: the file.
  public func open(_ file: TreeFile) -> FileCursor<Self> { FileCursor(self, file) }

  /// A position at the start of the file at a path.
  ///
  /// - Parameter path: names with `/` between them, from the root; symbolic links are followed.
  /// - Throws: as ``file(at:followsLast:)-(String,_)``.
  public func open(_ path: String) throws(TreeError) -> FileCursor<Self> { FileCursor(self, try file(at: path)) }
}

/// A file and a position in it. Several of them may use one reader, one after the other.
public struct FileCursor<Reader: ImageReading> {
  /// What reads the file.
  public let reader: Reader
  /// The file.
  public let file: TreeFile
  /// Where the next read starts, in bytes; it may be behind the end of the file.
  public var position: UInt64 = 0

  /// A position at the start of a file.
  ///
  /// - Parameters:
  ///   - reader: what reads it.
  ///   - file: the file.
  public init(_ reader: Reader, _ file: TreeFile) {
    self.reader = reader
    self.file = file
  }

  /// Whether there is nothing more to read.
  public var isAtEnd: Bool { position >= file.size }

  /// The next bytes; the position moves behind them.
  ///
  /// - Parameter count: how many; fewer are returned only at the end of the file.
  /// - Throws: as ``ImageReading/read(_:at:count:)``; the position stays where it was.
  public mutating func read(count: Int) throws(TreeError) -> [UInt8] {
    let bytes = try reader.read(file, at: position, count: count)
    position += UInt64(bytes.count)
    return bytes
  }

  /// Fills `destination` with the next bytes; the position moves behind them.
  ///
  /// - Parameter destination: filled from its start.
  /// - Returns: how many bytes: as many as `destination` has, fewer only at the end of the file.
  /// - Throws: as ``ImageReading/read(_:at:into:)``; the position stays where it was.
  public mutating func read(into destination: inout MutableRawSpan) throws(TreeError) -> Int {
    let count = try reader.read(file, at: position, into: &destination)
    position += UInt64(count)
    return count
  }
}
