// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFS
import EROFSFormatWriting
import EROFSTree

/// Writes directories, shared attributes and inodes after all contents, when every address is known.
///
/// The blocks of directories and of long link targets come first, then the shared attributes, then the inodes. The root, and
/// as many inodes as fit, are in the superblock's block.
struct MetadataPass {
  let form: InodeForm
  /// NIDs count from this byte.
  private(set) var base: UInt64 = 0
  /// Byte of the pool of shared attributes, and of the table of long prefixes.
  private(set) var poolStart: UInt64 = 0
  private(set) var prefixStart: UInt64 = 0
  /// By number of the inode; the packed inode is the last.
  private(set) var positions: [UInt64] = []
  /// Bytes that the superblock's block has of inodes.
  private(set) var head: [UInt8] = []
  /// Where those start.
  private let headStart: UInt64
  private let headEnd: UInt64

  private let build: BuildContext
  private let contents: ContentPass
  private let packed: (file: StoredFile, size: UInt64)?
  let attributes: AttributePlan
  /// By number of the inode: where the blocks of a directory or of a link's target start. Only of those that have any.
  private var blocks: [Int: UInt64] = [:]

  /// - Parameter headStart: the first free byte after the superblock.
  init(
    _ build: BuildContext, _ contents: ContentPass, packed: (StoredFile, size: UInt64)?, epoch: Time, headStart: UInt64
  ) throws {
    form = InodeForm(epoch: epoch, options: build.options)
    self.build = build
    self.contents = contents
    self.packed = packed
    self.headStart = (headStart + 31) & ~31
    let block = UInt64(build.options.blockSize)
    headEnd = (headStart + block - 1) / block * block
    attributes = try AttributePlan(build)
  }

  /// Inodes, the packed one included.
  var count: Int { build.order.count + (packed == nil ? 0 : 1) }
  func nid(_ number: UInt32) -> UInt64 { positions.isEmpty ? 0 : (positions[Int(number)] - base) / 32 }
  var rootNID: UInt64 { nid(0) }
  var packedNID: UInt64? { packed == nil ? nil : nid(UInt32(build.order.count)) }

  // MARK: Places

  /// Gives everything its place, from the sink's position on, which is the start of a block.
  mutating func place(after start: UInt64) throws {
    let block = UInt64(build.options.blockSize)
    var next = start
    for number in 0..<build.order.count {
      let count = UInt64(try blockBytes(number))
      if count > 0 {
        blocks[number] = next
        next += (count + block - 1) / block * block
      }
    }
    poolStart = next
    next += UInt64(attributes.pool.count)
    prefixStart = (next + 3) & ~3
    if !attributes.prefixTable.isEmpty { next = prefixStart + UInt64(attributes.prefixTable.count) }
    var placer = InodePlacer(start: next, blockSize: build.options.blockSize)
    let root = try sizes(of: 0)
    if headStart + UInt64(root.body + root.tail) <= headEnd {
      placer.addGap(from: headStart, to: headEnd)
    } else {
      // NID 0 stays unused.
      base = placer.end / block * block
      if placer.end == base { placer = InodePlacer(start: base + 32, blockSize: build.options.blockSize) }
    }
    var places = [UInt64](repeating: 0, count: count)
    // The root's place decides what nids count from.
    places[0] = placer.place(root)
    var first = 1
    while first < count {
      let window = first..<min(first + InodePlacer.window, count)
      let sizes = try window.map { try self.sizes(of: $0) }
      for index in InodePlacer.order(of: sizes) { places[first + index] = placer.place(sizes[index]) }
      first = window.upperBound
    }
    positions = places
    end = placer.end
  }

  /// Byte of the image after the last inode.
  private(set) var end: UInt64 = 0

  private func sizes(of number: Int) throws -> InodePlacer.Sizes {
    let body = try body(of: number, withTail: false)
    let isCompact = try isCompact(body, number)
    return InodePlacer.Sizes(
      body: body.bytes(form, number: 0, isCompact: isCompact).count, tail: body.tail.byteCount,
      together: body.isTogether,
      tailIsCompressed: body.content.layout == .compressedCompact || body.content.layout == .compressedFull)
  }

  private func isCompact(_ body: InodeBody, _ number: Int) throws -> Bool {
    try form.isCompact(body.metadata, links: body.links, body.content) {
      number < build.order.count ? build.path(of: number) : Array("(the packed inode)".utf8)
    }
  }

  /// Bytes of a directory or a link's target that are in blocks of their own.
  private func blockBytes(_ number: Int) throws -> Int {
    let inode = build.inode(number)
    switch build.tree.kind(of: inode) {
    case .directory:
      let size = directorySize(number)
      return size - inlineBytes(ofDirectory: size)
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

  private func directorySize(_ number: Int) -> Int {
    DirectoryContent(of: number, build, nid: { _ in 0 }).size(blockSize: build.options.blockSize)
  }

  /// Bytes at the end of a directory of `size` bytes that are stored beside its inode.
  private func inlineBytes(ofDirectory size: Int) -> Int {
    let tail = size % build.options.blockSize
    return tail <= build.options.blockSize - ExtendedInodeRecord.byteCount ? tail : 0
  }

  private func isInline(target size: Int, _ number: Int) -> Bool {
    ExtendedInodeRecord.byteCount + attributes.area(of: number, in: build).count + size <= build.options.blockSize
  }

  // MARK: Inodes

  /// - Parameter withTail: whether the bytes of a directory's tail are wanted, for which all places must be known.
  private func body(of number: Int, withTail: Bool = true) throws -> InodeBody {
    guard number < build.order.count else { return packedBody() }
    let inode = build.inode(number)
    var body = InodeBody(metadata: build.tree[inode], links: build.order.links[number])
    body.attributes = attributes.area(of: number, in: build)
    switch body.metadata.kind {
    case .regular: describe(contents.files[number], size: build.size(of: number), &body)
    case .directory: describeDirectory(number, withTail: withTail, &body)
    case .symbolicLink:
      let target = build.tree.target(of: inode)
      body.content.size = UInt64(target.count)
      if let start = blocks[number] {
        body.content.union = start >> UInt64(build.options.blockShift)
      } else {
        body.content.layout = .flatInline
        body.tail = .bytes(target)
      }
    case .characterDevice, .blockDevice:
      let device = body.metadata.device
      guard let stored = EROFS.DeviceNumber(major: device.major, minor: device.minor).stored else {
        throw BuildError.unrepresentable(
          path: build.path(of: number), "device \(device.major):\(device.minor): images hold 12 bits and 20 bits")
      }
      body.content.union = UInt64(stored)
    case .fifo, .socket: body.content.union = 0
    }
    return body
  }

  private func describeDirectory(_ number: Int, withTail: Bool, _ body: inout InodeBody) {
    let size = directorySize(number)
    let tail = inlineBytes(ofDirectory: size)
    body.content.size = UInt64(size)
    body.content.omitsDot = build.options.omitsDots
    if let start = blocks[number] { body.content.union = start >> UInt64(build.options.blockShift) }
    guard tail > 0 else { return }
    body.content.layout = .flatInline
    if withTail {
      let content = DirectoryContent(of: number, build, nid: nid).bytes(blockSize: build.options.blockSize)
      body.tail = .bytes(Array(content.suffix(tail)))
    } else {
      body.tail = .spooled(at: 0, byteCount: tail)
    }
  }

  private func packedBody() -> InodeBody {
    var body = InodeBody(metadata: Metadata(kind: .regular, permissions: 0, time: form.epoch), links: 1)
    if let packed { describe(packed.file, size: packed.size, &body) }
    return body
  }

  private func describe(_ file: StoredFile, size: UInt64, _ body: inout InodeBody) {
    let shift = UInt64(build.options.blockShift)
    body.content.size = size
    switch file.layout {
    case .empty: break
    case .flat:
      body.content.union = file.address >> shift
      if case .inline(let spool, let byteCount, _, _) = file.tail {
        body.content.layout = .flatInline
        body.tail = .spooled(at: spool, byteCount: Int(byteCount))
        if UInt64(byteCount) == size { body.content.union = InodeForm.null }
      }
    case .chunked:
      let chunks = Array(contents.chunks[file.extents])
      let isWide = build.options.wideAddresses && chunks.contains { ($0 ?? 0) >= UInt64(HoleBlock.low) }
      var format = ChunkFormat(raw: 0)
      format.shift = UInt16(build.options.chunkSize!.trailingZeroBitCount - build.options.blockShift)
      format.hasIndexes = build.options.hasChunkIndexes || isWide
      format.isWide = isWide
      body.content.layout = .chunked
      body.content.union = UInt64(format.raw)
      body.index = .chunks(chunks, recordBytes: Int(format.recordBytes))
    case .compressed, .fragment:
      var content = FileIndex.Content(size: size, extents: Array(contents.extents[file.extents]))
      content.algorithms = (file.algorithm, file.algorithm)
      switch file.tail {
      case .none: break
      case .inline(let spool, let byteCount, let length, let form):
        content.tail = .inline(byteCount: Int(byteCount), length: Int(length), form: form)
        body.tail = .spooled(at: spool, byteCount: Int(byteCount))
      case .packed(let fragment, let length):
        content.tail = .packed(offset: contents.fragments.offset(of: fragment), length: Int(length))
      }
      let index = FileIndex(
        content, blockShift: build.options.blockShift, allowsEncoded: build.options.index == .encoded,
        allowsCompact: build.options.index == .compact)
      body.content.layout = index.layout
      body.content.union = index.storedBlocks
      body.index = .file(index)
    }
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
    let inOrder = positions.indices.sorted { positions[$0] < positions[$1] }
    for number in inOrder {
      let bytes = try bytes(of: number)
      bytes.withUnsafeBytes { digest.update($0) }
      let position = positions[number]
      if position < headEnd {
        head.replaceSubrange(Int(position - headStart)..<Int(position - headStart) + bytes.count, with: bytes)
      } else {
        try sink.skip(to: position)
        try sink.write(bytes)
      }
      try progress.advance(by: 1, written: sink.position)
    }
    try sink.align(to: UInt64(build.options.blockSize))
    return ContentDigest(digest)
  }

  private func bytes(of number: Int) throws -> [UInt8] {
    let body = try body(of: number)
    var bytes = body.bytes(form, number: UInt32(number + 1), isCompact: try isCompact(body, number))
    switch body.tail {
    case .none: break
    case .bytes(let tail): bytes += tail
    case .spooled(let place, let count):
      let start = bytes.count
      bytes += [UInt8](repeating: 0, count: count)
      try bytes.withUnsafeMutableBytes {
        try contents.spool.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[start...]), at: place)
      }
    }
    return bytes
  }
}
