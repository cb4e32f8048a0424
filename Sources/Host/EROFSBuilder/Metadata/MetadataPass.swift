// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFS
import EROFSFormatWriting
import EROFSTree
import HostSupport

/// Writes directories, shared attributes and inodes after all contents, when every address is known.
///
/// The blocks of directories and of long link targets come first, then the shared attributes, then the inodes. The root, and
/// as many inodes as fit, are in the superblock's block. With a metabox, all inodes of the tree are in that instead, and it
/// is written last.
///
/// With compressed directories, inodes get their places before the packed inode is encoded, because directories hold NIDs.
struct MetadataPass {
  let form: InodeForm
  /// NIDs count from this byte.
  private(set) var base: UInt64 = 0
  /// Byte of the pool of shared attributes, and of the table of long prefixes.
  private(set) var poolStart: UInt64 = 0
  private(set) var prefixStart: UInt64 = 0
  /// By number of the inode; then come the packed inode and the metabox's, as far as they exist. Bytes of the image, or of
  /// the metabox.
  private(set) var positions: [UInt64] = []
  /// Bytes that the superblock's block has of inodes.
  private(set) var head: [UInt8] = []
  /// Where those start.
  private var headStart: UInt64 = 0
  private var headEnd: UInt64 = 0

  let build: BuildContext
  private var stored: ContentPass?
  private(set) var packed: (file: StoredFile, size: UInt64)?
  let attributes: AttributePlan
  private var placer: InodePlacer
  /// The metabox, once it is encoded.
  private(set) var box: FileIndex.Content?
  private var early: UInt64 = 0
  /// By number of the inode: fragments that are the contents of directories.
  private(set) var directories: [Int: Int] = [:]
  /// By number of the inode: where the blocks of a directory or of a link's target start. Only of those that have any.
  private(set) var blocks: [Int: UInt64] = [:]

  init(_ build: BuildContext, _ digests: FileDigests, epoch: Time) throws {
    form = InodeForm(epoch: epoch, options: build.options)
    self.build = build
    attributes = try AttributePlan(build, digests)
    // NID 0 stays unused.
    placer = InodePlacer(start: 32, blockSize: build.options.blockSize)
  }

  /// There from the moment at which the first inode gets its place.
  var contents: ContentPass { stored! }

  var isBoxed: Bool { build.options.metabox != nil }
  /// Whether inodes have places, from 0 on, before it is known where those start.
  private var isPlacedEarly: Bool { isBoxed || build.options.compressesDirectories }
  private var packedNumber: Int { build.order.count }
  var boxNumber: Int { build.order.count + (packed == nil ? 0 : 1) }

  /// Inodes, those without a name included, but for what an image has of them that is added to.
  var count: Int { boxNumber + (isBoxed ? 1 : 0) }
  var rootNID: UInt64 { nid(0) }
  var packedNID: UInt64? { packed == nil ? nil : nid(UInt32(packedNumber)) }
  var metaboxNID: UInt64? { isBoxed ? nid(UInt32(boxNumber)) : nil }

  /// 0 as long as the inode has no place.
  func nid(_ number: UInt32) -> UInt64 {
    guard Int(number) < positions.count else { return 0 }
    let position = positions[Int(number)]
    if isBoxed, number < build.order.count { return SuperblockRecord.metaboxBit | position / 32 }
    return (position - base) / 32
  }

  // MARK: Places

  /// Gives the inodes their places if they must be known before the packed inode is encoded, and adds directories to that.
  ///
  /// - Parameter end: the end of the contents so far.
  mutating func placeEarly(after end: UInt64, _ contents: inout ContentPass) throws {
    guard isPlacedEarly else { return }
    if build.options.compressesDirectories {
      for number in 0..<build.order.count where build.tree.kind(of: build.inode(number)) == .directory {
        let size = directorySize(number)
        guard size > inlineBytes(ofDirectory: size, number) else { continue }
        directories[number] = contents.reserveFragment(of: size, owner: number)
      }
    }
    // An offset above 4 GiB in the packed inode needs another index, which takes more room.
    try contents.arrangeFragments()
    // Where their blocks will be is not known, but whether an inode has room for the address.
    for number in 0..<build.order.count where try blockBytes(number) > 0 { blocks[number] = end }
    early = end
    stored = contents
    try placeInodes(0..<build.order.count)
    // What is changed now must not be copied because it is kept here too.
    stored = nil
    for (number, fragment) in directories.sorted(by: { $0.key < $1.key }) {
      try contents.fill(
        fragment, DirectoryContent(of: number, build, nid: nid).bytes(blockSize: build.options.blockSize))
    }
  }

  /// Places the inodes that come next by number.
  private mutating func placeInodes(_ numbers: Range<Int>) throws {
    positions += [UInt64](repeating: 0, count: numbers.count)
    var rest = numbers
    var first: [Int] = []
    for number in numbers {
      if let nid = build.kept.nids[number] { positions[number] = base + 32 * nid }
    }
    if rest.lowerBound == 0 {
      // The root comes first: its place decides what NIDs count from.
      positions[0] = try placeRoot()
      rest = 1..<rest.upperBound
      first = build.storage.firstInodes
      try placeInWindows(first)
    }
    let placed = Set(first)
    try placeInWindows(rest.filter { !placed.contains($0) })
  }

  /// The place of the root's inode, of whose NID the superblock has 16 bits if addresses are not wide. In an image that is
  /// added to, the old root's place may be the only one that is near enough.
  private mutating func placeRoot() throws -> UInt64 {
    let sizes = try sizes(of: 0)
    guard let old = build.options.base, !build.options.wideAddresses else { return placer.place(sizes) }
    var trial = placer
    let place = trial.place(sizes)
    if (place - base) / 32 <= UInt64(UInt16.max) {
      placer = trial
      return place
    }
    let size = UInt64(sizes.body + sizes.tail)
    guard let slot = old.rootSlot(), UInt64(slot.count) >= size, sizes.tail == 0, !sizes.together else {
      throw BuildError.rootIsFar
    }
    return slot.lowerBound
  }

  private mutating func placeInWindows(_ numbers: [Int]) throws {
    var rest = numbers.filter { build.kept.nids[$0] == nil }[...]
    while !rest.isEmpty {
      let window = Array(rest.prefix(InodePlacer.window))
      let sizes = try window.map { try self.sizes(of: $0) }
      for index in InodePlacer.order(of: sizes) { positions[window[index]] = placer.place(sizes[index]) }
      rest = rest.dropFirst(window.count)
    }
  }

  /// Gives everything that has none its place, from the sink's position on, which is the start of a block.
  ///
  /// - Parameter superblockEnd: the first free byte after the superblock's records.
  mutating func place(
    after start: UInt64, _ contents: ContentPass, packed: (StoredFile, size: UInt64)?, superblockEnd: UInt64
  ) throws {
    stored = contents
    self.packed = packed
    let block = UInt64(build.options.blockSize)
    // The superblock's block of an image that is added to is what it was.
    if build.options.base == nil {
      headStart = (superblockEnd + 31) & ~31
      headEnd = (superblockEnd + block - 1) / block * block
    }
    var next = start
    for number in 0..<build.order.count {
      let count = UInt64(try blockBytes(number))
      if count > 0 {
        blocks[number] = next
        next += (count + block - 1) / block * block
      }
    }
    let wide = UInt64(1) << UInt64(32 + build.options.blockShift)
    if isPlacedEarly, early / wide != next / wide { throw BuildError.tooLarge(blocks: next / block) }
    poolStart = next
    next += UInt64(attributes.pool.count)
    prefixStart = (next + 3) & ~3
    if !attributes.prefixTable.isEmpty { next = prefixStart + UInt64(attributes.prefixTable.count) }
    next = (next + 31) & ~31
    if isBoxed {
      // What is not in the metabox is placed when that has been written.
      end = next
      return
    }
    if isPlacedEarly {
      base = (next + block - 1) / block * block
      for number in positions.indices { positions[number] += base }
      try placeInodes(positions.count..<count)
      for number in build.order.count..<count { positions[number] += base }
      end = base + placer.end
      return
    }
    placer = InodePlacer(start: next, blockSize: build.options.blockSize)
    if let old = build.options.base {
      base = old.start
      if build.hasRootBlock { placer.addGap(from: old.end, to: old.end + block) }
      try placeInodes(0..<count)
      end = placer.end
      return
    }
    let root = try sizes(of: 0)
    if headStart + UInt64(root.body + root.tail) <= headEnd {
      placer.addGap(from: headStart, to: headEnd)
    } else {
      // NID 0 stays unused.
      base = placer.end / block * block
      if placer.end == base { placer = InodePlacer(start: base + 32, blockSize: build.options.blockSize) }
    }
    try placeInodes(0..<count)
    end = placer.end
  }

  /// Byte of the image after the last inode.
  private(set) var end: UInt64 = 0

  private func sizes(of number: Int) throws -> InodePlacer.Sizes {
    let body = try body(of: number, withTail: false)
    let isCompact = try isCompact(body, number)
    return InodePlacer.Sizes(
      body: body.byteCount(isCompact: isCompact), tail: body.tail.byteCount,
      together: body.isTogether,
      tailIsCompressed: body.content.layout == .compressedCompact || body.content.layout == .compressedFull)
  }

  private func isCompact(_ body: InodeBody, _ number: Int) throws -> Bool {
    try form.isCompact(body.metadata, links: body.links, body.content) {
      number < build.order.count ? build.path(of: number) : Array("(an inode without a name)".utf8)
    }
  }

  /// Bytes of a directory or a link's target that are in blocks of their own.
  private func blockBytes(_ number: Int) throws -> Int {
    let inode = build.inode(number)
    switch build.tree.kind(of: inode) {
    case .directory where directories[number] != nil: return 0
    case .directory:
      let size = directorySize(number)
      return size - inlineBytes(ofDirectory: size, number)
    case .symbolicLink:
      let size = build.tree.target(of: inode).count
      guard size > 0, size <= 4095 else {
        throw BuildError.unrepresentable(
          path: build.path(of: number), "the target of the symbolic link has \(size) bytes; it must have 1 to 4095")
      }
      return isInline(target: size, number) ? 0 : size
    default: return 0
    }
  }

  func directorySize(_ number: Int) -> Int {
    DirectoryContent(of: number, build, nid: { _ in 0 }).size(blockSize: build.options.blockSize)
  }

  /// Bytes at the end of a directory of `size` bytes that are stored beside its inode.
  func inlineBytes(ofDirectory size: Int, _ number: Int) -> Int {
    // A root that goes where another was has to be as small as it can be.
    if number == 0, build.options.base != nil, !build.options.wideAddresses { return 0 }
    let tail = size % build.options.blockSize
    return tail <= build.options.blockSize - ExtendedInodeRecord.byteCount ? tail : 0
  }

  private func isInline(target size: Int, _ number: Int) -> Bool {
    ExtendedInodeRecord.byteCount + attributes.area(of: number, in: build).count + size <= build.options.blockSize
  }

  // MARK: Writing

  /// Writes all that was placed, and keeps what belongs to the superblock's block in ``head``.
  ///
  /// - Returns: a digest of everything that was written here.
  mutating func write(_ sink: inout BlockSink, _ progress: inout ProgressReporter) throws -> ContentDigest {
    progress.start(.metadata, total: UInt64(count))
    let digest = SHA256()
    for number in 0..<build.order.count {
      guard let start = blocks[number] else { continue }
      try sink.skip(to: start)
      let count = try blockBytes(number)
      let inode = build.inode(number)
      let bytes =
        build.tree.kind(of: inode) == .directory
        ? Array(DirectoryContent(of: number, build, nid: nid).bytes(blockSize: build.options.blockSize).prefix(count))
        : build.tree.target(of: inode)
      bytes.withUnsafeBytes { digest.update($0) }
      try sink.write(bytes)
    }
    try sink.skip(to: poolStart)
    try sink.write(attributes.pool)
    if !attributes.prefixTable.isEmpty {
      try sink.skip(to: prefixStart)
      try sink.write(attributes.prefixTable)
    }
    try contents.spool.flush()
    head = [UInt8](repeating: 0, count: Int(headEnd - headStart))
    if isBoxed {
      try writeBox(&sink, digest, &progress)
      try writeInodes(build.order.count..<count, &sink, digest, &progress)
    } else {
      try writeInodes(0..<count, &sink, digest, &progress)
    }
    try sink.align(to: UInt64(build.options.blockSize))
    return ContentDigest(digest)
  }

  private mutating func writeInodes(
    _ numbers: Range<Int>, _ sink: inout BlockSink, _ digest: SHA256, _ progress: inout ProgressReporter
  ) throws {
    let made = numbers.filter { build.kept.nids[$0] == nil }
    // What writes is not what changes meanwhile: that would be copied for each inode.
    let placed = self
    for number in made.sorted(by: { positions[$0] < positions[$1] }) {
      let start = positions[number]
      var position = start
      try placed.write(number) { bytes in
        bytes.withUnsafeBytes { digest.update($0) }
        if build.options.base != nil, start < build.dataStart {
          try bytes.withUnsafeBytes { try build.output.write($0, at: position) }
        } else if start < headEnd {
          head.replaceSubrange(Int(position - headStart)..<Int(position - headStart) + bytes.count, with: bytes)
        } else {
          try sink.skip(to: position)
          try sink.write(bytes)
        }
        position += UInt64(bytes.count)
      }
      try progress.advance(by: 1, written: sink.position)
    }
  }

  /// The inodes of the tree as the metabox's content, encoded; then the places of the inodes that are outside it.
  private mutating func writeBox(
    _ sink: inout BlockSink, _ digest: SHA256, _ progress: inout ProgressReporter
  ) throws {
    let spool = try SpoolFile(beside: build.output)
    for number in (0..<build.order.count).sorted(by: { positions[$0] < positions[$1] }) {
      let gap = [UInt8](repeating: 0, count: Int(positions[number] - spool.count))
      _ = try gap.withUnsafeBytes { try spool.append($0) }
      try write(number) { bytes in
        bytes.withUnsafeBytes { digest.update($0) }
        _ = try bytes.withUnsafeBytes { try spool.append($0) }
      }
      try progress.advance(by: 1, written: sink.position)
    }
    // Readers may read whole blocks of it.
    let block = UInt64(build.options.blockSize)
    let rest = [UInt8](repeating: 0, count: Int((block - spool.count % block) % block))
    _ = try rest.withUnsafeBytes { try spool.append($0) }
    try spool.flush()
    try sink.align(to: block)
    box = try MetadataBox.encode(spool, build, &sink)
    placer = InodePlacer(start: sink.position, blockSize: build.options.blockSize)
    placer.addGap(from: headStart, to: headEnd)
    try placeInodes(build.order.count..<count)
    end = placer.end
  }

  /// Gives the bytes of an inode and of what follows it to `take`, piece by piece.
  private func write(_ number: Int, to take: ([UInt8]) throws -> Void) throws {
    let body = try body(of: number)
    try body.write(form, number: UInt32(number + 1), isCompact: try isCompact(body, number), to: take)
    switch body.tail {
    case .none: break
    case .bytes(let tail): try take(tail)
    case .spooled(let place, let count):
      var tail = [UInt8](repeating: 0, count: count)
      try tail.withUnsafeMutableBytes { try contents.spool.read(into: $0, at: place) }
      try take(tail)
    }
  }
}
