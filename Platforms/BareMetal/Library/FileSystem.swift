// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// Why an image was not mounted.
public enum MountError: Error, Equatable {
  /// It cannot be read: see the reader's word.
  case image(EROFSError)
  /// The arena is too small: it has `given` bytes. With `needed` bytes everything in the image can be read; where
  /// `isExact` is false, the arena could not even hold what finding that out takes, and `needed` is what that takes.
  case memory(needed: Int, given: Int, isExact: Bool)
}

/// How much of an image is looked at when it is mounted.
public enum Survey {
  /// Every inode and every index, so that mounting says what the image needs, and no read fails for want of memory.
  case everything
  /// The superblock and the root only: each file is planned when it is opened.
  case root
}

/// A mounted image.
///
///     var files = try FileSystem(mounting: flash, in: arena)
///     let motd = try files.open(path)
///     let count = try files.read(motd, at: 0, into: buffer)
///
/// It is for one thread. volume has all that the reader can do: extended attributes, extents, the superblock.
@safe
public struct FileSystem<Source: Storage>: ~Copyable {
  public var volume: Volume<Source>
  private let arena: Arena
  private var needs: Needs

  private struct Needs {
    var plan = MemoryPlan()
    /// Bytes that the walk through the tree takes.
    var walk = 0
    var bytes: Int { max(plan.totalBytes, walk) }
  }

  /// Bytes of the arena with which all that has been planned can be read: after ``Survey/everything``, all of the image.
  public var memoryNeeded: Int { needs.bytes }

  /// Mounts the image in `storage`: its superblock, its checksum where it has one, its root directory, and what `survey`
  /// asks for.
  ///
  /// - Throws: MountError. An image that needs a codec which is not linked is refused by that codec's id:
  ///   `unsupported(.algorithm(id))`.
  public init(
    mounting storage: Source, in arena: Arena, survey: Survey = .everything
  ) throws(MountError) {
    let superblock = try Self.superblock(of: storage)
    var volume = Volume(storage, superblock: superblock, memory: ReaderMemory())
    self.needs = try Self.prepare(&volume, arena, survey)
    self.arena = arena
    self.volume = volume
  }

  private static func superblock(of storage: Source) throws(MountError) -> Superblock {
    do throws(EROFSError) {
      return try Superblock(reading: storage)
    } catch { throw .image(error) }
  }

  private static func prepare(
    _ volume: inout Volume<Source>, _ arena: Arena, _ survey: Survey
  ) throws(MountError) -> Needs {
    var needs = Needs()
    do throws(EROFSError) {
      if try volume.superblock.checksumMatches(in: volume.storage) == false {
        throw .corrupt(.checksum, at: .device(0, offset: Superblock.offset))
      }
      needs.plan = volume.blocks
      try supply(&volume, needs.plan, from: arena)
      needs.plan = try volume.basicPlan()
      try supply(&volume, needs.plan, from: arena)
      let root = try volume.inode(volume.superblock.rootNID)
      guard root.kind == .directory else { throw .notADirectory }
      if survey == .everything {
        try surveyTree(&volume, arena, &needs)
      } else {
        needs.plan.formUnion(try volume.plan(for: root))
      }
    } catch {
      guard case .memory(_, let bytes) = error else { throw .image(error) }
      throw .memory(needed: max(bytes, needs.bytes), given: arena.count, isExact: false)
    }
    guard let memory = arena.memory(for: needs.plan), needs.bytes <= arena.count else {
      throw .memory(needed: needs.bytes, given: arena.count, isExact: survey == .everything)
    }
    volume.supply(memory)
    return needs
  }

  private static func supply(
    _ volume: inout Volume<Source>, _ plan: MemoryPlan, from arena: Arena
  ) throws(EROFSError) {
    guard let memory = arena.memory(for: plan) else { throw .memory(.metadata, bytes: plan.totalBytes) }
    volume.supply(memory)
  }

  /// Plans every inode.
  private static func surveyTree(
    _ volume: inout Volume<Source>, _ arena: Arena, _ needs: inout Needs
  ) throws(EROFSError) {
    var basic = needs.plan
    let root = try volume.inode(volume.superblock.rootNID)
    basic.formUnion(try volume.plan(for: root))
    needs.plan = basic
    try supply(&volume, basic, from: arena)
    var walk = unsafe TreeWalk(from: root.nid, unsafeLevels: arena.rest(behind: basic))
    while let inode = try walk.next(in: &volume) {
      let plan = try volume.plan(for: inode)
      needs.plan.formUnion(plan)
      needs.walk = max(needs.walk, (basic.totalBytes + 7) & ~7 + walk.deepest * MemoryLayout<TreeWalk.Level>.stride)
      // Directories may be compressed: then walking through them needs what reading them needs.
      guard inode.kind == .directory else { continue }
      var larger = basic
      larger.formUnion(plan)
      if larger != basic {
        basic = larger
        needs.walk = max(needs.walk, (basic.totalBytes + 7) & ~7 + walk.deepest * MemoryLayout<TreeWalk.Level>.stride)
        let levels = unsafe arena.rest(behind: basic)
        try supply(&volume, basic, from: arena)
        try unsafe walk.move(to: levels)
      }
    }
  }

  /// The inode at `path`, ready to be read. Symbolic links are not followed.
  ///
  /// - Throws: `notFound`, `notADirectory`; `memory` where the arena is too small for this file; the rest as the image
  ///   or the storage gives cause.
  public mutating func open(_ path: UnsafeRawBufferPointer) throws(EROFSError) -> Inode {
    let inode = try unsafe volume.inode(at: PageVector(unsafeContiguous: path))
    try prepare(for: inode)
    return inode
  }

  /// Sees to it that `inode`, from ``volume``, can be read: plans it, and grows the memory that the reader has of the arena.
  ///
  /// - Throws: `memory` where the arena is too small for this file.
  public mutating func prepare(for inode: Inode) throws(EROFSError) {
    var union = needs.plan
    union.formUnion(try volume.plan(for: inode))
    guard union != needs.plan else { return }
    try Self.supply(&volume, union, from: arena)
    needs.plan = union
  }

  /// Reads from byte `offset` of a file (or a symbolic link's target) on, as much as `buffer` holds; returns how many
  /// bytes: fewer than that only at the end.
  public mutating func read(
    _ inode: Inode, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(EROFSError) -> Int {
    try unsafe volume.read(inode, at: offset, into: MutablePageVector(unsafeContiguous: buffer))
  }

  /// The next entry of a directory that was opened; nil behind the last. Its name is good until the next operation.
  public mutating func nextEntry(
    of directory: Inode, _ cursor: inout DirectoryCursor
  ) throws(EROFSError) -> DirectoryEntry? {
    try volume.nextEntry(of: directory, &cursor)
  }

  /// All bytes of a file where they lie, to be used or executed in place; nil where they do not lie in memory in one
  /// piece as they are: compressed, scattered, with holes, or in a storage that is not mapped.
  public mutating func bytesInPlace(of inode: Inode) throws(EROFSError) -> UnsafeRawBufferPointer? {
    guard inode.kind == .regular, inode.size > 0, volume.superblock.extraDevices == 0 else { return nil }
    var start: UnsafeRawPointer?
    var offset: UInt64 = 0
    while offset < inode.size {
      guard let extent = try volume.extent(of: inode, at: offset), extent.encoding == .plain else { return nil }
      let address: UInt64
      switch extent.place {
      case .device(0, let at): address = at
      case .metadata(.device, let at): address = at
      default: return nil
      }
      guard let count = Int(exactly: extent.length),
        address <= volume.storage.byteCount(ofDevice: 0),
        let bytes = volume.storage.mapped(device: 0, at: address, count: count), bytes.count == count,
        let here = unsafe bytes.contiguousAddress
      else { return nil }
      if let start = unsafe start {
        guard unsafe here == start + Int(truncatingIfNeeded: offset) else { return nil }
      } else {
        unsafe start = here
      }
      offset = extent.end
    }
    return unsafe UnsafeRawBufferPointer(start: start, count: Int(truncatingIfNeeded: offset))
  }
}
