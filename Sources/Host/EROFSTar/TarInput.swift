// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The bytes of an archive from its first to its last: of a file that can be read at any place, of a pipe, or of what either
/// decompresses to.
final class TarInput {
  /// A file that holds the archive as it is, so that contents need not be copied.
  struct Place {
    let file: OpenFile
    /// Byte of the file where the archive starts.
    let start: UInt64
    let size: UInt64

    /// A call, with its result: nothing behind the archive is read.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
      pread(file.descriptor, bytes.baseAddress, min(bytes.count, Int(size - min(size, offset))), off_t(start + offset))
    }
  }

  private enum Source {
    case file(Place)
    case pipe(OpenFile)
    case compressed(any Decompressing)
    case memory(PlainArchive)
  }

  private var source: Source
  private var buffer: [UInt8]
  /// The bytes of `buffer` that are still to be read.
  private var rest = 0..<0
  /// Of the archive: the next byte that is read.
  private(set) var position: UInt64 = 0

  /// Nil for a pipe and for what is compressed.
  var place: Place? { if case .file(let place) = source { place } else { nil } }

  /// Nil if it is not in memory.
  var memory: PlainArchive? { if case .memory(let archive) = source { archive } else { nil } }

  var isCompressed: Bool { if case .compressed = source { true } else { false } }

  /// Gets what compressed bytes decompress to, part by part.
  private let tap: ((UnsafeRawBufferPointer) throws -> Void)?

  /// Looks at the first bytes: what does not start as an archive does is taken to be compressed.
  ///
  /// - Parameters:
  ///   - range: bytes of a regular file; nil for all from its position on.
  ///   - index: is told of points of an archive that is compressed with gzip.
  ///   - tap: gets all bytes of an archive that is compressed, as it is when it is decompressed.
  init(
    _ file: OpenFile, in range: Range<UInt64>? = nil, index: GzipIndex? = nil,
    tap: ((UnsafeRawBufferPointer) throws -> Void)? = nil
  ) throws {
    self.tap = tap
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else { throw TreeError.system(.examine, path: [], errno: errno) }
    let start = lseek(file.descriptor, 0, SEEK_CUR)
    if let range {
      source = .file(Place(file: file, start: range.lowerBound, size: UInt64(range.count)))
      buffer = [UInt8](repeating: 0, count: Self.headersAtOnce)
    } else if status.st_mode & S_IFMT == S_IFREG, start >= 0 {
      source = .file(Place(file: file, start: UInt64(start), size: UInt64(max(0, status.st_size - start))))
      buffer = [UInt8](repeating: 0, count: Self.headersAtOnce)
    } else {
      source = .pipe(file)
      buffer = [UInt8](repeating: 0, count: 1 << 18)
    }
    let first = try peek(TarHeader.byteCount)
    if first.isEmpty { throw TreeError.archive(.empty, at: 0, name: []) }
    if TarHeader(Array(first)) != nil || TarHeader.isEnd(first) { return }
    let compressed = place.map { CompressedInput($0) } ?? CompressedInput(file, start: buffer[rest])
    source = .compressed(Gunzip.isGzip(first) ? try Gunzip(compressed, index: index) : try Decompressor(compressed))
    buffer = [UInt8](repeating: 0, count: 1 << 18)
    rest = 0..<0
    if try peek(1).isEmpty { throw TreeError.archive(.empty, at: 0, name: []) }
  }

  /// An archive in memory, which is what it is compressed with, too.
  init(_ archive: PlainArchive) throws {
    (source, tap) = (.memory(archive), nil)
    buffer = [UInt8](repeating: 0, count: Self.headersAtOnce)
  }

  /// Bytes that are read where contents are gone over: headers are mostly far from each other.
  private static let headersAtOnce = 1 << 12

  // MARK: Reading

  /// The next bytes, which remain the next; fewer only at the end.
  func peek(_ count: Int) throws -> ArraySlice<UInt8> {
    precondition(count <= buffer.count)
    if rest.count < count {
      // What is left goes to the front.
      let left = rest.count
      let from = rest.lowerBound
      if from > 0 { for index in 0..<left { buffer[index] = buffer[from + index] } }
      rest = 0..<left
      while rest.count < count {
        let got = try fill(from: rest.upperBound)
        if got == 0 { break }
        rest = 0..<rest.upperBound + got
      }
    }
    return buffer[rest].prefix(count)
  }

  /// Reads more into the buffer, from its byte `index` on; 0 at the end.
  private func fill(from index: Int) throws -> Int {
    let after = position + UInt64(rest.count)
    return try buffer.withUnsafeMutableBytes { bytes in
      try read(UnsafeMutableRawBufferPointer(rebasing: bytes[index...]), at: after)
    }
  }

  private func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int {
    if case .compressed(let decompressor) = source {
      let count = try decompressor.read(into: bytes)
      try tap?(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      return count
    }
    if case .memory(let archive) = source {
      let rest = archive.bytes.dropFirst(Int(offset)).prefix(bytes.count)
      bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest))
      return rest.count
    }
    while true {
      let count =
        switch source {
        case .file(let place): place.read(bytes, at: offset)
        case .pipe(let file): Self.next(file.descriptor, bytes)
        case .compressed, .memory: 0
        }
      if count >= 0 { return count }
      if errno != EINTR { throw TreeError.system(.read, path: [], errno: errno) }
    }
  }

  /// A call, with its result.
  static func next(_ file: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
    #if canImport(Darwin)
      Darwin.read(file, bytes.baseAddress, bytes.count)
    #elseif canImport(Glibc)
      Glibc.read(file, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      Musl.read(file, bytes.baseAddress, bytes.count)
    #endif
  }

  /// Goes over bytes that `peek` gave.
  func advance(_ count: Int) {
    precondition(count <= rest.count)
    rest = rest.lowerBound + count..<rest.upperBound
    position += UInt64(count)
  }

  /// So many bytes; nil if there are fewer.
  func bytes(_ count: Int) throws -> [UInt8]? {
    var bytes: [UInt8] = []
    return try forEach(UInt64(count)) { bytes += $0 } ? bytes : nil
  }

  /// Gives the next `count` bytes, part by part.
  ///
  /// - Returns: whether there were as many.
  func forEach(_ count: UInt64, _ body: (ArraySlice<UInt8>) throws -> Void) throws -> Bool {
    var left = count
    while left > 0 {
      let part = try peek(1).isEmpty ? [] : buffer[rest].prefix(Int(min(left, UInt64(rest.count))))
      if part.isEmpty { return false }
      try body(part)
      left -= UInt64(part.count)
      advance(part.count)
    }
    return true
  }

  /// Goes over `count` bytes.
  ///
  /// - Returns: whether there were as many.
  func skip(_ count: UInt64) throws -> Bool {
    if let size = place?.size ?? memory.map({ UInt64($0.bytes.count) }) {
      guard count <= size - min(position, size) else { return false }
      if count <= UInt64(rest.count) {
        advance(Int(count))
      } else {
        rest = 0..<0
        position += count
      }
      return true
    }
    return try forEach(count) { _ in }
  }

  /// Reads what follows the archive, so that whoever writes to a pipe can end, and so that the sums of compressed bytes are
  /// checked.
  func drain() throws {
    if place == nil, memory == nil { _ = try forEach(.max) { _ in } }
  }
}
