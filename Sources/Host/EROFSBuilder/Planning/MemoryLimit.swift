// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools

/// The most memory that reading an image may take, and by whom. The builder makes no image that needs more.
public struct MemoryLimit: Sendable, Hashable {
  public enum Reader: Sendable, Hashable {
    /// This project's reader without an operating system, from a device that is not mapped: it keeps as little of an extent
    /// as it can. The file system itself is part of what it takes.
    case firmware
    /// Linux with this project's page-vector decoders: all of an extent is in memory while it is decoded.
    case linux
  }

  public var reader: Reader
  /// Bytes for stored data, decoded data, codec tables and metadata, all at once.
  public var bytes: UInt64

  public init(_ reader: Reader, bytes: UInt64) {
    self.reader = reader
    self.bytes = bytes
  }
}

extension MemoryLimit.Reader {
  /// More than the bytes of a firmware's file system with all codecs (Documentation/Firmware.md), which are about 2,048.
  private static let fileSystemBytes = 2304

  var depth: MemoryPlan.Depth { self == .firmware ? .least : .wholeExtents }

  /// What `image` needs, and the path of the file that needs most.
  func need(of image: ImageFile) throws -> (bytes: UInt64, path: [UInt8]) {
    let report = try PlanReport(of: ImageReader(image), depth: depth)
    let more = self == .firmware ? Self.fileSystemBytes : 0
    return (UInt64(report.plan.totalBytes + more), report.largest.first?.path ?? [])
  }
}
