// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTree

/// What each inode is like.
extension MetadataPass {
  /// - Parameter withTail: whether the bytes of a directory's tail are wanted, for which all places must be known.
  func body(of number: Int, withTail: Bool = true) throws -> InodeBody {
    guard number < build.order.count else { return number == boxNumber && isBoxed ? boxBody() : packedBody() }
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
    if let fragment = directories[number] {
      var file = StoredFile()
      file.layout = .fragment
      file.tail = .packed(fragment: fragment, length: UInt64(size))
      describe(file, size: UInt64(size), &body)
      body.content.omitsDot = build.options.omitsDots
      return
    }
    let tail = inlineBytes(ofDirectory: size, number)
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

  private func boxBody() -> InodeBody {
    var body = InodeBody(metadata: Metadata(kind: .regular, permissions: 0, time: form.epoch), links: 1)
    if let box { set(index(of: box), &body, size: box.size) }
    return body
  }

  private func index(of content: FileIndex.Content) -> FileIndex {
    FileIndex(
      content, blockShift: build.options.blockShift, allowsEncoded: build.options.index == .encoded,
      allowsCompact: build.options.index == .compact)
  }

  private func set(_ index: FileIndex, _ body: inout InodeBody, size: UInt64) {
    body.content.size = size
    body.content.layout = index.layout
    body.content.union = index.storedBlocks
    body.index = .file(index)
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
      let chunks = contents.chunks[file.extents]
      let isWide = build.options.wideAddresses && chunks.values.contains { ($0?.block ?? 0) >= UInt64(HoleBlock.low) }
      var format = ChunkFormat(raw: 0)
      format.shift = UInt16(file.chunkShift)
      // Only those name a device.
      format.hasIndexes = build.options.hasChunkIndexes || isWide || build.options.deviceCount > 0
      format.isWide = isWide
      body.content.layout = .chunked
      body.content.union = UInt64(format.raw)
      body.index = .chunks(chunks, recordBytes: Int(format.recordBytes))
    case .compressed, .fragment:
      var content = FileIndex.Content(size: size, extents: contents.extents[file.extents])
      content.algorithms = file.algorithms
      switch file.tail {
      case .none: break
      case .inline(let spool, let byteCount, let length, let form):
        content.tail = .inline(byteCount: Int(byteCount), length: Int(length), form: form)
        body.tail = .spooled(at: spool, byteCount: Int(byteCount))
      case .packed(let fragment, let length):
        content.tail = .packed(offset: contents.fragments.offset(of: fragment), length: Int(length))
      }
      set(index(of: content), &body, size: size)
    }
  }

  // MARK: Bytes

  static let largestPrepared = 1 << 16

  /// All bytes of an inode and of what follows it; nil if they may be many.
  func prepared(_ number: Int) throws -> [UInt8]? {
    guard mostBytes(of: number) <= Self.largestPrepared else { return nil }
    var bytes: [UInt8] = []
    try write(number) { bytes += $0 }
    return bytes
  }

  /// About how many bytes an inode takes with what follows it, or more.
  func mostBytes(of number: Int) -> Int {
    guard number < build.order.count else { return .max }
    guard build.tree.kind(of: build.inode(number)) == .regular else { return 4096 }
    return 4096 + Int(clamping: build.size(of: number) >> UInt64(build.options.blockShift) * 8)
  }

  /// Gives the bytes of an inode and of what follows it to `take`, piece by piece.
  func write(_ number: Int, to take: ([UInt8]) throws -> Void) throws {
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
