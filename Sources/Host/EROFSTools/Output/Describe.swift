// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension InodeKind {
  /// The first letter of a mode as `ls` shows it.
  public var letter: Character {
    switch self {
    case .regular: "-"
    case .directory: "d"
    case .characterDevice: "c"
    case .blockDevice: "b"
    case .fifo: "p"
    case .socket: "s"
    case .symbolicLink: "l"
    }
  }

  /// A word for it, which is also its value in JSON.
  public var word: String { "\(name)" }

  /// The type bits of a POSIX mode.
  public var typeBits: UInt32 {
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

extension DataLayout {
  /// The name that the tools of erofs-utils use.
  public var word: String { "\(name)" }
}

extension Inode {
  /// The mode as `ls` shows it, `-rwxr-xr-x`.
  public var modeText: String {
    var text = String(kind.letter)
    for (shift, special, set, unset) in [(6, 0o4000, "s", "S"), (3, 0o2000, "s", "S"), (0, 0o1000, "t", "T")] {
      let bits = permissions >> UInt16(shift)
      text += bits & 4 != 0 ? "r" : "-"
      text += bits & 2 != 0 ? "w" : "-"
      let executes = bits & 1 != 0
      text += permissions & UInt16(special) != 0 ? (executes ? set : unset) : (executes ? "x" : "-")
    }
    return text
  }

  public var modeOctal: String {
    let digits = String(permissions, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}

/// A moment, in UTC.
public struct Moment: Sendable {
  public let seconds: Int64
  public let nanoseconds: UInt32

  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  public init(_ time: (seconds: Int64, nanoseconds: UInt32)) {
    self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
  }

  /// `2026-08-05 12:34`, and with `isFull` `2026-08-05T12:34:56.123456789Z`; `@seconds` for what is no year 0 ... 9999.
  public func text(isFull: Bool) -> String {
    guard (-62_167_219_200..<253_402_300_800).contains(seconds) else { return "@\(seconds)" }
    let day = (seconds - (((seconds % 86400) + 86400) % 86400)) / 86400
    let second = Int(seconds - day * 86400)
    // Days are counted from 1 March of year 0, so that the leap day is a year's last; 400 years have 146097 days.
    let shifted = day + 719468
    let era = (shifted >= 0 ? shifted : shifted - 146096) / 146097
    let dayOfEra = shifted - era * 146097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
    let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
    let date =
      "\(padded(Int(year), 4))-\(padded(Int(month < 10 ? month + 3 : month - 9), 2))-\(padded(Int(dayOfMonth), 2))"
    let time = "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2))"
    guard isFull else { return "\(date) \(time)" }
    return "\(date)T\(time):\(padded(second % 60, 2)).\(padded(Int(nanoseconds), 9))Z"
  }

  private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension Superblock {
  /// The uuid as it is written.
  public var uuidText: String {
    let digits = Array((Self.bytes(uuid.0) + Self.bytes(uuid.1)).hexadecimal)
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
  }

  /// The volume's label, without the zeros behind it.
  public var label: [UInt8] {
    Array((Self.bytes(volumeName.0) + Self.bytes(volumeName.1)).prefix { $0 != 0 })
  }

  private static func bytes(_ word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }

  /// What feature_compat and feature_incompat announce, by the names of the on-disk format.
  public var featureNames: [String] {
    let compatibleNames: [(CompatibleFeatures, String)] = [
      (.superblockChecksum, "sb_csum"), (.modificationTimes, "mtime"), (.xattrFilter, "xattr_filter"),
      (.sharedXattrsInMetabox, "shared_ea_in_metabox"), (.plainXattrPrefixes, "plain_xattr_pfx"),
      (.imageShareXattrs, "ishare_xattrs"),
    ]
    let incompatibleNames: [(IncompatibleFeatures, String)] = [
      (.zeroPadding, "0padding"), (.compressionRecords, "compr_cfgs/big_pcluster"), (.chunkedFiles, "chunked_file"),
      (.deviceTable, "device_table/compr_head2"), (.tailPacking, "ztailpacking"), (.fragments, "fragments/dedupe"),
      (.xattrPrefixes, "xattr_prefixes"), (.wide48Bit, "48bit"), (.metabox, "metabox"),
    ]
    return compatibleNames.filter { compatible.contains($0.0) }.map(\.1)
      + incompatibleNames.filter { incompatible.contains($0.0) }.map(\.1)
  }
}
