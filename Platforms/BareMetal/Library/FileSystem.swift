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
///     var files = FileSystem(flash, in: arena)
///     try files.mount()
///     let motd = try files.open(path)
///     let count = try files.read(motd, at: 0, into: buffer)
///
/// It takes about 1 KB with LZ4 alone and 2 KB with all codecs (half of that more on 64-bit machines) wherever its author
/// puts it. It is for one thread. volume has all that the reader can do: extended attributes, extents, the superblock.
@safe
public struct FileSystem<Source: Storage>: ~Copyable {
  public var volume: Volume<Source>
  private let arena: Arena
  private let depth: MemoryPlan.Depth
  private var plan = MemoryPlan()
  /// Bytes that the walk through the tree takes.
  private var walk = 0

  /// Bytes of the arena with which all that has been planned can be read: after ``Survey/everything``, all of the image.
  public var memoryNeeded: Int { max(plan.totalBytes, walk) }

  /// A file system that has yet to be mounted; until then it finds nothing.
  ///
  /// - Parameters:
  ///   - storage: where the image is.
  ///   - arena: all the memory that reading may take.
  ///   - depth: how much of an extent stays at hand while a file is read. With `direct` a file must be read whole, or by
  ///     its extents.
  public init(_ storage: Source, in arena: Arena, reading depth: MemoryPlan.Depth = .least) {
    volume = Volume(unopened: storage)
    self.arena = arena
    self.depth = depth
  }

  /// Mounts the image: its superblock, its checksum where it has one, its root directory, and what `survey` asks for.
  ///
  /// A file system whose mounting failed finds nothing until mounting it succeeds; one that is mounted anew has forgotten
  /// the image that it had. But a storage may remember what it read: for another card make another of both.
  ///
  /// - Throws: MountError. An image that needs a codec which is not linked is refused by that codec's id:
  ///   `unsupported(.algorithm(id))`.
  public mutating func mount(_ survey: Survey = .everything) throws(MountError) {
    walk = 0
    var refusal: MountError
    do throws(EROFSError) {
      do throws(Fault) { try prepare() } catch { throw volume.latestError() }
      if survey == .everything { try surveyTree() }
      if walk <= arena.count, arena.supply(plan, to: &volume) { return }
      refusal = .memory(needed: needed(), given: arena.count, isExact: survey == .everything)
    } catch {
      refusal = .image(error)
      if case .memory(_, let bytes) = error {
        refusal = .memory(needed: max(bytes, needed()), given: arena.count, isExact: false)
      }
    }
    volume.close()
    plan = MemoryPlan()
    throw refusal
  }

  /// As ``memoryNeeded``, which copies the file system to find out.
  @inline(never)
  private mutating func needed() -> Int { max(plan.totalBytes, walk) }

  // Each of these is a function of its own, so that no frame on the stack holds what only another one needs.

  @inline(never)
  private mutating func prepare() throws(Fault) {
    try volume.openOrFault()
    try volume.checkChecksum()
    plan = volume.blocks
    // A storage that maps everything is planned without memory, but for what inodes lean on.
    if !Source.mapsEverything { try supply(plan) }
    if MemoryPlan.inodesLean {
      try volume.addBasics(to: &plan, MemoryPlan.Depth.least)
      try supply(plan)
    }
    try volume.readRoot()
    try volume.addOpened(to: &plan, depth)
  }

  @inline(never)
  private mutating func supply(_ plan: MemoryPlan) throws(Fault) {
    guard arena.supply(plan, to: &volume) else { throw volume.fail(need: .metadata, bytes: plan.totalBytes) }
  }

  /// Plans every inode.
  @inline(never)
  private mutating func surveyTree() throws(EROFSError) {
    // What walking takes: the plan so far, and what the directories add to it.
    var basic = plan
    do throws(Fault) { try supply(basic) } catch { throw volume.latestError() }
    var tree = unsafe TreeWalk(from: volume.superblock.rootNID, unsafeLevels: arena.rest(behind: basic))
    // Also where there was no memory for it: then that is what is missing.
    defer { walk = (basic.totalBytes + 7) & ~7 + tree.deepest * MemoryLayout<TreeWalk.Level>.stride }
    while let inode = try tree.next(in: &volume) {
      let own = try volume.plan(for: inode, depth)
      plan.formUnion(own)
      // Directories may be compressed: then walking through them needs what reading them needs.
      let old = basic
      if inode.kind == .directory { basic.formUnion(own) }
      guard basic != old else { continue }
      let levels = unsafe arena.rest(behind: basic)
      do throws(Fault) { try supply(basic) } catch { throw volume.latestError() }
      try unsafe tree.move(to: levels)
    }
  }

  /// The inode at `path`, ready to be read. Symbolic links are not followed.
  ///
  /// - Throws: `notFound`, `notADirectory`; `memory` where the arena is too small for this file; the rest as the image
  ///   or the storage gives cause.
  public mutating func open(_ path: UnsafeRawBufferPointer) throws(EROFSError) -> Inode {
    do throws(Fault) {
      try unsafe volume.follow(PageVector(unsafeContiguous: path))
      try prepareOpened()
    } catch { throw volume.latestError() }
    return volume.currentInode()
  }

  /// Sees to it that `inode`, from ``volume``, can be read: plans it, and grows the memory that the reader has of the arena.
  ///
  /// - Throws: `memory` where the arena is too small for this file.
  public mutating func prepare(for inode: Inode) throws(EROFSError) {
    volume.makeCurrent(inode)
    do throws(Fault) { try prepareOpened() } catch { throw volume.latestError() }
  }

  @inline(never)
  private mutating func prepareOpened() throws(Fault) {
    var grown = plan
    try volume.addOpened(to: &grown, depth)
    if grown == plan { return }
    try supply(grown)
    plan = grown
  }

  /// Reads from byte `offset` of a file (or a symbolic link's target) on, as much as `buffer` holds; returns how many
  /// bytes: fewer than that only at the end.
  public mutating func read(
    _ inode: Inode, at offset: FileOffset, into buffer: UnsafeMutableRawBufferPointer
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
    var offset: FileOffset = 0
    while offset < inode.size {
      guard let extent = try volume.extent(of: inode, at: offset), extent.encoding == .plain else { return nil }
      let address: FileOffset
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
