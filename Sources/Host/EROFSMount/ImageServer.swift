// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An image as a file system.
public final class ImageServer: FileSystemOperations {
  public let superblock: Superblock
  let pool: ReaderPool
  let cache: ExtentCache
  private let log: @Sendable (String) -> Void
  /// Inodes whose errors have been logged.
  private let logged = Mutex<Set<UInt64>>([])
  private static let mostLogged = 1000
  let prefetcher: Prefetcher?
  private let trace: AccessTrace?
  let counters = MountCounters()

  /// - Parameters:
  ///   - cacheBytes: the most bytes of decoded extents that are kept.
  ///   - prefetchers: threads that decode ahead of sequential readers; 0 for none. They start with the first such reader.
  ///   - trace: receives the path of each file when it is first read.
  ///   - log: receives one line for each file that cannot be read.
  public init(
    _ storage: FileStorage, cacheBytes: Int, prefetchers: Int = 1, trace: AccessTrace? = nil,
    log: @escaping @Sendable (String) -> Void
  ) throws(EROFSError) {
    superblock = try Superblock(reading: storage)
    // As Linux does.
    if try superblock.checksumMatches(in: storage) == false {
      throw .corrupt(.checksum, at: .device(0, offset: Superblock.offset))
    }
    pool = ReaderPool(storage, superblock)
    cache = ExtentCache(limit: cacheBytes)
    self.log = log
    self.trace = trace
    prefetcher = prefetchers > 0 ? Prefetcher(pool, cache, counters, threads: prefetchers) : nil
    // A root that cannot be read is an error now, and not of each later call.
    let root = superblock.rootNID
    let isDirectory = try pool.withReader { (reader) throws(EROFSError) in try reader.inode(root).kind == .directory }
    guard isDirectory else { throw .notADirectory }
  }

  // MARK: Inode numbers

  // Bit 63 of a NID means that the inode is in the metabox. Here it is the lowest bit, so that the number is positive for
  // programs that use a signed one. FUSE reserves 0, and 1 is the root.

  func number(of nid: UInt64) -> UInt64 { nid == superblock.rootNID ? 1 : (nid &<< 1 | nid &>> 63) &+ 2 }

  func nid(of number: UInt64) -> UInt64 {
    if number <= 1 { return superblock.rootNID }
    let value = number &- 2
    return value &>> 1 | (value & 1) &<< 63
  }

  // MARK: Errors

  private func failing<Result>(
    on number: UInt64, _ body: (MountReader) throws(EROFSError) -> Result
  ) throws(SystemError) -> Result {
    counters.operations.wrappingAdd(1, ordering: .relaxed)
    do throws(EROFSError) { return try pool.withReader(body) } catch { throw failure(error, number) }
  }

  private func failure(_ error: EROFSError, _ number: UInt64) -> SystemError {
    counters.errors.wrappingAdd(1, ordering: .relaxed)
    switch error {
    case .notFound, .notADirectory, .notAFile: break
    default: report(error, number)
    }
    return SystemError(error)
  }

  private func report(_ error: EROFSError, _ number: UInt64) {
    let (isNew, isLast) = logged.withLock { seen in
      guard seen.count < Self.mostLogged, seen.insert(number).inserted else { return (false, false) }
      return (true, seen.count == Self.mostLogged)
    }
    guard isNew else { return }
    let path = trace?.path(of: number).map { " (\(String(decoding: $0, as: UTF8.self)))" } ?? ""
    log("inode \(nid(of: number))\(path): \(error)")
    if isLast { log("\(Self.mostLogged) files cannot be read; more are not listed") }
  }

  // MARK: Operations

  private func describe(_ inode: Inode) -> FileAttributes {
    FileAttributes(
      inode: number(of: inode.nid), kind: inode.kind, permissions: inode.permissions, linkCount: inode.linkCount,
      userID: inode.userID, groupID: inode.groupID, device: inode.deviceNumber, size: inode.size,
      blocks: inode.storedBlocks(superblock) &<< UInt64(superblock.blockShift - 9),
      modificationTime: (inode.modificationTime.seconds, min(inode.modificationTime.nanoseconds, 999_999_999)))
  }

  public func attributes(of number: UInt64) throws(SystemError) -> FileAttributes {
    try failing(on: number) { (reader) throws(EROFSError) in describe(try reader.inode(nid(of: number))) }
  }

  public func lookUp(
    _ name: UnsafeRawBufferPointer, in directory: UInt64
  ) throws(SystemError) -> FileAttributes? {
    // An entry whose inode is broken is that inode's error, and not one of the directory.
    var broken: (nid: UInt64, error: EROFSError)?
    let found = try failing(on: directory) { (reader) throws(EROFSError) -> FileAttributes? in
      let inode = try reader.inode(nid(of: directory))
      // An NFS server finds an inode of any kind by its number in this way.
      if name.count == 1, name[0] == 0x2E { return describe(inode) }
      let pages = PageVector(unsafeContiguous: name.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, count: name.count)
      guard let entry = try reader.volume.entry(named: pages, in: inode) else { return nil }
      do throws(EROFSError) { return describe(try reader.inode(entry.nid)) } catch { broken = (entry.nid, error) }
      return nil
    }
    if let (nid, error) = broken { throw failure(error, self.number(of: nid)) }
    if let found, found.inode != directory { trace?.learn(found.inode, name, in: directory) }
    return found
  }

  public func target(ofLink number: UInt64) throws(SystemError) -> [UInt8] {
    try failing(on: number) { (reader) throws(EROFSError) -> [UInt8] in
      let inode = try reader.inode(nid(of: number))
      guard inode.kind == .symbolicLink else { throw .notAFile }
      guard inode.size < 65536 else { throw .corrupt(.linkTarget, at: inode.position) }
      var bytes = [UInt8](repeating: 0, count: Int(inode.size))
      let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(EROFSError) -> Int in
        try reader.volume.read(
          inode, at: 0, into: MutablePageVector(unsafeContiguous: UnsafeMutableRawBufferPointer(buffer)))
      }
      return Array(bytes.prefix(count))
    }
  }

  public func forEachEntry(
    of directory: UInt64, from cookie: UInt64, withAttributes: Bool, _ body: (ServedEntry) -> Bool
  ) throws(SystemError) {
    try failing(on: directory) { (reader) throws(EROFSError) -> Void in
      let inode = try reader.inode(nid(of: directory))
      guard inode.kind == .directory else { throw .notADirectory }
      var place = cookie
      if place == 0 {
        if inode.omitsDot {
          let isTaken = withUnsafeBytes(of: UInt8(0x2E)) {
            body(ServedEntry(name: $0, inode: directory, kind: .directory, attributes: nil, next: 1))
          }
          if !isTaken { return }
        }
        place = 1
      }
      var cursor = DirectoryCursor(place: place - 1)
      var name = [UInt8](repeating: 0, count: 256)
      var given = 0
      var list = ListedEntries.List(inode.nid, isWhole: cookie == 0)
      defer { prefetcher?.note(list) }
      while true {
        let entry: DirectoryEntry?
        do throws(EROFSError) {
          entry = try reader.volume.nextEntry(of: inode, &cursor)
        } catch {
          // The entries before it are valid; the next call fails with this error.
          if given > 0 { return }
          throw error
        }
        guard let entry else { return }
        let count = name.withUnsafeMutableBytes { entry.name.copyBytes(into: $0) }
        let isDot = entry.isDotOrDotDot
        let (child, kind) = (entry.nid, entry.kind)
        var attributes: FileAttributes?
        // A broken inode does not hide the other entries.
        if withAttributes, !isDot { attributes = (try? reader.inode(child)).map(describe) }
        let isTaken = name.withUnsafeBytes { buffer in
          let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
          if let attributes { trace?.learn(attributes.inode, bytes, in: directory) }
          return body(
            ServedEntry(
              name: bytes, inode: number(of: child), kind: kind, attributes: attributes, next: cursor.place + 1))
        }
        if !isTaken { return }
        given += 1
        if !isDot, prefetcher != nil, kind == .regular || kind == .directory {
          list.append(child, next: cursor.place, isFile: kind == .regular)
        }
      }
    }
  }

  public func read(
    _ number: UInt64, at offset: UInt64, count: Int, _ body: ([UnsafeRawBufferPointer]) -> Void
  ) throws(SystemError) {
    var served: (inode: Inode, end: UInt64)?
    var pieces = MountReader.Pieces()
    defer { pieces.release() }
    try failing(on: number) { (reader) throws(EROFSError) -> Void in
      let inode = try reader.inode(nid(of: number))
      guard inode.kind == .regular else { throw .notAFile }
      guard offset < inode.size, count > 0 else { return }
      let end = min(inode.size, offset + UInt64(count))
      prefetcher?.begin(inode, offset..<end)
      try reader.read(inode, offset..<end, cache, &pieces, counters)
      served = (inode, end)
    }
    pieces.finish(body)
    counters.reads.wrappingAdd(1, ordering: .relaxed)
    guard let (inode, end) = served else { return }
    counters.readBytes.wrappingAdd(end - offset, ordering: .relaxed)
    trace?.note(number)
    guard let prefetcher else { return }
    prefetcher.note(inode, offset..<end)
    if let (packed, range) = pieces.packed { prefetcher.note(packed: packed, range) }
  }

  public func prepare() -> Bool { prefetcher?.step() ?? false }

  public func attributeNames(of number: UInt64) throws(SystemError) -> [UInt8] {
    try failing(on: number) { (reader) throws(EROFSError) -> [UInt8] in
      let inode = try reader.inode(nid(of: number))
      var cursor = AttributeCursor()
      var names: [UInt8] = []
      while let attribute = try reader.volume.nextAttribute(of: inode, &cursor) {
        if attribute.namespace == .hidden { continue }
        var name = [UInt8](repeating: 0, count: attribute.nameBytes)
        let count = try name.withUnsafeMutableBufferPointer { (buffer) throws(EROFSError) -> Int in
          try reader.volume.copyName(
            of: attribute, into: MutablePageVector(unsafeContiguous: UnsafeMutableRawBufferPointer(buffer)))
        }
        names += name.prefix(count) + [0]
      }
      return names
    }
  }

  public func attribute(named name: UnsafeRawBufferPointer, of number: UInt64) throws(SystemError) -> [UInt8] {
    if number == 1, name.elementsEqual(Array(MountFigures.attributeName.utf8)) { return Array(figures.json.utf8) }
    let value = try failing(on: number) { (reader) throws(EROFSError) -> [UInt8]? in
      let inode = try reader.inode(nid(of: number))
      guard let start = name.baseAddress, inode.xattrBytes > 0 else { return nil }
      let pages = PageVector(unsafeContiguous: start, count: name.count)
      guard let attribute = try reader.volume.attribute(named: pages, of: inode) else { return nil }
      var value = [UInt8](repeating: 0, count: attribute.valueBytes)
      let count = try value.withUnsafeMutableBufferPointer { (buffer) throws(EROFSError) -> Int in
        try reader.volume.copyValue(
          of: attribute, into: MutablePageVector(unsafeContiguous: UnsafeMutableRawBufferPointer(buffer)))
      }
      return Array(value.prefix(count))
    }
    #if os(Linux)
      guard let value else { throw SystemError(code: ENODATA) }
    #else
      guard let value else { throw SystemError(code: ENOATTR) }
    #endif
    return value
  }

  /// What the mount has done since its start.
  public var figures: MountFigures { MountFigures(counters, cache.statistics, cacheLimit: cache.limit) }

  public var statistics: FileSystemStatistics {
    FileSystemStatistics(
      blockSize: superblock.blockSize, blocks: superblock.blockCount, inodes: superblock.inodeCount)
  }
}
