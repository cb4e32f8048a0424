// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// What each byte of an image's devices is for.
package struct ImageMap: Sendable {
  /// What bytes are for.
  package enum Use: Hashable, Sendable {
    case superblock, inodes, attributes, tables, directories, links, tails, plain, compressed(Algorithm)
    case packed, metabox, unused

    package static let all: [Use] =
      [.superblock, .inodes, .attributes, .tables, .directories, .links, .tails, .plain]
      + Algorithm.allCases.map { .compressed($0) } + [.packed, .metabox, .unused]

    package var words: String {
      switch self {
      case .superblock: "superblock and its records"
      case .inodes: "inodes"
      case .attributes: "extended attributes"
      case .tables: "indexes of compressed and chunked files"
      case .directories: "directories"
      case .links: "targets of symbolic links"
      case .tails: "tails beside their inodes"
      case .plain: "data as it is"
      case .compressed(let algorithm): "data in \(algorithm.name)"
      case .packed: "packed inode"
      case .metabox: "metabox"
      case .unused: "unused or padding"
      }
    }
  }

  /// Bytes that follow one another and are for the same.
  package struct Run: Sendable, Equatable {
    package let start: UInt64
    package internal(set) var end: UInt64
    package let use: Use
    package var byteCount: UInt64 { end - start }
  }

  /// By device, device 0 being the image itself: runs without gaps from its first byte to its last.
  package let devices: [[Run]]

  /// Bytes for each use, on all devices.
  package var bytes: [Use: UInt64] {
    devices.joined().reduce(into: [:]) { $0[$1.use, default: 0] += $1.byteCount }
  }

  package init(of reader: ImageReader) throws(TreeError) {
    var claims = Claims(reader)
    try claims.addTree()
    let image = reader.image
    devices = (0...reader.superblock.extraDevices).map { claims.runs(ofDevice: $0, image.byteCount(ofDevice: $0)) }
  }
}

/// What is known to be somewhere.
private struct Claims {
  private struct Claim {
    let start: UInt64
    let end: UInt64
    let use: ImageMap.Use
    /// What the bytes after it are for, up to the next claim.
    let after: ImageMap.Use
  }

  private let reader: ImageReader
  private var claims: [[Claim]]

  init(_ reader: ImageReader) {
    self.reader = reader
    let superblock = reader.superblock
    claims = Array(repeating: [], count: 1 + superblock.extraDevices)
    let block = UInt64(superblock.blockSize)
    // What is in front of it is for a boot loader.
    add(Superblock.offset, Superblock.offset + UInt64(SuperblockRecord.byteCount), .superblock)
    if superblock.extraDevices > 0 {
      let start = superblock.deviceTableOffset
      add(start, start &+ UInt64(superblock.extraDevices * DeviceSlotRecord.byteCount), .superblock)
    }
    // These have no length of their own; they end where something else starts.
    if superblock.xattrBlock > 0 {
      let start = UInt64(superblock.xattrBlock) * block
      add(start, start, .attributes, after: .attributes)
    }
    if superblock.xattrPrefixCount > 0 {
      add(superblock.xattrPrefixOffset, superblock.xattrPrefixOffset, .attributes, after: .attributes)
    }
  }

  private mutating func add(
    device: Int = 0, _ start: UInt64, _ end: UInt64, _ use: ImageMap.Use, after: ImageMap.Use = .unused
  ) {
    claims[device].append(Claim(start: start, end: max(start, end), use: use, after: after))
  }

  mutating func addTree() throws(TreeError) {
    var seen: Set<UInt64> = []
    for file in try reader.files() where seen.insert(file.inode.nid).inserted {
      let use: ImageMap.Use?
      switch file.inode.kind {
      case .directory: use = .directories
      case .symbolicLink: use = .links
      default: use = nil
      }
      try TreeError.naming(file.path) { () throws(EROFSError) in try add(file.inode, as: use) }
    }
    try TreeError.naming(Array("[packed]".utf8)) { () throws(EROFSError) in
      if let packed = try reader.volume.packedInode() { try add(packed, as: .packed) }
    }
    try TreeError.naming(Array("[metabox]".utf8)) { () throws(EROFSError) in
      if let nid = reader.superblock.metaboxNID { try add(try reader.volume.inode(nid), as: .metabox) }
    }
  }

  /// - Parameter use: what its data is for, whatever it is stored as.
  private mutating func add(_ inode: Inode, as use: ImageMap.Use?) throws(EROFSError) {
    if inode.stream == .device {
      let record = UInt64(inode.isExtended ? ExtendedInodeRecord.byteCount : CompactInodeRecord.byteCount)
      let body = inode.offset &+ record
      let hasTable = inode.size > 0 && inode.layout != .flatPlain && inode.layout != .flatInline
      let after: ImageMap.Use = hasTable ? .tables : .unused
      add(inode.offset, body, .inodes, after: after)
      if inode.xattrBytes > 0 { add(body, body &+ UInt64(inode.xattrBytes), .attributes, after: after) }
    }
    for extent in try reader.extents(of: inode) {
      guard let (device, offset) = try reader.volume.location(of: extent), device < claims.count else { continue }
      let end = offset.addingReportingOverflow(extent.storedLength)
      add(device: device, offset, end.overflow ? .max : end.partialValue, use ?? Self.use(of: extent))
    }
  }

  private static func use(of extent: Extent) -> ImageMap.Use {
    if case .metadata = extent.place { return .tails }
    guard case .compressed(let algorithm) = extent.encoding else { return .plain }
    return .compressed(algorithm)
  }

  /// What is claimed twice belongs to what starts first.
  func runs(ofDevice device: Int, _ byteCount: UInt64) -> [ImageMap.Run] {
    var runs: [ImageMap.Run] = []
    func append(_ start: UInt64, _ end: UInt64, _ use: ImageMap.Use) {
      guard start < end else { return }
      if let last = runs.last, last.use == use {
        runs[runs.count - 1].end = end
      } else {
        runs.append(ImageMap.Run(start: start, end: end, use: use))
      }
    }
    var position: UInt64 = 0
    var after = ImageMap.Use.unused
    let sorted = claims[device].sorted { ($0.start, $0.end) < ($1.start, $1.end) }
    for claim in sorted where claim.start < byteCount {
      append(position, claim.start, after)
      let end = min(claim.end, byteCount)
      append(max(position, claim.start), end, claim.use)
      // One that ends inside another says nothing of what comes after that.
      if end >= position { after = claim.after }
      position = max(position, end)
    }
    append(position, byteCount, after)
    return runs
  }
}
