// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A stream of bytes that contains inodes, with their attributes and indexes.
@frozen
public enum MetadataStream: UInt8, Sendable {
  /// The primary device.
  case device
  /// The decoded content of the metabox inode.
  case metabox

  #if EROFS_BASIC_IMAGES
    /// Something for each stream: images with a metabox are refused.
    typealias All<Element: ~Copyable> = InlineArray<1, Element>
    var index: Int { 0 }
  #else
    /// Something for each stream, in the order of their numbers.
    typealias All<Element: ~Copyable> = InlineArray<2, Element>
    var index: Int { @inline(__always) get { Int(rawValue) } }
  #endif

  /// How a ``FaultRecord`` writes it down.
  var device: Int32 { -Int32(rawValue) }

  func position(_ offset: FileOffset) -> Position {
    switch self {
    case .device: .device(0, offset: UInt64(offset))
    case .metabox: .metabox(offset: UInt64(offset))
    }
  }
}
