// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTree
import Encoders
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import EROFSMount

/// Readers of whole trees, for whom the next files are decoded ahead.
@Suite struct TreeWalkTests {
  /// A regular file as a walk finds it.
  struct Found {
    let path: [UInt8]
    let number: UInt64
    let size: UInt64
  }

  private static let digests = Dictionary(
    ReferenceImages.manifest.compactMap { row in row.sha256.map { (row.path, $0) } }, uniquingKeysWith: { a, _ in a })

  private static func server(_ name: String, cacheBytes: Int = 8 << 20, prefetchers: Int) throws -> ImageServer {
    let folder = ReferenceImages.directory!.path
    let devices = ReferenceImages.blob(name) == nil ? [] : [FilePath("\(folder)/\(name).blob")]
    let storage = try FileStorage(FilePath("\(folder)/\(name).erofs"), devices: devices)
    return try ImageServer(storage, cacheBytes: cacheBytes, prefetchers: prefetchers) {
      Issue.record("\(name): \($0)")
    }
  }

  /// Visits files as `tar` does: a directory is listed, and what it contains is visited when it is met.
  private func walk(
    _ server: ImageServer, _ directory: UInt64 = 1, _ path: [UInt8] = [], _ body: (Found) throws -> Void
  ) throws {
    var entries: [(name: [UInt8], kind: InodeKind?, inode: UInt64, size: UInt64)] = []
    var next: UInt64 = 0
    // In parts, as the kernel asks for them.
    while true {
      var count = 0
      try server.forEachEntry(of: directory, from: next, withAttributes: true) { entry in
        guard count < 20 else { return false }
        count += 1
        next = entry.next
        if ![[0x2E], [0x2E, 0x2E]].contains(Array(entry.name)) {
          entries.append((Array(entry.name), entry.kind, entry.inode, entry.attributes?.size ?? 0))
        }
        return true
      }
      if count == 0 { break }
    }
    for entry in entries {
      let path = path + [0x2F] + entry.name
      if entry.kind == .directory { try walk(server, entry.inode, path, body) }
      if entry.kind == .regular { try body(Found(path: path, number: entry.inode, size: entry.size)) }
    }
  }

  /// - Parameter after: called after each read.
  private func content(
    _ file: Found, _ server: ImageServer, step: Int, after: () -> Void = {}
  ) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while UInt64(bytes.count) < file.size {
      let before = bytes.count
      try server.read(file.number, at: UInt64(before), count: step) { for piece in $0 { bytes += piece } }
      after()
      if bytes.count == before { break }
    }
    return bytes
  }

  /// - Parameter prepares: whether this thread does what it can, as one that waits for requests.
  private func wait(_ server: ImageServer, prepares: Bool = false) {
    let end = Date().addingTimeInterval(20)
    while server.prefetcher?.isIdle == false, Date() < end {
      if prepares { while server.prepare() {} }
      usleep(100)
    }
    #expect(server.prefetcher?.isIdle != false)
  }

  private static let compressed = [
    "lz4hc-16k-full-index", "lz4hc-64k-dedupe-fragments", "lzma-1k-64k-tail", "zstd-metabox-fragments",
    "libdeflate-32k-tail",
  ].filter(ReferenceImages.names.contains)

  /// If the threads have the time, what a walk reads has been decoded before, nearly none in vain, and never much ahead. So
  /// it has if the thread that serves has the time (0 others).
  @Test(arguments: ["lz4hc-16k-full-index", "lzma-1k-64k-tail", "zstd-metabox-fragments"], [0, 1, 3])
  func aWalkFindsWhatItReadsDecoded(name: String, threads others: Int) throws {
    guard ReferenceImages.names.contains(name) else { return }
    let threads = max(others, 1)
    let server = try Self.server(name, prefetchers: threads)
    if others == 0 { _ = server.prepare() }
    var most = 0
    try walk(server) { file in
      // Who does not wait after each read may be faster than they.
      let bytes = try content(file, server, step: 131_072) { wait(server, prepares: others == 0) }
      #expect(sha256(Data(bytes)) == Self.digests[file.path])
      let counts = server.cache.statistics
      most = max(most, Int(counts.ahead - counts.aheadUsed - counts.aheadWasted))
    }
    let counts = server.cache.statistics
    // All but what is read before there is an order.
    #expect(counts.misses > 20 && counts.misses - counts.aheadUsed <= 10, "\(counts)")
    #expect(counts.ahead - counts.aheadUsed <= 4, "\(counts)")
    // 32 that are planned, and what large files that are read in order have beside that.
    #expect(most > 1 && most <= 32 + 2 * threads, "\(most)")
  }

  /// If decoding becomes slow while the thread that serves does it, another thread goes on.
  @Test func aWalkGoesOnWhenDecodingBecomesSlow() throws {
    guard ReferenceImages.names.contains("lz4hc-16k-full-index") else { return }
    let server = try Self.server("lz4hc-16k-full-index", prefetchers: 1)
    _ = server.prepare()
    var files = 0
    try walk(server) { file in
      files += 1
      if files <= 25 { for _ in 0..<100 { server.counters.pace.note(bytes: 1, 0) } }
      // At once, so that no other thread is woken for the rest of a file.
      _ = try content(file, server, step: 1 << 30)
      if files == 25 {
        server.counters.pace.note(bytes: 1, 1 << 40)
        wait(server, prepares: true)
      }
    }
    #expect(files > 25)
  }

  /// Whatever is decoded ahead, and whoever reads beside: all bytes are right, in a small cache too.
  @Test(arguments: compressed)
  func walksAndOtherReadersGetTheirBytes(name: String) throws {
    let limit = name.hasSuffix("dedupe-fragments") ? 200_000 : 1 << 20
    let server = try Self.server(name, cacheBytes: limit, prefetchers: 2)
    let wrong = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 4) { reader in
      do {
        var files: [Found] = []
        try walk(server) { file in
          // One reads as it lists, one in the order of the lists but only some files, two in no order.
          if reader == 0 || reader == 1 && files.count % 3 < 2 {
            let bytes = try content(file, server, step: reader == 0 ? 131_072 : 10_000)
            if sha256(Data(bytes)) != Self.digests[file.path] { wrong.wrappingAdd(1, ordering: .relaxed) }
          }
          files.append(file)
        }
        guard reader > 1 else { return }
        var generator = SplitMix64(seed: UInt64(reader))
        for file in files.shuffled(using: &generator) {
          let bytes = try content(file, server, step: 65536)
          if sha256(Data(bytes)) != Self.digests[file.path] { wrong.wrappingAdd(1, ordering: .relaxed) }
        }
      } catch { Issue.record("\(name): \(error)") }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
    #expect(server.cache.statistics.mostHeldBytes <= limit)
  }

  /// Who reads against the order, or only some files far apart, has nothing decoded ahead.
  @Test func noWalkDecodesNothingAhead() throws {
    let server = try Self.server("lz4hc-16k-full-index", prefetchers: 2)
    var files: [Found] = []
    try walk(server) { files.append($0) }
    for file in files.reversed() { try server.read(file.number, at: 0, count: 4096) { _ in } }
    for file in stride(from: 0, to: files.count, by: 10).map({ files[$0] }) {
      try server.read(file.number, at: 0, count: 4096) { _ in }
    }
    wait(server)
    #expect(server.cache.statistics.misses > 20 && server.cache.statistics.ahead == 0)
  }

  /// A cursor finds what a walk reads, from each file on.
  @Test(arguments: compressed)
  func aCursorGoesWhereAWalkGoes(name: String) throws {
    let server = try Self.server(name, prefetchers: 0)
    var (listed, files): (ListedEntries, [UInt64]) = (.init(), [])
    func list(_ directory: UInt64, _ reader: MountReader) throws {
      let inode = try reader.inode(directory)
      var (cursor, whole) = (DirectoryCursor(), ListedEntries.List(directory, isWhole: true))
      var children: [(nid: UInt64, isFile: Bool)] = []
      while let entry = try reader.volume.nextEntry(of: inode, &cursor) {
        guard !entry.isDotOrDotDot, entry.kind == .regular || entry.kind == .directory else { continue }
        children.append((entry.nid, entry.kind == .regular))
        whole.append(entry.nid, next: cursor.place, isFile: entry.kind == .regular)
      }
      listed.add(whole)
      for child in children { if child.isFile { files.append(child.nid) } else { try list(child.nid, reader) } }
    }
    try server.pool.withReader { reader in
      try list(server.superblock.rootNID, reader)
      listed.settle()
      func isDecoded(_ inode: EROFS.Inode, _ range: Range<UInt64>) throws -> Bool {
        var offset = range.lowerBound
        while offset < range.upperBound, let extent = try reader.volume.extent(of: inode, at: offset) {
          if case .compressed = extent.encoding { return true }
          let end = min(extent.end, range.upperBound)
          if case .packed(let start) = extent.place, let packed = try reader.volume.packedInode() {
            let place = start + (offset - extent.start)
            if try isDecoded(packed, place..<place + (end - offset)) { return true }
          }
          offset = end
        }
        return false
      }
      var decoded: [UInt64] = []
      for nid in files where nid != decoded.last {
        let inode = try reader.inode(nid)
        if try isDecoded(inode, 0..<inode.size) { decoded.append(nid) }
      }
      #expect(decoded.count > 20)
      // A hard link is where it was listed last.
      for index in decoded.indices where index % 5 == 0 && decoded.lastIndex(of: decoded[index]) == index {
        var cursor = TreeCursor(after: listed[decoded[index]]!, listed, entersDirectories: true)
        var found: [UInt64] = []
        while found.count < 12, let part = cursor.next(reader) {
          if found.last != part.file { found.append(part.file) }
        }
        #expect(found == Array(decoded[(index + 1)...].prefix(12)))
      }
    }
  }

  @Test func listsAreForgotten() {
    var listed = ListedEntries()
    for directory in 0..<20 as Range<UInt64> {
      var list = ListedEntries.List(1_000_000 + directory, isWhole: directory % 2 == 0)
      for nid in 0..<5000 as Range<UInt64> { list.append(directory * 5000 + nid, next: nid + 1, isFile: nid > 0) }
      listed.add(list)
    }
    #expect(listed.count < 1 << 16 && listed[99_999] == nil)
    listed.settle()
    #expect(listed.count <= 1 << 15 && listed[99_999]?.directory == 1_000_019 && listed[0] == nil)
    #expect(listed[99_999]!.number - listed[99_990]!.number == 9)
    #expect(listed[90_001]!.isFirst && !listed[90_002]!.isFirst && !listed[95_001]!.isFirst)
  }

  private func noise(blocks: Int) -> [UInt8] {
    var generator = SplitMix64(seed: 7)
    return [UInt8](unsafeUninitializedCapacity: blocks * 4096) { bytes, count in
      for index in 0..<blocks * 512 {
        withUnsafeBytes(of: generator.next()) { word in for at in 0..<8 { bytes[8 * index + at] = word[at] } }
      }
      count = blocks * 4096
    }
  }

  /// A server of an image with these files, compressed with LZ4.
  ///
  /// - Parameter links: further names for the first file.
  private func server(
    of files: [(name: String, bytes: [UInt8])], links: [String] = [], prefetchers: Int
  ) throws -> ImageServer {
    var tree = Tree()
    var made: [Tree.EntryID] = []
    for file in files {
      let metadata = Metadata(kind: .regular, permissions: 0o644)
      made.append(try tree.put(Array(file.name.utf8), in: Tree.root, metadata, content: .bytes(file.bytes)))
    }
    for name in links { try tree.link(Array(name.utf8), in: Tree.root, to: tree.inode(of: made[0])) }
    let path = FilePath(FileManager.default.temporaryDirectory.path).appending("walk-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(atPath: path.string) }
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4)]
    try ImageBuilder(options).build(tree, at: path)
    return try ImageServer(FileStorage(path), cacheBytes: 1 << 20, prefetchers: prefetchers) { Issue.record("\($0)") }
  }

  /// What is compressed behind thousands of blocks that are not is found, unless they are too many.
  @Test(arguments: [(2000, true), (6000, false)]) func aSearchHasABound(blocks: Int, isFound: Bool) throws {
    let server = try server(
      of: [("a", [1]), ("b", noise(blocks: blocks) + [UInt8](repeating: 0x61, count: 200_000))], prefetchers: 0)
    try server.pool.withReader { reader in
      let root = try reader.inode(server.superblock.rootNID)
      var (cursor, listed) = (DirectoryCursor(), ListedEntries())
      var list = ListedEntries.List(root.nid, isWhole: true)
      var numbers: [UInt64] = []
      while let entry = try reader.volume.nextEntry(of: root, &cursor) {
        if entry.isDotOrDotDot { continue }
        numbers.append(entry.nid)
        list.append(entry.nid, next: cursor.place, isFile: true)
      }
      listed.add(list)
      listed.settle()
      var walk = TreeCursor(after: listed[numbers[0]]!, listed, entersDirectories: true)
      var short = walk
      #expect(short.next(reader, most: TreeCursor.fewEntries) == nil && !short.isAtEnd)
      #expect((walk.next(reader)?.file == numbers[1]) == isFound)
    }
  }

  /// A file that comes again later, by another name, does not count as read up to there.
  @Test func aFileWithSeveralNamesIsPlannedAtEach() throws {
    let text = { [UInt8](repeating: UInt8(0x61 + $0 % 26), count: 5_000 + $0) }
    let files = [("f08", text(0))] + (0..<100).filter { $0 != 8 }.map { ($0 < 10 ? "f0\($0)" : "f\($0)", text($0 + 1)) }
    let server = try server(of: files, links: ["f25a", "f38a"], prefetchers: 1)
    var (seen, most): (Set<UInt64>, UInt64) = ([], 0)
    try walk(server) { file in
      // The kernel has it from the first time.
      guard seen.insert(file.number).inserted else { return }
      _ = try content(file, server, step: 131_072) { wait(server) }
      let counts = server.cache.statistics
      most = max(most, counts.ahead - counts.aheadUsed)
    }
    // 32 that are planned, and what comes again, decoded in vain.
    #expect(seen.count == 100 && most > 16 && most <= 32 + 2, "\(most)")
  }

  /// The thread that serves leaves a long search to another one.
  @Test func aLongSearchIsForAnotherThread() throws {
    let text = [UInt8](repeating: 0x61, count: 100_000)
    let files = (0..<5).map { ("a\($0)", text) } + [("b", noise(blocks: 500) + text)]
    let server = try server(of: files, prefetchers: 1)
    _ = server.prepare()
    var found: Found?
    try walk(server) { file in
      if file.path.last == 0x62 { return found = file }
      for _ in 0..<100 { server.counters.pace.note(bytes: 1, 0) }
      _ = try content(file, server, step: 1 << 30)
    }
    wait(server, prepares: true)
    let before = server.cache.statistics
    #expect(before.ahead > before.aheadUsed)
    let last = try #require(found)
    try server.read(last.number, at: 500 * 4096 + 50_000, count: 4096) { _ in }
    let after = server.cache.statistics
    #expect(after.misses == before.misses && after.aheadUsed == before.aheadUsed + 1, "\(before) \(after)")
  }
}
