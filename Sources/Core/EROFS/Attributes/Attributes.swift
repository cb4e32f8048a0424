// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// An extended attribute: where its name and its value are.
@frozen
public struct Attribute: Equatable, Sendable {
  /// The prefix of the stored name (Format.md, section 16).
  @frozen
  public enum Namespace: UInt8, Sendable, CaseIterable {
    /// No prefix at all: a hidden attribute, which is never listed.
    case hidden = 0
    case user = 1
    case accessACL = 2
    case defaultACL = 3
    case trusted = 4
    case security = 6

    /// The text that a name starts with.
    public var prefix: StaticString {
      switch self {
      case .hidden: ""
      case .user: "user."
      case .accessACL: "system.posix_acl_access"
      case .defaultACL: "system.posix_acl_default"
      case .trusted: "trusted."
      case .security: "security."
      }
    }
  }

  public let namespace: Namespace
  /// Bytes of a long prefix between the namespace's and the stored name.
  let infix: Range
  let name: Range
  let value: Range

  /// Which long prefix the name starts with; nil for none.
  let longPrefix: Int?

  /// Whether the name is long prefix `index` and nothing more, as that of a file's digest is.
  public func isWholePrefix(_ index: Int) -> Bool { longPrefix == index && name.count == 0 }

  /// Bytes of the value.
  public var valueBytes: Int { value.count }

  /// Bytes of the full name.
  public var nameBytes: Int { namespace.prefix.utf8CodeUnitCount + infix.count + name.count }

  /// Bytes in a stream.
  @frozen
  @usableFromInline
  struct Range: Equatable, Sendable {
    let place: AttributePlace
    let offset: FileOffset
    let count: Int
  }
}

/// A stream that parts of attributes are in: the metadata, or (long prefixes) the packed inode's content.
@usableFromInline
enum AttributePlace: Equatable, Sendable {
  case metadata(MetadataStream)
  case packed
}

/// A place among an inode's attributes, to go on from.
@frozen
public struct AttributeCursor: Sendable {
  /// Shared ids taken.
  @usableFromInline var shared = 0
  /// Bytes of the xattr area that have been passed, once the shared ids are through.
  @usableFromInline var offset = 0

  @inlinable
  public init() {}
}

extension Volume {
  /// The next attribute of an inode; nil after the last. Attributes of namespaces that do not exist are passed over, as
  /// are fillers; hidden ones are given.
  @specialized(where Source == MappedStorage)
  public mutating func nextAttribute(
    of inode: Inode, _ cursor: inout AttributeCursor
  ) throws(EROFSError) -> Attribute? {
    guard inode.xattrBytes > 0 else { return nil }
    makeCurrent(inode)
    do throws(Fault) { return try next(&cursor) } catch { throw failure.error }
  }

  @inline(never)
  private mutating func next(_ cursor: inout AttributeCursor) throws(Fault) -> Attribute? {
    let inode = self[.file]
    let header = inode.xattrOffset
    let sharedCount = Int(try load(inode.stream, header, XattrHeaderRecord.self, .sharedCount))
    let fixed = XattrHeaderRecord.byteCount + SharedXattrRecord.byteCount * sharedCount
    guard fixed <= inode.xattrBytes else { throw fail(.xattrShared, inode.stream, header &+ Self.sharedCountOffset) }
    while cursor.shared < sharedCount {
      let number = XattrHeaderRecord.byteCount &+ SharedXattrRecord.byteCount &* cursor.shared
      let id = try load(inode.stream, header &+ FileOffset(number), SharedXattrRecord.self, .id)
      cursor.shared += 1
      let stream: MetadataStream =
        superblock.compatible.contains(.sharedXattrsInMetabox) && superblock.hasMetabox ? .metabox : .device
      var at = UInt64(id) &* UInt64(XattrEntryRecord.alignment)
      if stream == .device { at &+= UInt64(superblock.xattrBlock) &<< UInt64(superblock.blockShift) }
      guard at <= UInt64(FileOffset.limit) else { throw failSize(.outsideDevice, .file) }
      if let attribute = try attribute(stream, at: FileOffset(at), limit: nil).attribute { return attribute }
    }
    cursor.offset = max(cursor.offset, fixed)
    while cursor.offset < inode.xattrBytes {
      let (attribute, size) = try attribute(
        inode.stream, at: header &+ FileOffset(cursor.offset), limit: inode.xattrBytes - cursor.offset)
      cursor.offset += size
      if let attribute { return attribute }
    }
    return nil
  }

  /// The attribute of that full name (`user.…`); nil where the inode has none. The name filter, where the image has
  /// one, spares most searches.
  @specialized(where Source == MappedStorage)
  public mutating func attribute(named name: PageVector, of inode: Inode) throws(EROFSError) -> Attribute? {
    guard inode.xattrBytes > 0 else { return nil }
    makeCurrent(inode)
    do throws(Fault) {
      if superblock.xattrFilterIsUsable, try filterExcludes(name) { return nil }
      var cursor = AttributeCursor()
      while let attribute = try next(&cursor) {
        if attribute.namespace != .hidden, try nameMatches(attribute, name) { return attribute }
      }
    } catch { throw failure.error }
    return nil
  }

  /// Copies the full name, as much of it as `destination` holds; returns how many bytes.
  @specialized(where Source == MappedStorage)
  public mutating func copyName(
    of attribute: Attribute, into destination: MutablePageVector
  ) throws(EROFSError) -> Int {
    let prefix = attribute.namespace.prefix
    var done = 0
    while done < prefix.utf8CodeUnitCount, done < destination.count {
      destination.set(unsafe prefix.utf8Start[done], at: done)
      done += 1
    }
    do throws(Fault) {
      done += try copy(attribute.infix, from: 0, into: destination.dropFirst(done))
      done += try copy(attribute.name, from: 0, into: destination.dropFirst(done))
    } catch { throw failure.error }
    return done
  }

  /// Copies the value from byte `offset` on, as much of it as `destination` holds; returns how many bytes.
  @specialized(where Source == MappedStorage)
  public mutating func copyValue(
    of attribute: Attribute, from offset: Int = 0, into destination: MutablePageVector
  ) throws(EROFSError) -> Int {
    do throws(Fault) {
      return try copy(attribute.value, from: offset, into: destination)
    } catch { throw failure.error }
  }

  private mutating func copy(
    _ range: Attribute.Range, from start: Int, into destination: MutablePageVector
  ) throws(Fault) -> Int {
    guard start >= 0, start < range.count else { return 0 }
    let part = destination.prefix(range.count - start)
    let at = range.offset &+ FileOffset(start)
    switch range.place {
    case .metadata(let stream): try copy(stream, at, into: part)
    case .packed:
      try requirePackedInode()
      _ = try read(.packed, at: at, into: part)
    }
    return part.count
  }

  /// Parses an entry; no attribute for a filler or an unknown namespace. Returns the entry's size too.
  ///
  /// - Parameter limit: bytes left in the area that the entry is in.
  private mutating func attribute(
    _ stream: MetadataStream, at offset: FileOffset, limit: Int?
  ) throws(Fault) -> (attribute: Attribute?, size: Int) {
    if let limit, limit < XattrEntryRecord.byteCount { throw fail(.xattrEntry, stream, offset) }
    let sizes = XattrEntrySizes(raw: try load(stream, offset, XattrEntryRecord.self, .sizes))
    let nameBytes = Int(sizes.nameBytes)
    let valueBytes = Int(sizes.valueBytes)
    let size = sizes.entryBytes
    if let limit, size > limit { throw fail(.xattrEntry, stream, offset) }
    let place = AttributePlace.metadata(stream)
    let start = offset &+ FileOffset(XattrEntryRecord.byteCount)
    let name = Attribute.Range(place: place, offset: start, count: nameBytes)
    let value = Attribute.Range(place: place, offset: start &+ FileOffset(nameBytes), count: valueBytes)
    let index = XattrNameIndex(raw: UInt8(sizes.nameIndex))
    var base = index.number
    var infix = Attribute.Range(place: place, offset: 0, count: 0)
    if index.isLongPrefix {
      guard Int(index.number) < superblock.xattrPrefixCount else {
        throw fail(.xattrPrefix, stream, offset)
      }
      (base, infix) = try longPrefix(Int(index.number))
    } else if index.raw == 0 {
      return (nil, size)
    }
    guard let namespace = Attribute.Namespace(rawValue: base) else { return (nil, size) }
    let longPrefix = index.isLongPrefix ? Int(index.number) : nil
    return (
      Attribute(namespace: namespace, infix: infix, name: name, value: value, longPrefix: longPrefix), size
    )
  }

  private static var sharedCountOffset: FileOffset { FileOffset(Field<XattrHeaderRecord, UInt8>.sharedCount.offset) }

  private static func place<Value>(_ field: Field<XattrPrefixRecord, Value>) -> FileOffset { FileOffset(field.offset) }

  /// Record `index` of the table of long prefixes; it has no index of its own, so the records before it are walked.
  private mutating func longPrefix(_ index: Int) throws(Fault) -> (UInt8, Attribute.Range) {
    let place: AttributePlace
    if superblock.compatible.contains(.plainXattrPrefixes) {
      place = .metadata(.device)
    } else if superblock.hasMetabox {
      place = .metadata(.metabox)
    } else {
      place = superblock.packedNID != 0 ? .packed : .metadata(.device)
    }
    let end = FileOffset.limit &>> 1
    var at = FileOffset(truncatingIfNeeded: superblock.xattrPrefixOffset)
    for number in 0...index {
      at = at.aligned(to: FileOffset(XattrPrefixRecord.alignment))
      let size = FileOffset(try load(place, at &+ Self.place(.size), Field<XattrPrefixRecord, UInt16>.size.byteCount))
      guard (1...256).contains(size), at < end else {
        throw fail(.xattrPrefix, .device, SuperblockRecord.position(of: .xattrPrefixStart))
      }
      if number == index {
        let base = UInt8(
          truncatingIfNeeded: try load(place, at &+ Self.place(.base), Field<XattrPrefixRecord, UInt8>.base.byteCount))
        return (
          base,
          Attribute.Range(
            place: place, offset: at + FileOffset(XattrPrefixRecord.byteCount),
            count: Int(size) - XattrPrefixRecord.countedBytes)
        )
      }
      at += FileOffset(XattrPrefixRecord.uncountedBytes) + size
    }
    throw fail(.xattrPrefix, .device, SuperblockRecord.position(of: .xattrPrefixStart))
  }

  private mutating func load(_ place: AttributePlace, _ offset: FileOffset, _ size: Int) throws(Fault) -> UInt32 {
    switch place {
    case .metadata(let stream):
      return try load(stream, offset, size)
    case .packed:
      var value: UInt32 = 0
      try requirePackedInode()
      let count = try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(Fault) in
        let bytes = unsafe MutablePageVector(unsafeContiguous: buffer)
        return try read(.packed, at: offset, into: bytes.prefix(size))
      }
      guard count == size else { throw fail(.xattrPrefix, .device, SuperblockRecord.position(of: .xattrPrefixStart)) }
      return UInt32(littleEndian: value)
    }
  }

  // MARK: Names

  private mutating func nameMatches(_ attribute: Attribute, _ name: PageVector) throws(Fault) -> Bool {
    guard attribute.nameBytes == name.count else { return false }
    let prefix = attribute.namespace.prefix
    for i in 0..<prefix.utf8CodeUnitCount where unsafe name.byte(at: i) != prefix.utf8Start[i] { return false }
    let rest = name.dropFirst(prefix.utf8CodeUnitCount)
    guard try equals(attribute.infix, rest.prefix(attribute.infix.count)) else { return false }
    return try equals(attribute.name, rest.dropFirst(attribute.infix.count))
  }

  private mutating func equals(_ range: Attribute.Range, _ bytes: PageVector) throws(Fault) -> Bool {
    guard range.count == bytes.count else { return false }
    for i in 0..<bytes.count {
      let stored = try load(range.place, range.offset &+ FileOffset(i), 1)
      if UInt8(truncatingIfNeeded: stored) != bytes.byte(at: i) { return false }
    }
    return true
  }

  /// Whether the inode's name filter says that it has no attribute of that name (Format.md, section 17).
  private mutating func filterExcludes(_ name: PageVector) throws(Fault) -> Bool {
    let filter = XattrFilter(
      raw: try load(self[.file].stream, self[.file].xattrOffset, XattrHeaderRecord.self, .nameFilter))
    guard filter.raw != 0 else { return false }
    for id: UInt8 in 1...6 {
      guard let namespace = Attribute.Namespace(rawValue: id) else { continue }
      let prefix = namespace.prefix
      let count = prefix.utf8CodeUnitCount
      guard name.count >= count else { continue }
      var isMatch = true
      for i in 0..<count where unsafe name.byte(at: i) != prefix.utf8Start[i] { isMatch = false }
      guard isMatch else { continue }
      var hash = XXH32(seed: XattrFilter.seed(namespace: namespace.rawValue))
      for i in count..<name.count { hash.update(name.byte(at: i) ?? 0) }
      return filter.excludes(hash: hash.digest)
    }
    return false
  }
}
