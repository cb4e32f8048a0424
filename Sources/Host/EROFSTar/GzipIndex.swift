// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZlib
import EROFSTree
import HostSupport
import SystemPackage

/// Points of a gzip file from which it can be decompressed, each with the 32 KiB that precede it: a file as AWS's SOCI has it
/// (zinfo, version 2), and as `mkfs.erofs --gzinfo` writes it.
///
/// Such points are at the start of each gzip stream and, more than 4 MiB after the last one, at the start of a block. They
/// are written as they are found, so memory does not grow with the file.
public final class GzipIndex {
  private static let span: UInt64 = 4 << 20
  private static let windowSize = 32768
  private static let headerSize: UInt64 = 12
  /// A gzip stream of twenty bytes may decompress to nothing, and has a point.
  private static let mostPoints = 1 << 16

  private let file: OutputFile
  private var count = 0
  private var lastOutput: UInt64 = 0
  private var failure: (any Error)?
  private(set) var isUsed = false
  /// Whether the next block is the first of a stream.
  var isInitial = true

  /// An index in the making.
  ///
  /// - Parameter path: the file, which gets its name when the index is complete.
  /// - Throws: why it cannot be made.
  public init(_ path: FilePath) throws { file = try OutputFile(path) }

  /// Looks at where decompression has stopped.
  ///
  /// - Parameters:
  ///   - stream: after `inflate` with `Z_BLOCK`.
  ///   - input: bytes of the gzip file so far.
  ///   - output: what they decompress to.
  func note(_ stream: UnsafeMutablePointer<z_stream>, input: UInt64, output: UInt64) throws(TreeError) {
    isUsed = true
    let state = stream.pointee.data_type
    guard state & 128 != 0, state & 64 == 0, isInitial || output - lastOutput > Self.span, failure == nil else {
      return
    }
    guard count < Self.mostPoints else { throw .decompression(reason: "gzip: too many streams for an index") }
    var window = [UInt8](repeating: 0, count: Self.windowSize)
    var length: UInt32 = 0
    // Its last bytes are the last that were decompressed.
    guard inflateGetDictionary(stream, &window, &length) == Z_OK else { throw .decompression(reason: "no memory") }
    window = [UInt8](repeating: 0, count: Self.windowSize - Int(length)) + window.prefix(Int(length))
    let record = Self.bytes(input, 8) + Self.bytes(output, 8) + [UInt8(state & 7)] + window
    do {
      try record.withUnsafeBytes { try file.write($0, at: Self.headerSize + UInt64(count) * UInt64(record.count)) }
    } catch { failure = error }
    (count, lastOutput, isInitial) = (count + 1, output, false)
  }

  private static func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  /// Completes the file, when the archive was read to its end.
  ///
  /// - Throws: why that is not possible; `TreeError` if the archive was not compressed with gzip.
  public func finish() throws {
    if let failure { throw failure }
    guard isUsed else { throw TreeError.decompression(reason: "there is no index of an archive that is no gzip") }
    let header = Self.bytes(UInt64(count), 4) + Self.bytes(Self.span, 8)
    try header.withUnsafeBytes { try file.write($0, at: 0) }
    try file.setSize(Self.headerSize + UInt64(count) * UInt64(17 + Self.windowSize))
    try file.publish()
  }
}
