// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import HostSupport
import SystemPackage

/// A tree from a tar archive: of Unix v7, POSIX (ustar and pax), GNU or star, as it is or compressed with gzip, bzip2, xz,
/// lzma, lzip or Zstandard, from a file or a pipe.
///
/// Of several members with one name the last counts. Names are inside the root: a slash in front does not count, and `..`
/// leads to the directory above, but not out of the root. No symbolic link is followed: a name inside something that is no
/// directory is an error. Hard links may come before their target. Directories without a member are made (see
/// `Tree.isImplied`). An archive may end without the blocks of zeros that mark its end, but not inside a member.
///
/// Contents of a file that is not compressed are read from where they are in it when the image is made, and until then it
/// must not change. All others are copied to a file without a name beside the output.
public struct TarOrigin {
  /// Whether names that start with `.wh.`, by which AUFS and OCI layers remove files, become what overlayfs has for that:
  /// character devices 0, 0, and the attribute `trusted.overlay.opaque` of directories.
  public var convertsWhiteouts = false

  /// What becomes of the contents of members.
  public var contents = Contents.stored

  /// The number of the device that the archive is, if contents stay in it.
  public var device = 1

  public enum Contents: Sendable, Hashable {
    /// The image contains them.
    case stored
    /// They stay in the archive as it is when it is decompressed, device ``TarOrigin/device`` of the image. A file whose
    /// pieces do not begin at multiples of `blockSize`, of it and of the archive, and end there or with it, is stored.
    case referred(blockSize: Int)
    /// The same for images that get the contents later: where pieces are in the archive does not count.
    case mapped(blockSize: Int)
    /// The archive has headers only, and no contents after them: files are as long as these say, and are all zeros.
    case absent
  }

  private let input: TarInput
  private let output: FilePath
  private var members: TarTree
  private var spool: SpoolFile?
  private var spoolFile: OpenFile?

  /// Of the member that is being read: its first byte, and its name as it is known so far.
  private var start: UInt64 = 0
  private var name: [UInt8] = []

  private static let longestName = 1 << 16
  private static let longestHeader = 1 << 26

  /// - Parameters:
  ///   - file: read from its current position on.
  ///   - output: the image that will be made, beside which contents wait that cannot be read twice.
  ///   - copy: gets the archive as it is when it is decompressed, and contents are then read from there.
  ///   - index: is told of points of an archive that is compressed with gzip; its caller completes it after reading.
  /// - Throws: `TreeError` if this is no archive, or why a file cannot be written.
  public init(
    _ file: OpenFile, besideOutputAt output: FilePath, copyingPlainTo copy: FilePath? = nil, index: GzipIndex? = nil
  ) throws {
    if let copy {
      let plain = try OutputFile(copy)
      let whole = try TarInput(file, index: index)
      _ = try whole.forEach(.max) { part in
        let place = whole.position
        try part.withUnsafeBytes { try plain.write($0, at: place) }
      }
      try plain.publish()
      input = try TarInput(OpenFile.file(copy.string))
    } else {
      input = try TarInput(file, index: index)
    }
    self.output = output
    members = TarTree()
  }

  /// An archive that is a part of a file.
  ///
  /// - Parameters:
  ///   - file: one that can be read at any place. Its position does not count, so several may read it at once.
  ///   - range: the archive's bytes.
  ///   - output: the image that will be made, beside which contents wait that cannot be read twice.
  ///   - tap: gets, part by part, what an archive that is compressed decompresses to, to its end.
  /// - Throws: `TreeError` if this is no archive, and what `tap` throws.
  public init(
    _ file: OpenFile, in range: Range<UInt64>, besideOutputAt output: FilePath,
    tap: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    input = try TarInput(file, in: range, tap: tap)
    self.output = output
    members = TarTree()
  }

  /// An archive in memory; contents stay there.
  package init(_ archive: PlainArchive, besideOutputAt output: FilePath) throws {
    input = try TarInput(archive)
    self.output = output
    members = TarTree()
  }

  /// Whether contents are read from the file that was given, or from its copy: it is neither compressed nor a pipe.
  public var isReadInPlace: Bool { input.place != nil }

  /// Whether the archive is compressed, and no copy of it is written as it is when it is decompressed.
  public var isCompressed: Bool { input.isCompressed }

  /// Reads the archive to its end.
  ///
  /// - Throws: `TreeError`, or why a temporary file cannot be written.
  public consuming func read() throws -> Tree { try readWithSize().tree }

  /// Reads the archive to its end.
  ///
  /// - Returns: the tree, and the bytes of the archive up to where its last member ends: whole blocks of 512 bytes, as it is
  ///   when it is decompressed.
  /// - Throws: `TreeError`, or why a temporary file cannot be written.
  public consuming func readWithSize() throws -> (tree: Tree, byteCount: UInt64) {
    members.convertsWhiteouts = convertsWhiteouts
    var common = PaxFields()
    while let member = try next(&common) {
      do { try add(member) } catch let error as TarFault { throw failure(error.fault) }
    }
    let byteCount = input.position
    try input.drain()
    try spool?.flush()
    return (try members.finished(), byteCount)
  }

  private func failure(_ fault: ArchiveFault) -> TreeError { .archive(fault, at: start, name: name) }

  // MARK: Headers

  /// The next member's headers; nil at the end. `common` is what applies to all members from now on.
  private mutating func next(_ common: inout PaxFields) throws -> TarMember? {
    var fields = common
    var (longName, longTarget): ([UInt8]?, [UInt8]?) = (nil, nil)
    var isBetween = true
    while true {
      if isBetween { (start, name) = (input.position, []) }
      let block = try input.peek(TarHeader.byteCount)
      if block.isEmpty, isBetween { return nil }
      guard block.count == TarHeader.byteCount else { throw failure(start == 0 && isBetween ? .noTar : .cutShort) }
      if TarHeader.isEnd(block), isBetween { return nil }
      guard let header = TarHeader(Array(block)) else { throw failure(start == 0 && isBetween ? .noTar : .header) }
      input.advance(TarHeader.byteCount)
      do {
        switch header.kind {
        case .paxGlobal:
          // What is of one member only does not count for all.
          try common.add(try extended(header, limit: Self.longestHeader))
          (common.path, common.linkPath, common.size, common.sparse) = (nil, nil, nil, PaxFields.Sparse())
          common.isPresent = false
          if isBetween { fields = common }
          continue
        case .paxExtended, .solarisExtended: try fields.add(try extended(header, limit: Self.longestHeader))
        case .gnuLongName: longName = try extended(header, limit: Self.longestName).upToZero
        case .gnuLongTarget: longTarget = try extended(header, limit: Self.longestName).upToZero
        default:
          let name = fields.sparse.name ?? fields.path ?? longName ?? header.name
          self.name = name
          if name.count > Self.longestName { throw TarFault(.headerLength) }
          return TarMember(
            header: header, fields: fields, name: name, target: fields.linkPath ?? longTarget ?? header.linkName)
        }
      } catch let error as TarFault { throw failure(error.fault) }
      isBetween = false
    }
  }

  /// The content of an extended header.
  private func extended(_ header: TarHeader, limit: Int) throws -> [UInt8] {
    let size = try header.size()
    guard (0...Int64(limit)).contains(size) else { throw TarFault(.headerLength) }
    guard let bytes = try input.bytes(Int(size)) else { throw TarFault(.cutShort) }
    try skipPadding(UInt64(size))
    return bytes
  }

  /// The last block of an archive may be short, but not of one that devices are made of: these have whole blocks.
  private func skipPadding(_ size: UInt64) throws {
    let padding = (512 - size % 512) % 512
    guard padding > 0, try !input.skip(padding) else { return }
    if case .referred = contents { throw TarFault(.shortBlock) }
    _ = try input.skip(UInt64(input.peek(512).count))
  }

  // MARK: Members

  private mutating func add(_ member: TarMember) throws {
    let (header, fields) = (member.header, member.fields)
    let size = try member.storedSize()
    var kind = InodeKind.regular
    switch header.kind {
    case .gnuContinuation, .gnuOldLongNames, .starInode: throw TarFault(.memberKind)
    case .gnuVolumeLabel, .solarisACL: return try skip(size)
    case .hardLink: return try addLink(member, size)
    case .symbolicLink: kind = .symbolicLink
    case .characterDevice: kind = .characterDevice
    case .blockDevice: kind = .blockDevice
    case .fifo: kind = .fifo
    case .directory: kind = .directory
    case .gnuDirectory:
      kind = .directory
      if contents != .absent { try skip(size) }
    default:
      // As Unix v7 had it.
      if member.name.last == 0x2F {
        kind = .directory
        if contents != .absent { try skip(size) }
      }
    }
    let metadata = try member.metadata(kind)
    let content = kind == .regular ? try self.content(header, fields, size) : nil
    try members.put(
      member.name, metadata, content: content, target: kind == .symbolicLink ? member.target : [],
      attributes: fields.attributes)
  }

  /// Old archives state the size of the target too, but have no content there; new ones may have it.
  private mutating func addLink(_ member: TarMember, _ size: UInt64) throws {
    var hasContent = size > 0 && contents != .absent
    if hasContent, !member.fields.isPresent {
      let block = try input.peek(TarHeader.byteCount)
      hasContent = !block.isEmpty && !TarHeader.isEnd(block) && TarHeader(Array(block)) == nil
    }
    let content = hasContent ? try self.content(member.header, member.fields, size) : nil
    try members.link(member.name, to: member.target, content: content, failure: failure(.linkTarget))
  }

  // MARK: Contents

  private mutating func content(_ header: TarHeader, _ fields: PaxFields, _ size: UInt64) throws -> Content {
    if contents == .absent { return .referred(ReferredContent(size: try fullSize(header, fields, size), pieces: [])) }
    guard let (map, stored) = try sparseMap(header, fields, size) else {
      let whole = ContentPiece(offset: 0, length: size, place: input.position)
      if let content = referred(size: size, size > 0 ? [whole] : []) {
        try skip(size)
        return content
      }
      if let archive = input.memory {
        let content = archive.content(at: input.position, size: size)
        try skip(size)
        return content
      }
      let (file, place) = try store(size)
      try skipPadding(size)
      return .range(of: file, offset: place, length: size)
    }
    // First of all, so that a map that is wrong costs no room.
    let pieces = try map.pieces(stored: stored, at: input.position)
    if let content = referred(size: map.size, pieces) {
      try skip(stored)
      return content
    }
    if let archive = input.memory {
      try skip(stored)
      return archive.content(pieces, size: map.size)
    }
    let (file, place) = try store(stored)
    try skipPadding(stored)
    return .sparse(in: file, size: map.size, pieces: try map.pieces(stored: stored, at: place))
  }

  /// A content that stays in the archive, if that is wanted and possible.
  private func referred(size: UInt64, _ pieces: [ContentPiece]) -> Content? {
    let (block, placeUnit): (UInt64, UInt64)
    switch contents {
    case .stored, .absent: return nil
    case .referred(let blockSize): (block, placeUnit) = (UInt64(blockSize), UInt64(blockSize))
    case .mapped(let blockSize): (block, placeUnit) = (UInt64(blockSize), 1)
    }
    for piece in pieces {
      let end = piece.offset + piece.length
      guard piece.offset % block == 0, end % block == 0 || end == size, piece.place % placeUnit == 0 else { return nil }
    }
    return .referred(
      ReferredContent(
        size: size, pieces: pieces.map { .init(offset: $0.offset, length: $0.length, device: device, place: $0.place) })
    )
  }

  /// Bytes of a file as its headers alone say.
  private func fullSize(_ header: TarHeader, _ fields: PaxFields, _ size: UInt64) throws -> UInt64 {
    // Blocks that continue a map are headers.
    if header.kind == .gnuSparse, let (map, _) = try sparseMap(header, fields, size) { return map.size }
    return fields.sparse.size ?? size
  }

  /// The map of a sparse member, and how many bytes it has after it; nil for other members.
  private func sparseMap(
    _ header: TarHeader, _ fields: PaxFields, _ size: UInt64
  ) throws -> (map: SparseMap, stored: UInt64)? {
    var map = SparseMap()
    if header.kind == .gnuSparse {
      map.runs = try header.sparseRuns()
      var isContinued = header.isContinued
      while isContinued {
        guard let block = try input.bytes(TarHeader.byteCount) else { throw TarFault(.cutShort) }
        let more = try TarHeader.continuation(block)
        map.runs += more.runs
        isContinued = more.isContinued
        if map.runs.count > SparseMap.mostRuns { throw TarFault(.sparseMap) }
      }
      guard let real = UInt64(exactly: try header.realSize()) else { throw TarFault(.fieldNumber) }
      map.size = real
      return (map, size)
    }
    guard fields.sparse.major != nil || fields.sparse.runs != nil else { return nil }
    guard let real = fields.sparse.size, fields.sparse.major ?? 0 <= 1 else { throw TarFault(.sparseMap) }
    map.size = real
    if fields.sparse.major ?? 0 == 0 {
      map.runs = fields.sparse.runs ?? []
      return (map, size)
    }
    var reader = SparseMapReader()
    var left = size
    while !reader.isComplete {
      guard left >= UInt64(TarHeader.byteCount) else { throw TarFault(.sparseMap) }
      let block = try input.peek(TarHeader.byteCount)
      guard block.count == TarHeader.byteCount else { throw TarFault(.cutShort) }
      try reader.take(block)
      input.advance(TarHeader.byteCount)
      left -= UInt64(TarHeader.byteCount)
    }
    map.runs = reader.runs
    return (map, left)
  }

  /// Where `size` bytes of the archive can be read later.
  private mutating func store(_ size: UInt64) throws -> (OpenFile, UInt64) {
    if let place = input.place {
      let offset = place.start + input.position
      guard try input.skip(size) else { throw TarFault(.cutShort) }
      return (place.file, offset)
    }
    if spool == nil {
      let made = try SpoolFile(besideOutputAt: output)
      spool = made
      spoolFile = OpenFile(owning: try made.duplicate())
    }
    let spool = spool!
    let offset = spool.count
    let isComplete = try input.forEach(size) { part in
      _ = try part.withUnsafeBytes { try spool.append($0) }
    }
    guard isComplete else { throw TarFault(.cutShort) }
    return (spoolFile!, offset)
  }

  private func skip(_ size: UInt64) throws {
    guard try input.skip(size) else { throw TarFault(.cutShort) }
    try skipPadding(size)
  }
}

extension [UInt8] {
  fileprivate var upToZero: [UInt8] { Array(prefix { $0 != 0 }) }
}
