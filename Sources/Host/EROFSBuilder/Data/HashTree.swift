// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import HostSupport

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Hashes of an image's blocks, behind it in its file, by which dm-verity finds out whether what is read is what was
/// written: a superblock, as `veritysetup` makes it (version 1, hash type 1), and a tree of SHA-256, salted with 32 zeros,
/// from the top down. Whoever trusts the root digest can trust the image.
public struct HashTree: Sendable, Hashable {
  /// The 32 bytes that the tree leads to.
  public let rootDigest: [UInt8]
  /// The byte of the image behind which the hashes begin: its size.
  public let offset: UInt64
  /// Bytes of a block of data, and of one of hashes.
  public let blockSize: Int
  /// Bytes of the hashes, with the superblock's block.
  public let byteCount: UInt64

  static let digestBytes = 32
  private static let salt = [UInt8](repeating: 0, count: 32)
  private static let superblockBytes = 512
  private static let batchBytes = 1 << 20

  /// Writes the hashes of the image that begins at byte `start` of a file and has `size` bytes, whole blocks, behind it.
  package static func append(
    to file: OutputFile, start: UInt64, size: UInt64, blockSize: Int, uuid: [UInt8], threads: Int,
    progress: (_ bytes: UInt64) throws -> Void
  ) throws -> HashTree {
    precondition(size > 0 && size % UInt64(blockSize) == 0 && (512...4096).contains(blockSize))
    // From the leaves up; each has whole blocks, except for the root.
    var levels = [try leaves(file, start: start, size: size, blockSize: blockSize, threads, progress)]
    while levels.last!.count > digestBytes {
      let level = padded(levels.removeLast(), to: blockSize)
      var next: [UInt8] = []
      next.reserveCapacity(level.count / blockSize * digestBytes)
      level.withUnsafeBytes { bytes in
        for at in stride(from: 0, to: bytes.count, by: blockSize) {
          next += digest(UnsafeRawBufferPointer(rebasing: bytes[at..<at + blockSize]))
        }
      }
      levels += [level, next]
    }
    let root = levels.removeLast()
    var position = start + size
    func write(_ bytes: [UInt8]) throws {
      try bytes.withUnsafeBytes { try file.write($0, at: position) }
      position += UInt64(bytes.count)
    }
    let superblock = superblock(uuid: uuid, blockSize: blockSize, dataBlocks: size / UInt64(blockSize))
    try file.setSize(position + UInt64(max(superblockBytes, blockSize)) + UInt64(levels.reduce(0) { $0 + $1.count }))
    try write(padded(superblock, to: blockSize))
    for level in levels.reversed() { try write(level) }
    return HashTree(
      rootDigest: root, offset: size, blockSize: blockSize, byteCount: position - start - size)
  }

  private static func padded(_ bytes: [UInt8], to size: Int) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (size - bytes.count % size) % size)
  }

  private static func digest(_ block: UnsafeRawBufferPointer) -> [UInt8] {
    let sum = SHA256()
    salt.withUnsafeBytes { sum.update($0) }
    sum.update(block)
    return sum.finish()
  }

  private static func leaves(
    _ file: OutputFile, start: UInt64, size: UInt64, blockSize: Int, _ threads: Int, _ progress: (UInt64) throws -> Void
  ) throws -> [UInt8] {
    var next: UInt64 = 0
    var digests: [UInt8] = []
    digests.reserveCapacity(Int(size / UInt64(blockSize)) * digestBytes)
    try OrderedWork<Range<UInt64>, [UInt8]>.run(
      threads: threads, limit: 64,
      next: {
        guard next < size else { return nil }
        let part = next..<min(size, next + UInt64(batchBytes))
        next = part.upperBound
        return (part, 1)
      },
      worker: {
        { part in
          let bytes = try read(file, start + part.lowerBound, part.count)
          return bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: blockSize).flatMap {
              digest(UnsafeRawBufferPointer(rebasing: bytes[$0..<$0 + blockSize]))
            }
          }
        }
      },
      take: {
        digests += $0
        try progress(UInt64($0.count / digestBytes * blockSize))
      })
    return digests
  }

  private static func read(_ file: OutputFile, _ offset: UInt64, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    return bytes
  }

  private static func superblock(uuid: [UInt8], blockSize: Int, dataBlocks: UInt64) -> [UInt8] {
    func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    func text(_ text: String, _ count: Int) -> [UInt8] {
      Array(text.utf8) + [UInt8](repeating: 0, count: count - text.utf8.count)
    }
    var bytes = text("verity", 8) + number(UInt32(1)) + number(UInt32(1)) + uuid + text("sha256", 32)
    bytes += number(UInt32(blockSize)) + number(UInt32(blockSize)) + number(dataBlocks)
    bytes += number(UInt16(salt.count)) + [UInt8](repeating: 0, count: 6) + salt
    return bytes + [UInt8](repeating: 0, count: superblockBytes - bytes.count)
  }
}
