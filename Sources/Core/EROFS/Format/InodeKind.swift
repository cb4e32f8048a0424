// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What an inode is.
@frozen
public enum InodeKind: UInt8, Sendable, CaseIterable {
  // The values are those of the type byte of directory entries.
  case regular = 1
  case directory = 2
  case characterDevice = 3
  case blockDevice = 4
  case fifo = 5
  case socket = 6
  case symbolicLink = 7

  /// From the type bits of a POSIX mode; nil for a type that does not exist.
  @inlinable
  public init?(mode: UInt16) {
    switch mode & 0o170000 {
    case 0o100000: self = .regular
    case 0o040000: self = .directory
    case 0o020000: self = .characterDevice
    case 0o060000: self = .blockDevice
    case 0o010000: self = .fifo
    case 0o140000: self = .socket
    case 0o120000: self = .symbolicLink
    default: return nil
    }
  }

  /// The type bits of a POSIX mode.
  @inlinable
  public var mode: UInt16 {
    switch self {
    case .regular: 0o100000
    case .directory: 0o040000
    case .characterDevice: 0o020000
    case .blockDevice: 0o060000
    case .fifo: 0o010000
    case .socket: 0o140000
    case .symbolicLink: 0o120000
    }
  }
}

/// How an inode's data is stored, by the number on disk.
@frozen
public enum DataLayout: UInt8, Sendable, CaseIterable {
  case flatPlain = 0
  case compressedFull = 1
  case flatInline = 2
  case compressedCompact = 3
  case chunked = 4

  var isCompressed: Bool {
    @inline(__always) get { self == .compressedFull || self == .compressedCompact }
  }
}

/// A device number, taken apart.
@frozen
public struct DeviceNumber: Equatable, Sendable {
  public let major: UInt32
  public let minor: UInt32

  @inlinable
  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// From the 32 bits on disk.
  @inlinable
  public init(stored value: UInt32) {
    major = (value &>> 8) & 0xFFF
    minor = (value & 0xFF) | ((value &>> 12) & 0xFFF00)
  }

  /// As it is on disk; nil for a number that needs more than 12 bits for the major or 20 for the minor part.
  @inlinable
  public var stored: UInt32? {
    guard major <= 0xFFF, minor <= 0xF_FFFF else { return nil }
    return (major &<< 8) | (minor & 0xFF) | ((minor & 0xFFF00) &<< 12)
  }
}
