// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// What extended headers say of a member. It counts more than the member's own header does.
struct PaxFields {
  var path: [UInt8]?
  var linkPath: [UInt8]?
  var size: UInt64?
  var user: Int64?
  var group: Int64?
  var time: Time?
  var device: (major: UInt32?, minor: UInt32?)
  var attributes: [ExtendedAttribute] = []
  /// The low nine bits of the mode that follow from an access control list.
  var accessBits: UInt16?
  var sparse = Sparse()
  /// Names of attributes as libarchive has encoded them.
  private var encodedNames: Set<[UInt8]> = []
  /// Whether there was an extended header at all.
  var isPresent = false

  /// The three forms in which GNU tar has written sparse files since it uses extended headers.
  struct Sparse {
    /// Of PAX 1.0: the map is in front of the content.
    var major: UInt64?
    var name: [UInt8]?
    var size: UInt64?
    /// Of PAX 0.0 and 0.1.
    var runs: [SparseMap.Run]?
    fileprivate var offset: UInt64?
  }

  /// Takes all records: `LENGTH KEYWORD=VALUE` and a line feed, where LENGTH counts all of that.
  mutating func add(_ records: [UInt8]) throws(TarFault) {
    isPresent = true
    var rest = records[...]
    // There are writers that fill the header up.
    while let first = rest.first, first != 0 {
      var (length, digits) = (0, 0)
      for digit in rest.prefix(10) {
        guard (0x30...0x39).contains(digit) else { break }
        length = length * 10 + Int(digit - 0x30)
        digits += 1
      }
      guard digits > 0, length > digits + 2, length <= rest.count else { throw TarFault(.paxRecord) }
      let record = rest.prefix(length)
      let text = record.dropFirst(digits + 1).dropLast()
      guard record.dropFirst(digits).first == 0x20, record.last == 0x0A, let equals = text.firstIndex(of: 0x3D) else {
        throw TarFault(.paxRecord)
      }
      try take(String(decoding: text[..<equals], as: UTF8.self), text[..<equals], text[(equals + 1)...])
      rest = rest.dropFirst(length)
    }
  }

  private static let schilyPrefix = Array("SCHILY.xattr.".utf8)
  private static let libarchivePrefix = Array("LIBARCHIVE.xattr.".utf8)

  private mutating func take(
    _ keyword: String, _ key: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>
  ) throws(TarFault) {
    // An empty value takes back what another header said.
    let isEmpty = value.isEmpty
    switch keyword {
    case "path": path = isEmpty ? nil : Array(value)
    case "linkpath": linkPath = isEmpty ? nil : Array(value)
    case "size": size = isEmpty ? nil : try Self.number(value)
    case "uid": user = isEmpty ? nil : try Self.identifier(value)
    case "gid": group = isEmpty ? nil : try Self.identifier(value)
    case "mtime": time = isEmpty ? nil : try Self.time(value)
    case "SCHILY.devmajor": device.major = isEmpty ? nil : try Self.deviceNumber(value)
    case "SCHILY.devminor": device.minor = isEmpty ? nil : try Self.deviceNumber(value)
    case "SCHILY.acl.access": try take(acl: value, "system.posix_acl_access")
    case "SCHILY.acl.default": try take(acl: value, "system.posix_acl_default")
    case "RHT.security.selinux":
      // Linux stores the zero byte too.
      attributes.append(ExtendedAttribute("security.selinux", value.last == 0 ? Array(value) : value + [0]))
    default:
      if key.starts(with: Self.schilyPrefix) {
        // libarchive writes it in both forms, and encodes this name too, which others do not.
        if encodedNames.contains(Array(key.dropFirst(Self.schilyPrefix.count))) { return }
        try add(attribute: Self.withoutPercents(key.dropFirst(Self.schilyPrefix.count), all: false), Array(value))
      } else if key.starts(with: Self.libarchivePrefix) {
        guard let bytes = Self.fromBase64(value) else { throw TarFault(.paxValue) }
        encodedNames.insert(Array(key.dropFirst(Self.libarchivePrefix.count)))
        try add(attribute: Self.withoutPercents(key.dropFirst(Self.libarchivePrefix.count), all: true), bytes)
      } else if keyword.hasPrefix("GNU.sparse.") {
        try take(sparse: String(keyword.dropFirst(11)), value)
      }
    }
  }

  private mutating func take(sparse keyword: String, _ value: ArraySlice<UInt8>) throws(TarFault) {
    switch keyword {
    case "major": sparse.major = try SparseMap.number(value)
    case "name": sparse.name = Array(value)
    case "size", "realsize": sparse.size = try SparseMap.number(value)
    case "map": sparse.runs = try SparseMap.runs(list: value)
    case "numblocks": sparse.runs = []
    case "offset": sparse.offset = try SparseMap.number(value)
    case "numbytes":
      guard let offset = sparse.offset else { throw TarFault(.sparseMap) }
      if sparse.runs == nil { sparse.runs = [] }
      sparse.runs!.append(SparseMap.Run(offset: offset, length: try SparseMap.number(value)))
      sparse.offset = nil
    default: break
    }
  }

  private mutating func add(attribute name: [UInt8], _ value: [UInt8]) throws(TarFault) {
    guard (1...255).contains(name.count), !name.contains(0), value.count <= 65536 else { throw TarFault(.attribute) }
    attributes.append(ExtendedAttribute(name: name, value: value))
  }

  private mutating func take(acl text: ArraySlice<UInt8>, _ name: String) throws(TarFault) {
    if text.isEmpty { return }
    let list = try AccessList(text)
    let isDefault = name.hasSuffix("default")
    if !isDefault { accessBits = list.modeBits }
    // One that says no more than the mode is not stored.
    if let value = try list.stored(isDefault: isDefault) {
      attributes.append(ExtendedAttribute(name, value))
    }
  }

  // MARK: Values

  private static func number(_ value: ArraySlice<UInt8>) throws(TarFault) -> UInt64 {
    do throws(TarFault) { return try SparseMap.number(value) } catch { throw TarFault(.paxValue) }
  }

  private static func identifier(_ value: ArraySlice<UInt8>) throws(TarFault) -> Int64 {
    Int64(try number(value))
  }

  private static func deviceNumber(_ value: ArraySlice<UInt8>) throws(TarFault) -> UInt32 {
    guard let number = UInt32(exactly: try number(value)) else { throw TarFault(.paxValue) }
    return number
  }

  /// Decimal seconds with a fraction of any length; what is finer than nanoseconds is cut off towards the past.
  static func time(_ value: ArraySlice<UInt8>) throws(TarFault) -> Time {
    var digits = value
    let isNegative = digits.first == 0x2D
    if isNegative { digits = digits.dropFirst() }
    let parts = digits.split(separator: 0x2E, maxSplits: 1, omittingEmptySubsequences: false)
    let whole = Int64(try number(parts[0]))
    guard parts.count > 1 else { return Time(seconds: isNegative ? -whole : whole) }
    guard parts[1].allSatisfy({ (0x30...0x39).contains($0) }) else { throw TarFault(.paxValue) }
    var nanoseconds: UInt32 = 0
    for place in 0..<9 {
      let digit = place < parts[1].count ? parts[1][parts[1].startIndex + place] - 0x30 : 0
      nanoseconds = nanoseconds * 10 + UInt32(digit)
    }
    guard isNegative else { return Time(seconds: whole, nanoseconds: nanoseconds) }
    if parts[1].dropFirst(9).contains(where: { $0 != 0x30 }) { nanoseconds += 1 }
    if nanoseconds == 0 { return Time(seconds: -whole) }
    if nanoseconds == 1_000_000_000 { return Time(seconds: -whole - 1) }
    return Time(seconds: -whole - 1, nanoseconds: 1_000_000_000 - nanoseconds)
  }

  /// GNU tar writes `%` and `=` in names as `%25` and `%3D`; libarchive writes much more so.
  private static func withoutPercents(_ name: ArraySlice<UInt8>, all: Bool) -> [UInt8] {
    var result: [UInt8] = []
    var rest = name
    while let byte = rest.popFirst() {
      if byte == 0x25, rest.count >= 2, let high = digit(rest.first!), let low = digit(rest.dropFirst().first!) {
        let value = high << 4 | low
        if all || value == 0x25 || value == 0x3D {
          result.append(value)
          rest = rest.dropFirst(2)
          continue
        }
      }
      result.append(byte)
    }
    return result
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }

  /// With `=` at the end or without.
  static func fromBase64(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (bits, count) = (UInt32(0), 0)
    for byte in text.prefix(while: { $0 != 0x3D }) {
      let value: UInt8
      switch byte {
      case 0x41...0x5A: value = byte - 0x41
      case 0x61...0x7A: value = byte - 0x61 + 26
      case 0x30...0x39: value = byte - 0x30 + 52
      case 0x2B: value = 62
      case 0x2F: value = 63
      case 0x0A, 0x0D: continue
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bytes
  }
}
