// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport

/// The image while it grows from its start to its end, one block-aligned run after the other.
struct BlockSink {
  /// Byte of the image where the next byte goes.
  private(set) var position: UInt64
  private let output: OutputFile
  private let offset: UInt64
  private var pending: [UInt8] = []
  /// Byte up to which the system has been asked to write it to the disk.
  private var started: UInt64
  private static let bufferBytes = 1 << 20
  private static let startBytes: UInt64 = 8 << 20
  private static let sparseBytes = 64 << 10

  /// - Parameters:
  ///   - position: where it starts; the bytes before are written by others.
  ///   - offset: byte of the file where the image starts.
  init(_ output: OutputFile, position: UInt64, offset: UInt64) {
    self.output = output
    self.position = position
    started = position
    self.offset = offset
    pending.reserveCapacity(Self.bufferBytes)
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
    if pending.count + bytes.count > Self.bufferBytes { try flush() }
    if bytes.count >= Self.bufferBytes {
      try output.write(bytes, at: offset + position)
      startWriting(to: position + UInt64(bytes.count))
    } else {
      pending.append(contentsOf: bytes)
    }
    position += UInt64(bytes.count)
  }

  mutating func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Writes bytes of which long runs of zeros are left out, where that reads as zeros.
  mutating func writeSparse(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(Self.sparseBytes)
      if piece.count == Self.sparseBytes, UnsafeRawBufferPointer(rebasing: piece).isZero {
        try skip(to: position + UInt64(piece.count))
      } else {
        try write(UnsafeRawBufferPointer(rebasing: piece))
      }
      rest = rest.dropFirst(piece.count)
    }
  }

  /// Goes on at a later byte; those between read as zeros.
  mutating func skip(to later: UInt64) throws {
    precondition(later >= position)
    let gap = later - position
    if gap < 4096 {
      try write([UInt8](repeating: 0, count: Int(gap)))
    } else {
      try flush()
      // A block device has old contents there.
      if output.isBlockDevice { try writeZeros(gap) }
      position = later
    }
  }

  private mutating func writeZeros(_ count: UInt64) throws {
    let zeros = [UInt8](repeating: 0, count: Self.bufferBytes)
    var at = position
    while at < position + count {
      let part = Int(min(UInt64(zeros.count), position + count - at))
      try zeros.withUnsafeBytes { try output.write(UnsafeRawBufferPointer(rebasing: $0[..<part]), at: offset + at) }
      at += UInt64(part)
    }
  }

  mutating func align(to unit: UInt64) throws { try skip(to: (position + unit - 1) / unit * unit) }

  mutating func flush() throws {
    guard !pending.isEmpty else { return }
    try pending.withUnsafeBytes { try output.write($0, at: offset + position - UInt64($0.count)) }
    pending.removeAll(keepingCapacity: true)
    startWriting(to: position)
  }

  /// What has been written goes on its way to the disk, so that little is left when all of it has to be there.
  private mutating func startWriting(to end: UInt64) {
    guard end - started >= Self.startBytes else { return }
    output.startWriting(offset + started..<offset + end)
    started = end
  }
}
