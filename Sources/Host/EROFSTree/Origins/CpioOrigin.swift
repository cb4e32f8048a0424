// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A tree from a cpio archive in the "newc" or "crc" format, or from several one after another with zeros between them,
/// as Linux takes them for an initramfs.
///
/// Names are inside the root, with or without a slash or `./` in front; `..` is refused, as is a name inside something that
/// is no directory. Names with the same device and inode number are hard links if the archive says that there are several;
/// whichever of them has content brings it. Directories without an entry are made (see `Tree.isImplied`). The content stays
/// in the archive, which must not change until the last was read.
public struct CpioOrigin {
  private let file: OpenFile
  private var tree = Tree()
  private var offset: UInt64 = 0
  private var name: [UInt8] = []
  /// Of the archive that is being read, since numbers mean nothing in the next.
  private var links: [Identity: Tree.InodeID] = [:]

  private struct Identity: Hashable {
    let major, minor, inode: UInt32
  }

  private static let headerSize = 110
  private static let end = Array("TRAILER!!!".utf8)

  private struct Header {
    let inode, mode, user, group, links, time, size, major, minor, deviceMajor, deviceMinor, nameSize, sum: UInt32
    let hasSum: Bool
  }

  /// An archive that can be read at any place: a file, not a pipe.
  public init(_ file: OpenFile) { self.file = file }

  /// Reads all but contents; those of archives with checksums are read to check them.
  public consuming func read() throws(TreeError) -> Tree {
    var archives = 0
    while true {
      offset = (offset + 3) & ~3
      if archives > 0, try skipZeros() { break }
      try readArchive()
      archives += 1
    }
    tree.sort()
    return tree
  }

  private func fail(_ fault: ArchiveFault) -> TreeError { .archive(fault, at: offset, name: name) }

  private func bytes(_ count: Int, at place: UInt64) throws(TreeError) -> [UInt8] {
    var got: Int?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      got = file.read(
        UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]), at: place)
      initialized = got ?? 0
    }
    guard let got else { throw .system(.read, path: name, errno: errno) }
    if got < count { throw fail(.truncated) }
    return bytes
  }

  /// Whether nothing but zeros follows; otherwise goes to the first other byte, which must be where a header can be.
  private mutating func skipZeros() throws(TreeError) -> Bool {
    name = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      guard let count = block.withUnsafeMutableBytes({ file.read($0, at: offset) }) else {
        throw .system(.read, path: [], errno: errno)
      }
      if let first = block.prefix(count).firstIndex(where: { $0 != 0 }) {
        offset += UInt64(first)
        if offset & 3 != 0 || block[first] != 0x30 { throw fail(.trailing) }
        return false
      }
      offset += UInt64(count)
      if count < block.count { return true }
    }
  }

  private mutating func readArchive() throws(TreeError) {
    links = [:]
    while true {
      name = []
      let header = try header()
      let nameStart = offset + UInt64(Self.headerSize)
      guard (1...65536).contains(header.nameSize) else { throw fail(.nameLength) }
      var name = try bytes(Int(header.nameSize), at: nameStart)
      guard name.removeLast() == 0, !name.contains(0) else { throw fail(.nameEnd) }
      self.name = name
      let content = (nameStart + UInt64(header.nameSize) + 3) & ~3
      let after = content + UInt64(header.size)
      if name == Self.end {
        offset = after
        return
      }
      // Also sees whether the content is there, without reading it.
      if header.size > 0 { _ = try bytes(1, at: after - 1) }
      try add(header, content: content)
      offset = (after + 3) & ~3
    }
  }

  private func header() throws(TreeError) -> Header {
    let bytes = try bytes(Self.headerSize, at: offset)
    let magic = bytes.prefix(6)
    let hasSum = magic.elementsEqual("070702".utf8)
    guard hasSum || magic.elementsEqual("070701".utf8) else { throw fail(.magic) }
    var fields: [UInt32] = []
    for field in 0..<13 {
      var value: UInt32 = 0
      for byte in bytes[6 + field * 8..<14 + field * 8] {
        guard let digit = byte.hexadecimalDigit else { throw fail(.number) }
        value = value << 4 | UInt32(digit)
      }
      fields.append(value)
    }
    return Header(
      inode: fields[0], mode: fields[1], user: fields[2], group: fields[3], links: fields[4], time: fields[5],
      size: fields[6], major: fields[7], minor: fields[8], deviceMajor: fields[9], deviceMinor: fields[10],
      nameSize: fields[11], sum: fields[12], hasSum: hasSum)
  }

  private mutating func add(_ header: Header, content: UInt64) throws(TreeError) {
    guard header.mode <= 0xFFFF, let kind = InodeKind(mode: UInt16(header.mode)) else { throw fail(.mode) }
    let metadata = Metadata(
      kind: kind, permissions: UInt16(header.mode & 0o7777), user: header.user, group: header.group,
      time: Time(seconds: Int64(header.time)),
      device: kind.isDevice
        ? DeviceNumber(major: header.deviceMajor, minor: header.deviceMinor) : DeviceNumber(major: 0, minor: 0))
    guard header.size == 0 || kind == .regular || kind == .symbolicLink else { throw fail(.size) }
    let names = name.split(separator: 0x2F).filter { !$0.elementsEqual([0x2E]) }
    if names.contains(where: { $0.elementsEqual([0x2E, 0x2E]) }) { throw fail(.parent) }
    guard let last = names.last else {
      guard kind == .directory else { throw .rootIsDirectory }
      tree.replaceMetadata(of: Tree.root, metadata, attributes: [])
      return
    }
    if header.hasSum, kind == .regular { try check(header, content: content) }
    let parent = try tree.directory(at: names.dropLast())

    let identity = Identity(major: header.major, minor: header.minor, inode: header.inode)
    // All names of the first may have been replaced meanwhile.
    if header.links > 1, kind != .directory, let inode = links[identity], tree.linkCount(of: inode) > 0 {
      guard tree.kind(of: inode) == kind else { throw fail(.linkKind) }
      let entry = try tree.link(last, in: parent, to: inode)
      if kind == .regular, header.size > 0 {
        try tree.set(.range(of: file, offset: content, length: UInt64(header.size)), of: entry)
      }
      return
    }
    var target: [UInt8] = []
    if kind == .symbolicLink {
      guard (1...4096).contains(header.size) else { throw .badTarget(path: name, count: Int(header.size)) }
      target = try bytes(Int(header.size), at: content)
      // Some writers count a zero byte at the end.
      if target.last == 0 { target.removeLast() }
    }
    let entry = try tree.put(
      last, in: parent, metadata,
      content: kind == .regular ? .range(of: file, offset: content, length: UInt64(header.size)) : nil, target: target)
    if header.links > 1, kind != .directory { links[identity] = tree.inode(of: entry) }
  }

  /// The sum of all bytes, modulo 2^32. With hard links it is that of the name that brings the content.
  private func check(_ header: Header, content: UInt64) throws(TreeError) {
    if header.size == 0 { return }
    var sum: UInt32 = 0
    var block = [UInt8](repeating: 0, count: 1 << 16)
    var place = content
    let end = content + UInt64(header.size)
    while place < end {
      let count = Int(min(UInt64(block.count), end - place))
      guard
        let got = block.withUnsafeMutableBytes({
          file.read(UnsafeMutableRawBufferPointer(rebasing: $0[..<count]), at: place)
        })
      else { throw .system(.read, path: name, errno: errno) }
      if got < count { throw fail(.truncated) }
      for byte in block[..<count] { sum &+= UInt32(byte) }
      place += UInt64(count)
    }
    if sum != header.sum { throw fail(.checksum) }
  }
}

extension UInt8 {
  var hexadecimalDigit: UInt8? {
    switch self {
    case 0x30...0x39: self - 0x30
    case 0x41...0x46: self - 0x41 + 10
    case 0x61...0x66: self - 0x61 + 10
    default: nil
    }
  }
}
