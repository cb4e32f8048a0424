// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A moment: seconds since 1970, negative before, and nanoseconds after that second, below 10^9.
public struct Time: Sendable, Hashable, Comparable {
  public var seconds: Int64
  public var nanoseconds: UInt32

  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    precondition(nanoseconds < 1_000_000_000)
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// From decimal seconds, with a fraction of up to nine digits if there is one: `1700000000`, `-1.5` (half a second
  /// before -1). Nil for anything else.
  public init?(parsing text: String) {
    var digits = Substring(text)
    let negative = digits.first == "-"
    if negative { digits = digits.dropFirst() }
    let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let whole = Int64((negative ? "-" : "") + parts[0])
    else { return nil }
    var nanoseconds: UInt32 = 0
    if parts.count == 2 {
      guard parts[1].utf8.count <= 9, let value = UInt32(parts[1]) else { return nil }
      nanoseconds = (parts[1].utf8.count..<9).reduce(value) { value, _ in value * 10 }
    }
    if negative, nanoseconds > 0 {
      let (seconds, overflow) = whole.subtractingReportingOverflow(1)
      if overflow { return nil }
      self.init(seconds: seconds, nanoseconds: 1_000_000_000 - nanoseconds)
    } else {
      self.init(seconds: whole, nanoseconds: nanoseconds)
    }
  }

  public static func < (left: Time, right: Time) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }
}

/// The number of a device file.
public struct DeviceNumber: Sendable, Hashable {
  public var major: UInt32
  public var minor: UInt32

  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }
}

/// An extended attribute with its whole name, as `user.comment`.
public struct ExtendedAttribute: Sendable, Hashable, Comparable {
  /// 1 to 255 bytes, none of them 0.
  public var name: [UInt8]
  public var value: [UInt8]

  public init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }

  public init(_ name: String, _ value: [UInt8]) { self.init(name: Array(name.utf8), value: value) }

  public static func < (left: ExtendedAttribute, right: ExtendedAttribute) -> Bool {
    left.name.lexicographicallyPrecedes(right.name)
  }
}

/// What an inode is, apart from its names and its content.
public struct Metadata: Sendable, Hashable {
  public var kind: InodeKind
  /// The low 12 bits of a mode: permissions, set-user-ID, set-group-ID, sticky.
  public var permissions: UInt16
  public var user: UInt32
  public var group: UInt32
  /// Of the last modification.
  public var time: Time
  /// Of a character or block device; 0, 0 for all else. A character device 0, 0 is a whiteout.
  public var device: DeviceNumber

  public init(
    kind: InodeKind, permissions: UInt16, user: UInt32 = 0, group: UInt32 = 0, time: Time = Time(seconds: 0),
    device: DeviceNumber = DeviceNumber(major: 0, minor: 0)
  ) {
    precondition(permissions & ~0o7777 == 0)
    self.kind = kind
    self.permissions = permissions
    self.user = user
    self.group = group
    self.time = time
    self.device = device
  }

  /// The mode with the bits of the kind.
  public var mode: UInt16 { permissions | kind.mode }
}

extension InodeKind {
  var isDevice: Bool { self == .characterDevice || self == .blockDevice }
}
