// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// What hosts know of a codec besides how it is decoded: its names and limits in words, what it costs, what Linux does with
/// it. Each codec has one in a file of its own; `Algorithm.onHosts` finds it.
package struct HostCodec: Sendable {
  /// The names that mkfs.erofs knows it by, one for each library that can encode it.
  package let mkfsNames: [String]
  /// What an image's limits for it are, in words.
  package let limits: @Sendable (CompressionLimits) -> String
  /// The largest pcluster in blocks, if its record says so.
  package let largestPclusterBlocks: @Sendable (CompressionLimits) -> Int?

  /// Steps of work for each decoded and each stored byte (``WorkLimit``).
  let stepsPerByte: UInt64
  let stepsPerStoredByte: UInt64

  /// The first Linux that decodes it, for images with compression records.
  let linux: (major: Int, minor: Int)
  /// How Linux decodes it.
  let linuxWay: LinuxWay

  enum LinuxWay: Sendable {
    /// From one mapping to another, without memory of its own.
    case mapped
    /// Page by page, through a private stream for each processor.
    case stream(LinuxStream)
  }

  struct LinuxStream: Sendable {
    /// What is in it, in words.
    let what: @Sendable (CompressionLimits) -> String
    /// Bytes of one.
    let bytes: @Sendable (CompressionLimits) -> Int
    /// Where that figure is from.
    let source: String
  }

  /// Whether Linux maps what it decodes.
  var isMapped: Bool { if case .mapped = linuxWay { true } else { false } }
}
