// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// An image that can be read.
///
/// It allocates nothing: it works in the ``ReaderMemory`` that it is given, and ``MemoryPlan`` says beforehand how much
/// that has to be. It is one reader's view, with one file's extent decoded at a time; a program with several threads
/// makes one for each of them, over the same storage.
///
///     var volume = try Volume(storage, memory: memory)
///     let inode = try volume.inode(at: path)
///     let count = try volume.read(inode, at: 0, into: pages)
@safe
public struct Volume<Source: Storage>: ~Copyable {
  // The members that are used most come first: short instructions reach no farther than 124 bytes.

  #if EROFS_BASIC_IMAGES
    var inodes: Role.All<OpenInode> = [OpenInode()]
  #else
    /// The inode that each ``Role`` has open, in the order of their numbers.
    var inodes: Role.All<OpenInode> = [OpenInode(), OpenInode(), OpenInode()]
  #endif
  public internal(set) var superblock = Superblock()
  public let storage: Source

  var directory = DirectoryWindow()
  #if EROFS_BASIC_IMAGES
    var windows: MetadataStream.All<MetadataWindow> = [MetadataWindow()]
    var decoders: Role.All<ExtentDecoder> = [ExtentDecoder()]
  #else
    /// A window for each ``MetadataStream``, in the order of their numbers.
    var windows: MetadataStream.All<MetadataWindow> = [MetadataWindow(), MetadataWindow()]
    /// The decoder of each role.
    var decoders: Role.All<ExtentDecoder> = [ExtentDecoder(), ExtentDecoder(), ExtentDecoder()]
  #endif
  /// What the latest ``Fault`` was about.
  var failure = FaultRecord()

  // A volume is made over a storage, opened (its superblock is read), and given memory, in this order. Only the second step
  // can fail. `init(_:memory:)` does all three; `init(_:superblock:memory:)` takes a superblock that has been read already;
  // `init(unopened:)`, `open()` and `supply` are the steps one by one, for programs that have no room for a copy.

  /// Opens the image in `storage`.
  ///
  /// - Parameters:
  ///   - storage: where the image's bytes come from.
  ///   - memory: at least as much as the plan of the inodes that will be read says. If a part is too small, the operation
  ///     that needs it fails, not this one. Without any, the memory is given later: see ``supply(_:)``.
  /// - Throws: `corrupt`, `unsupported` or `storage`. The checksum is not looked at: see
  ///   ``Superblock/checksumMatches(in:)``.
  public init(_ storage: Source, memory: ReaderMemory = ReaderMemory()) throws(EROFSError) {
    self.init(unopened: storage)
    try open()
    supply(memory)
  }

  /// A volume that has yet to be opened: until then it finds nothing.
  ///
  /// A value of an initializer that throws is made on the stack, and then copied. A volume that is made so, and then
  /// opened, is at its final address from the start, which takes half the stack.
  @inline(never)
  public init(unopened storage: Source) { self.storage = storage }

  /// Opens the image: reads its superblock. If an image was open, and also if this fails, the volume is ``close()``d: its
  /// memory has to be supplied again.
  ///
  /// - Throws: `corrupt`, `unsupported` or `storage`.
  public mutating func open() throws(EROFSError) {
    do throws(Fault) { try openOrFault() } catch { throw failure.error }
  }

  /// As ``open()``, for callers that take ``latestError()`` later.
  @inline(never)
  package mutating func openOrFault() throws(Fault) {
    close()
    do throws(Fault) {
      try Superblock.read(&superblock, storage, &failure)
    } catch {
      // A caller that ignores the error must not use a superblock that was refused.
      close()
      throw error
    }
  }

  /// Forgets the image, all that was read of it, and the memory. After that the volume finds nothing.
  @inline(never)
  public mutating func close() {
    superblock = Superblock()
    for role in 0..<Role.count { unsafe inodes[unchecked: role] = OpenInode() }
    _ = unsafe supply(
      MemoryPlan(), frames: MutablePageVector(), state: UnsafeMutableRawBufferPointer(start: nil, count: 0))
  }

  /// Fails where the image has a checksum and it is wrong.
  @inline(never)
  package mutating func checkChecksum() throws(Fault) {
    guard superblock.compatible.contains(.superblockChecksum) else { return }
    if try computedChecksum() != superblock.checksum { throw fail(.checksum, .device, FileOffset(Superblock.offset)) }
  }

  @inline(__always)
  private mutating func computedChecksum() throws(Fault) -> UInt32 {
    if !Source.mapsEverything { return try superblock.computedChecksum(storage, &failure) }
    // Mapped bytes are read as all metadata is.
    var crc = CRC32C()
    var position = FileOffset(Superblock.offset)
    let end = superblock.checksumEnd
    let whole = deviceBytes(0) & ~3
    while position < end {
      guard position < whole else { throw fail(.outsideDevice, .device, position) }
      superblock.update(&crc, try load(.device, position, 4), at: position)
      position &+= 4
    }
    return crc.value
  }

  /// Opens an image whose superblock has been read already.
  public init(_ storage: Source, superblock: Superblock, memory: ReaderMemory) {
    self.init(unopened: storage)
    self.superblock = superblock
    supply(memory)
  }

  /// Replaces the memory; all that was decoded into the old one is forgotten.
  @inline(never)
  public mutating func supply(_ memory: ReaderMemory) {
    windows[0].supply(memory.metadata)
    directory.supply(memory.directory)
    decoders[0].supply(memory.file)
    if Role.count == 1 { return }
    windows[MetadataStream.metabox.index].supply(memory.metaboxBlock)
    decoders[Role.packed.index].supply(memory.packed)
    decoders[Role.metabox.index].supply(memory.metabox)
  }
}

extension Volume {
  /// Replaces the memory by that of a plan, cut out of `frames` and `state`; false, and nothing changed, where either is
  /// too small. The same as with a ``ReaderMemory``, with less code.
  ///
  /// - Parameters:
  ///   - plan: of all that will be read.
  ///   - frames: at least ``MemoryPlan/frameBytes``.
  ///   - state: at least ``MemoryPlan/stateBytes``, aligned to 8.
  @inline(never)
  public mutating func supply(
    _ plan: MemoryPlan, frames: MutablePageVector, state: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard frames.count >= plan.frameBytes, state.count >= plan.stateBytes else { return false }
    var rest = unsafe MemoryRest(frames: frames, state: state)
    // A storage that maps everything needs no buffer.
    windows[0].supply(Source.mapsEverything ? MutablePageVector() : rest.take(plan.metadata))
    directory.supply(rest.take(plan.directory))
    rest.take(plan.file, for: &decoders[0])
    if Role.count == 1 { return true }
    windows[MetadataStream.metabox.index].supply(rest.take(plan.metaboxBlock))
    rest.take(plan.packed, for: &decoders[Role.packed.index])
    rest.take(plan.metabox, for: &decoders[Role.metabox.index])
    return true
  }
}

/// An inode that a role has open. It cannot be copied, so that looking at a field of it copies nothing.
struct OpenInode: ~Copyable {
  var inode = Inode()
  var hint = ExtentTableHint()
}

/// The inodes that a reader has open at once: a file may need the packed inode for its fragments, and inodes the metabox.
/// Each of the three has an extent of its own, so that none discards one that another is decoding.
enum Role: Int {
  case file = 0
  case packed = 1
  case metabox = 2

  #if EROFS_BASIC_IMAGES
    /// Something for each role. There is one only: images with the features that need the others are refused.
    typealias All<Element: ~Copyable> = InlineArray<1, Element>
    static var count: Int { 1 }
    var index: Int { 0 }
  #else
    /// Something for each role, in the order of their numbers.
    typealias All<Element: ~Copyable> = InlineArray<3, Element>
    static var count: Int { 3 }
    var index: Int { @inline(__always) get { rawValue } }
  #endif

  /// Numbers of the ``Need`` of its frames, and of its tables.
  var framesNeed: UInt8 { Need.fileExtents.rawValue &+ 2 &* UInt8(truncatingIfNeeded: rawValue) }
  var stateNeed: UInt8 { framesNeed &+ 1 }
}

extension Volume {
  /// The inode that `role` has open.
  subscript(role: Role) -> Inode {
    @inline(__always) get { unsafe inodes[unchecked: role.index].inode }
  }

  // MARK: What went wrong

  /// What the latest ``Fault`` was about.
  @inline(never)
  package mutating func latestError() -> EROFSError { failure.error }

  @inline(never)
  mutating func fail(_ defect: Defect, _ stream: MetadataStream, _ offset: FileOffset) -> Fault {
    failure.set(.corrupt, defect.rawValue, stream.device, offset)
    return Fault()
  }

  /// At the inode that `role` has open.
  @inline(never)
  mutating func fail(_ defect: Defect, _ role: Role) -> Fault { fail(defect, self[role].stream, self[role].offset) }

  @inline(never)
  mutating func fail(_ kind: FaultRecord.Kind) -> Fault {
    failure.kind = kind
    return Fault()
  }

  /// More memory is needed than there is.
  package mutating func fail(need: Need, bytes: Int) -> Fault { fail(need: need.rawValue, bytes: bytes) }

  @inline(never)
  mutating func fail(need: UInt8, bytes: Int) -> Fault {
    failure.set(.memory, need, 0, 0)
    failure.value = UInt32(truncatingIfNeeded: bytes)
    return Fault()
  }

  @inline(never)
  mutating func fail(_ error: StorageError, _ device: Int, _ offset: FileOffset) -> Fault {
    failure.set(.storage, 0, Int32(truncatingIfNeeded: device), offset)
    failure.value = UInt32(bitPattern: error.code)
    return Fault()
  }

  /// An address or a size of the inode that `role` is about that this machine, or no machine, can hold.
  @inline(never)
  mutating func failSize(_ defect: Defect, _ role: Role) -> Fault {
    let fault = fail(defect, role)
    if FileOffset.isNarrow { failure.kind = .size }
    return fault
  }
}
