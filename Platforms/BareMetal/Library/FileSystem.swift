// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// Why an image was not mounted.
public enum MountError: Error, Equatable {
  /// The image cannot be read; the reader's error says why.
  case image(EROFSError)
  /// The arena is too small: it has `given` bytes. With `needed` bytes everything in the image can be read. If
  /// `isExact` is false, the arena was too small even to compute that, and `needed` is what computing it needs.
  case memory(needed: Int, given: Int, isExact: Bool)
}

/// How much of an image is looked at when it is mounted.
public enum Survey {
  /// Every inode and every index: mounting computes what the image needs, and no read fails because of too little
  /// memory.
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
/// It takes about 1 KB with LZ4 alone and 2 KB with all codecs (half of that more on 64-bit machines), wherever its
/// owner stores it. It is for one thread. ``volume`` offers everything else: extended attributes, extents, the
/// superblock.
@safe
public struct FileSystem<Source: Storage>: ~Copyable {
  public var volume: Volume<Source>
  private let arena: Arena
  private let depth: MemoryPlan.Depth
  private var plan = MemoryPlan()
  /// Bytes that the walk through the tree needs.
  private var walk = 0

  /// Bytes of the arena with which all that has been planned can be read: after ``Survey/everything``, all of the
  /// image.
  public var memoryNeeded: Int { max(plan.totalBytes, walk) }

  /// A file system that is not mounted yet; until then it finds no files.
  ///
  /// - Parameters:
  ///   - storage: where the image is.
  ///   - arena: all the memory that reading may use.
  ///   - depth: how much of a decoded extent is kept while a file is read. With `direct` a file must be read whole, or
  ///     by its extents.
  public init(_ storage: Source, in arena: Arena, reading depth: MemoryPlan.Depth = .least) {
    volume = Volume(unopened: storage)
    self.arena = arena
    self.depth = depth
  }

  /// Mounts the image: reads its superblock, checksum (if it has one) and root directory, and what `survey` requires.
  ///
  /// After a failed mount, the file system finds no files until a mount succeeds. Mounting again discards the previous
  /// image. But a storage may keep what it read: for another card, make a new storage and a new file system.
  ///
  /// - Throws: ``MountError``. If the image needs a codec that is not built in, `unsupported(.algorithm(id))` with its
  ///   id.
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

  /// The inode at `path`, ready to be read. Symbolic links are not followed: see ``follow(_:last:)``.
  ///
  /// - Throws: `notFound`, `notADirectory`; `memory` if the arena is too small for this file; other errors of the
  ///   image or the storage.
  public mutating func open(_ path: UnsafeRawBufferPointer) throws(EROFSError) -> Inode {
    do throws(Fault) {
      try unsafe volume.follow(PageVector(unsafeContiguous: path))
      try prepareOpened()
    } catch { throw volume.latestError() }
    return volume.currentInode()
  }

  /// Prepares an inode that came from ``volume`` for reading: plans it, and gives the reader more of the arena if
  /// necessary.
  ///
  /// - Throws: `memory` if the arena is too small for this file.
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

  /// Reads a file (or a symbolic link's target) from byte `offset`, to fill `buffer`. Returns the number of bytes:
  /// fewer than `buffer` holds only at the end.
  public mutating func read(
    _ inode: Inode, at offset: FileOffset, into buffer: UnsafeMutableRawBufferPointer
  ) throws(EROFSError) -> Int {
    try unsafe volume.read(inode, at: offset, into: MutablePageVector(unsafeContiguous: buffer))
  }

  /// The next entry of an open directory; nil after the last. Its name is valid until the next operation.
  public mutating func nextEntry(
    of directory: Inode, _ cursor: inout DirectoryCursor
  ) throws(EROFSError) -> DirectoryEntry? {
    try volume.nextEntry(of: directory, &cursor)
  }

  /// The bytes of a file in a mapped storage, to use or execute them in place; nil if they are compressed, not
  /// contiguous, have holes, or are not mapped.
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
