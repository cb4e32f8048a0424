// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFS
import Foundation
import PageVectors
import TestSupport
import Testing

/// Every reference image against its manifest, through memory that is exactly as large as the plan says.
@Suite struct ReferenceImageTests {
  struct Mode: Sendable, CustomStringConvertible {
    var pageShift: Int
    var isMapped: Bool
    var depth: MemoryPlan.Depth
    var description: String {
      "pages of \(1 << pageShift), \(isMapped ? "mapped" : "read"), \(depth)"
    }
  }

  static let modes = [
    Mode(pageShift: 12, isMapped: false, depth: .least), Mode(pageShift: 16, isMapped: true, depth: .wholeExtents),
    Mode(pageShift: 9, isMapped: true, depth: .least), Mode(pageShift: 12, isMapped: false, depth: .wholeExtents),
    // Files are read whole then.
    Mode(pageShift: 12, isMapped: false, depth: .direct),
  ]

  @Test(arguments: ReferenceImages.names, modes)
  func readsAsTheManifestSays(name: String, mode: Mode) throws {
    let reader = try TreeReader(name, mode)
    let rows = try reader.readAll()
    var expected: [[UInt8]: ManifestRow] = [:]
    for row in ReferenceImages.manifest { expected[row.path] = row }
    #expect(rows.count == expected.count)
    for row in rows {
      guard let want = expected[row.path] else {
        Issue.record("unexpected \(String(decoding: row.path, as: UTF8.self))")
        continue
      }
      #expect(row.differences(from: want, image: name).isEmpty, "\(String(decoding: row.path, as: UTF8.self))")
    }
  }
}

extension ManifestRow {
  /// The names of the fields that are not as they should be.
  func differences(from want: ManifestRow, image: String) -> [String] {
    var found: [String] = []
    if kind != want.kind { found.append("kind \(kind)") }
    if mode != want.mode { found.append("mode \(String(mode, radix: 8))") }
    if uid != want.uid || gid != want.gid { found.append("owner \(uid):\(gid)") }
    if mtime != want.mtime { found.append("mtime \(mtime) instead of \(want.mtime)") }
    if size != want.size { found.append("size \(String(describing: size))") }
    if links != want.links { found.append("links \(String(describing: links))") }
    if sha256 != want.sha256 { found.append("content") }
    if target != want.target { found.append("target") }
    if device?.major != want.device?.major || device?.minor != want.device?.minor { found.append("device") }
    if xattrs != want.xattrs { found.append("xattrs \(xattrs.count) instead of \(want.xattrs.count)") }
    return found
  }
}

/// Walks an image and reads everything in it.
final class TreeReader {
  let storage: TestStorage
  let mode: ReferenceImageTests.Mode
  private(set) var rows: [ManifestRow] = []
  private(set) var peak = MemoryPlan()

  init(_ name: String, _ mode: ReferenceImageTests.Mode) throws {
    storage = TestStorage(
      [try ReferenceImages.image(name)] + (ReferenceImages.blob(name).map { [$0] } ?? []), isMapped: mode.isMapped)
    self.mode = mode
  }

  func readAll() throws -> [ManifestRow] {
    let superblock = try Superblock(reading: storage)
    #expect(try superblock.checksumMatches(in: storage) != false)
    // Planning needs blocks, then what the metabox needs, then what each file needs.
    var planner = Volume(storage, superblock: superblock, memory: ReaderMemory())
    let blocks = PlannedMemory(planner.blocks, pageShift: mode.pageShift)
    planner.supply(blocks.memory)
    let basic = try planner.basicPlan(mode.depth)
    let basicMemory = PlannedMemory(basic, pageShift: mode.pageShift)
    planner.supply(basicMemory.memory)
    let root = try planner.inode(superblock.rootNID)
    try visit([], root, superblock)
    #expect(blocks.guardsAreIntact)
    #expect(basicMemory.guardsAreIntact)
    return rows
  }

  private func visit(_ path: [UInt8], _ inode: Inode, _ superblock: Superblock) throws {
    var planner = Volume(storage, superblock: superblock, memory: ReaderMemory())
    let blocks = PlannedMemory(planner.blocks, pageShift: mode.pageShift)
    planner.supply(blocks.memory)
    let basic = PlannedMemory(try planner.basicPlan(mode.depth), pageShift: mode.pageShift)
    planner.supply(basic.memory)
    let plan = try planner.plan(for: inode, mode.depth)
    peak.formUnion(plan)
    let memory = PlannedMemory(plan, pageShift: mode.pageShift)
    var volume = Volume(storage, superblock: superblock, memory: memory.memory)

    var row = ManifestRow()
    row.path = path.isEmpty ? [0x2F] : path
    row.mode = inode.permissions
    row.uid = inode.userID
    row.gid = inode.groupID
    row.mtime = inode.modificationTime.seconds * 1_000_000_000 + Int64(inode.modificationTime.nanoseconds)
    row.kind = inode.kind.manifestName
    if let number = inode.deviceNumber { row.device = (number.major, number.minor) }
    if inode.kind == .regular {
      row.size = inode.size
      row.links = inode.linkCount
      row.sha256 = try digest(&volume, inode)
    } else if inode.kind == .symbolicLink {
      row.target = try bytes(&volume, inode, at: 0, Int(inode.size))
    }
    if inode.kind != .symbolicLink { row.xattrs = try attributes(&volume, inode) }
    rows.append(row)
    #expect(memory.guardsAreIntact)
    guard inode.kind == .directory else { return }
    var children: [([UInt8], UInt64)] = []
    var cursor = DirectoryCursor()
    while let entry = try volume.nextEntry(of: inode, &cursor) {
      if entry.isDotOrDotDot { continue }
      children.append((entry.name.gathered, entry.nid))
    }
    for (name, nid) in children {
      let found = try name.withUnsafeBytes { try volume.entry(named: PageVector(unsafeContiguous: $0), in: inode) }
      #expect(found?.nid == nid)
      try visit(path + [0x2F] + name, try volume.inode(nid), superblock)
    }
  }

  private func bytes(
    _ volume: inout Volume<TestStorage>, _ inode: Inode, at offset: UInt64, _ count: Int
  ) throws -> [UInt8] {
    let pages = ScatteredPages(count: count, pageShift: mode.pageShift, offset: Int(offset & 255), seed: offset)
    let read = try volume.read(inode, at: offset, into: pages.vector)
    #expect(pages.guardsAreIntact)
    return Array(pages.bytes.prefix(read))
  }

  private func digest(_ volume: inout Volume<TestStorage>, _ inode: Inode) throws -> String {
    let hash = SHA256()
    var generator = SplitMix64(seed: inode.nid)
    var offset: UInt64 = 0
    while offset < inode.size {
      let step =
        mode.depth == .direct
        ? Int(inode.size) : Bool.random(using: &generator) ? Int.random(in: 1...9000, using: &generator) : 150_000
      let piece = try bytes(&volume, inode, at: offset, step)
      #expect(piece.count == min(step, Int(inode.size - offset)))
      piece.withUnsafeBytes { hash.update($0) }
      offset += UInt64(piece.count)
      if piece.isEmpty { break }
    }
    return hash.hexadecimal()
  }

  private func attributes(_ volume: inout Volume<TestStorage>, _ inode: Inode) throws -> [[UInt8]: String] {
    var found: [[UInt8]: String] = [:]
    var cursor = AttributeCursor()
    while let attribute = try volume.nextAttribute(of: inode, &cursor) {
      guard attribute.namespace != .hidden else { continue }
      let name = ScatteredPages(count: attribute.nameBytes, pageShift: 4)
      #expect(try volume.copyName(of: attribute, into: name.vector) == attribute.nameBytes)
      let value = ScatteredPages(count: attribute.valueBytes, pageShift: mode.pageShift)
      #expect(try volume.copyValue(of: attribute, into: value.vector) == attribute.valueBytes)
      found[name.bytes] = hexadecimal(value.bytes)
      #expect(try volume.attribute(named: name.vector.readOnly, of: inode) == attribute)
    }
    let absent = ScatteredPages(Array("user.no such name".utf8))
    #expect(try volume.attribute(named: absent.vector.readOnly, of: inode) == nil)
    return found
  }
}

extension InodeKind {
  var manifestName: String {
    switch self {
    case .regular: "file"
    case .directory: "directory"
    case .characterDevice: "character"
    case .blockDevice: "block"
    case .fifo: "fifo"
    case .socket: "socket"
    case .symbolicLink: "symlink"
    }
  }
}
