// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// What is wrong with a member, for the caller who knows where it is.
struct TarFault: Error {
  let fault: ArchiveFault
  init(_ fault: ArchiveFault) { self.fault = fault }
}

/// The block of 512 bytes that a member starts with, in any of the forms that there are: of Unix v7, POSIX (ustar), GNU and
/// star.
struct TarHeader {
  static let byteCount = 512

  enum Form { case old, ustar, gnu, star }

  /// What a member is, by the letters of all forms.
  enum Kind: UInt8 {
    case regularOld = 0
    case regular = 0x30
    case hardLink, symbolicLink, characterDevice, blockDevice, directory, fifo, contiguous
    case solarisACL = 0x41
    case gnuDirectory = 0x44
    case starInode = 0x49
    case gnuLongTarget = 0x4B
    case gnuLongName = 0x4C
    case gnuContinuation = 0x4D
    case gnuOldLongNames = 0x4E
    case gnuSparse = 0x53
    case gnuVolumeLabel = 0x56
    case solarisExtended = 0x58
    case paxGlobal = 0x67
    case paxExtended = 0x78
  }

  private let bytes: [UInt8]
  let form: Form

  /// Nil unless the checksum is right. There are writers that sum bytes with a sign.
  init?(_ block: [UInt8]) {
    guard block.count == Self.byteCount else { return nil }
    var (unsigned, signed) = (0, 0)
    for (index, byte) in block.enumerated() {
      let byte = (148..<156).contains(index) ? 0x20 : byte
      unsigned += Int(byte)
      signed += Int(Int8(bitPattern: byte))
    }
    guard let sum = Self.number(block[148..<156]), sum == unsigned || sum == signed else { return nil }
    bytes = block
    let magic = block[257..<265]
    if magic.starts(with: "ustar  ".utf8) {
      form = .gnu
    } else if magic.starts(with: "ustar".utf8) {
      form = block[508..<512].elementsEqual([0x74, 0x61, 0x72, 0]) ? .star : .ustar
    } else {
      form = .old
    }
  }

  /// A block of zeros ends an archive, whatever follows.
  static func isEnd(_ block: ArraySlice<UInt8>) -> Bool { block.count == byteCount && block.allSatisfy { $0 == 0 } }

  /// Letters that are not known mean a regular file, as POSIX says.
  var kind: Kind { Kind(rawValue: bytes[156]) ?? .regular }

  var name: [UInt8] {
    let name = text(0..<100)
    let prefix: [UInt8] =
      switch form {
      case .ustar: text(345..<500)
      case .star: text(345..<476)
      case .old, .gnu: []
      }
    return prefix.isEmpty ? name : prefix + [0x2F] + name
  }

  var linkName: [UInt8] { text(157..<257) }

  func permissions() throws(TarFault) -> UInt16 { UInt16(try number(100..<108) & 0o7777) }
  func user() throws(TarFault) -> Int64 { try number(108..<116) }
  func group() throws(TarFault) -> Int64 { try number(116..<124) }
  func size() throws(TarFault) -> Int64 { try number(124..<136) }
  func seconds() throws(TarFault) -> Int64 { try number(136..<148) }
  func device() throws(TarFault) -> (Int64, Int64) { (try number(329..<337), try number(337..<345)) }

  // MARK: Sparse files of GNU tar, before it used extended headers

  func realSize() throws(TarFault) -> Int64 { try number(483..<495) }
  var isContinued: Bool { bytes[482] != 0 }
  func sparseRuns() throws(TarFault) -> [SparseMap.Run] { try Self.runs(bytes[386..<482]) }

  /// - Returns: the runs of a block that continues a map, and whether one more follows.
  static func continuation(_ block: [UInt8]) throws(TarFault) -> (runs: [SparseMap.Run], isContinued: Bool) {
    (try runs(block[0..<504]), block[504] != 0)
  }

  private static func runs(_ bytes: ArraySlice<UInt8>) throws(TarFault) -> [SparseMap.Run] {
    var runs: [SparseMap.Run] = []
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 24) {
      // The first unused one ends the list.
      if bytes[start + 12] == 0 { break }
      guard let offset = number(bytes[start..<start + 12]), let count = number(bytes[start + 12..<start + 24]),
        offset >= 0, count >= 0
      else { throw TarFault(.sparseMap) }
      runs.append(SparseMap.Run(offset: UInt64(offset), length: UInt64(count)))
    }
    return runs
  }

  // MARK: Fields

  private func text(_ range: Range<Int>) -> [UInt8] { Array(bytes[range].prefix { $0 != 0 }) }

  private func number(_ range: Range<Int>) throws(TarFault) -> Int64 {
    guard let number = Self.number(bytes[range]) else { throw TarFault(.fieldNumber) }
    return number
  }

  /// Octal digits, blanks around them or not; or if the first bit is set, a binary number with a sign, of all other bits.
  static func number(_ field: ArraySlice<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 {
      var value: Int64 = first & 0x40 != 0 ? -1 : 0
      for (index, byte) in field.enumerated() {
        let byte = index > 0 ? byte : first & 0x40 != 0 ? byte : byte & 0x7F
        let (high, overflow) = value.multipliedReportingOverflow(by: 256)
        if overflow { return nil }
        value = high | Int64(byte)
      }
      return value
    }
    let digits = field.drop { $0 == 0x20 || $0 == 0 }
    let end = digits.firstIndex { $0 == 0x20 || $0 == 0 } ?? digits.endIndex
    guard digits[end...].allSatisfy({ $0 == 0x20 || $0 == 0 }) else { return nil }
    var value: Int64 = 0
    for digit in digits[..<end] {
      guard (0x30...0x37).contains(digit) else { return nil }
      value = value << 3 | Int64(digit - 0x30)
    }
    return value
  }
}
