// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension Tree {
  /// What is wrong with a name, nil if a directory can hold it.
  public static func fault(ofName name: some Collection<UInt8>) -> NameFault? {
    if name.isEmpty { return .empty }
    if name.count > 255 { return .tooLong }
    if name.contains(0x2F) { return .slash }
    if name.contains(0) { return .zero }
    if name.elementsEqual([0x2E]) || name.elementsEqual([0x2E, 0x2E]) { return .dots }
    return nil
  }

  /// Puts a new inode at a name. Whatever had the name is replaced with all that it held; only a directory that meets a
  /// directory keeps its children and takes the new metadata. So of several entries with a name the last one counts.
  ///
  /// - Parameters:
  ///   - content: For regular files; nil is an empty one.
  ///   - target: Of a symbolic link.
  @discardableResult
  public mutating func put(
    _ name: some Collection<UInt8>, in directory: EntryID, _ metadata: Metadata, content: Content? = nil,
    target: [UInt8] = [], attributes: [ExtendedAttribute] = []
  ) throws(TreeError) -> EntryID {
    if let fault = Self.fault(ofName: name) { throw .badName(fault, name: Array(name)) }
    guard kind(of: directory) == .directory else { throw .notDirectory(path: path(of: directory)) }
    let name = ArraySlice(name)
    if metadata.kind == .symbolicLink, target.isEmpty || target.count > 4095 || target.contains(0) {
      throw .badTarget(path: path(of: name, in: directory), count: target.count)
    }
    let old = child(name, of: directory)
    if let old, metadata.kind == .directory, kind(of: old) == .directory {
      replaceMetadata(of: old, metadata, attributes: attributes)
      return old
    }
    guard inodes.count < Int(Self.none) - 1 else { throw .tooLarge }
    let inode = UInt32(inodes.count)
    var record = Self.record(metadata)
    record.attributes = number(of: attributes)
    if metadata.kind == .symbolicLink {
      guard let place = pool.add(target) else { throw .tooLarge }
      record.payload = UInt64(place)
    }
    record.links = 1
    let entry: EntryID
    if let old {
      entry = old
      release(old)
      entries[Int(old.number)].inode = inode
    } else {
      entry = try append(name, to: directory, inode: inode)
    }
    inodes.append(record)
    if metadata.kind == .regular, let content { try set(content, of: entry) }
    return entry
  }

  /// Gives an inode that is no directory one more name, which replaces what had it.
  @discardableResult
  public mutating func link(
    _ name: some Collection<UInt8>, in directory: EntryID, to inode: InodeID
  ) throws(TreeError) -> EntryID {
    if let fault = Self.fault(ofName: name) { throw .badName(fault, name: Array(name)) }
    guard kind(of: directory) == .directory else { throw .notDirectory(path: path(of: directory)) }
    let name = ArraySlice(name)
    guard kind(of: inode) != .directory else {
      throw .linkToDirectory(path: path(of: name, in: directory))
    }
    inodes[Int(inode.number)].links += 1
    if let old = child(name, of: directory) {
      // Also if it is the same inode: one name more, one less.
      release(old)
      entries[Int(old.number)].inode = inode.number
      return old
    }
    return try append(name, to: directory, inode: inode.number)
  }

  /// The root's own metadata, as a source states it.
  public mutating func replaceMetadata(
    of directory: EntryID, _ metadata: Metadata, attributes: [ExtendedAttribute]
  ) {
    self[inode(of: directory)] = metadata
    let index = Int(entries[Int(directory.number)].inode)
    inodes[index].attributes = number(of: attributes)
    inodes[index].flags &= ~Self.implied
  }

  /// The directory at the path of `names`. What is missing of it is made, with `permissions` 755, the owner 0 and the
  /// time `time`, and is `isImplied` until something states it.
  public mutating func directory(
    at names: some Collection<ArraySlice<UInt8>>, time: Time = Time(seconds: 0)
  ) throws(TreeError) -> EntryID {
    var entry = Self.root
    for name in names {
      if let child = child(name, of: entry) {
        guard kind(of: child) == .directory else { throw .notDirectory(path: path(of: child)) }
        entry = child
      } else {
        entry = try put(name, in: entry, Metadata(kind: .directory, permissions: 0o755, time: time))
        inodes[Int(entries[Int(entry.number)].inode)].flags |= Self.implied
      }
    }
    return entry
  }

  /// Removes an entry and all that is in it. The root cannot be removed.
  public mutating func remove(_ entry: EntryID) {
    precondition(entry != Self.root)
    release(entry)
    forget(entry)
  }

  /// Removes what is in an entry, and takes its name from its inode.
  private mutating func release(_ entry: EntryID) {
    var pending = [entry]
    while let step = pending.popLast() {
      let index = Int(entries[Int(step.number)].inode)
      inodes[index].links -= 1
      if InodeKind(mode: inodes[index].mode) == .directory {
        var next = UInt32(truncatingIfNeeded: inodes[index].payload)
        while next != Self.none {
          if entries[Int(next)].inode != Self.none { pending.append(EntryID(next)) }
          next = entries[Int(next)].next
        }
      }
      if step != entry { forget(step) }
    }
  }

  /// The record remains in its parent's list, so that nothing is searched for; `children` leaves it out.
  private mutating func forget(_ entry: EntryID) {
    names.remove(entry.number, NameTable.hash(parent: entries[Int(entry.number)].parent, name: name(of: entry)))
    entries[Int(entry.number)].inode = Self.none
    removed += 1
  }

  /// Gives the entry an inode of its own, a copy of the one that it shares.
  mutating func separate(_ entry: EntryID) throws(TreeError) {
    guard inodes.count < Int(Self.none) - 1 else { throw .tooLarge }
    let old = Int(entries[Int(entry.number)].inode)
    guard inodes[old].links > 1 else { return }
    inodes[old].links -= 1
    var copy = inodes[old]
    copy.links = 1
    entries[Int(entry.number)].inode = UInt32(inodes.count)
    inodes.append(copy)
  }

  /// In any order; of several with one name the last counts. Equal sets are kept once.
  public mutating func setAttributes(_ attributes: [ExtendedAttribute], of inode: InodeID) {
    inodes[Int(inode.number)].attributes = number(of: attributes)
  }

  public mutating func setAttribute(_ name: String, _ value: [UInt8], of inode: InodeID) {
    setAttributes(attributes(of: inode) + [ExtendedAttribute(name, value)], of: inode)
  }

  private mutating func number(of attributes: [ExtendedAttribute]) -> UInt32 {
    if attributes.isEmpty { return 0 }
    var set: [ExtendedAttribute] = []
    // Stable, so that the last of several stays last.
    let order = attributes.indices.sorted {
      attributes[$0].name == attributes[$1].name ? $0 < $1 : attributes[$0] < attributes[$1]
    }
    for index in order {
      if set.last?.name == attributes[index].name { set.removeLast() }
      set.append(attributes[index])
    }
    if let number = attributeNumbers[set] { return number }
    let number = UInt32(attributeSets.count)
    attributeSets.append(set)
    attributeNumbers[set] = number
    return number
  }

  // MARK: The lists of children

  private mutating func append(
    _ name: ArraySlice<UInt8>, to directory: EntryID, inode: UInt32
  ) throws(TreeError) -> EntryID {
    guard entries.count < Int(NameTable.deleted), let place = pool.add(name) else { throw .tooLarge }
    let number = UInt32(entries.count)
    let parent = Int(entries[Int(directory.number)].inode)
    let payload = inodes[parent].payload
    let last = UInt32(payload >> 32)
    if last == Self.none {
      inodes[parent].payload = UInt64(number) << 32 | UInt64(number)
    } else {
      if inodes[parent].flags & Self.sorted != 0, !pool[entries[Int(last)].name].lexicographicallyPrecedes(name) {
        inodes[parent].flags &= ~Self.sorted
      }
      entries[Int(last)].next = number
      inodes[parent].payload = UInt64(number) << 32 | payload & 0xFFFF_FFFF
    }
    entries.append(EntryRecord(name: place, parent: directory.number, next: Self.none, inode: inode))
    names.insert(number, NameTable.hash(parent: directory.number, name: name)) { other in
      NameTable.hash(parent: entries[Int(other)].parent, name: pool[entries[Int(other)].name])
    }
    return EntryID(number)
  }

  // MARK: Contents

  /// Of a regular file.
  public mutating func set(_ content: Content, of entry: EntryID) throws(TreeError) {
    let inode = Int(entries[Int(entry.number)].inode)
    precondition(InodeKind(mode: inodes[inode].mode) == .regular)
    var record: ContentRecord
    switch content {
    case .bytes(let bytes):
      record = ContentRecord(size: UInt64(bytes.count), first: 0, second: 0, store: 0, place: 0)
      record.store = store(.bytes(bytes))
    case .range(let file, let offset, let length):
      record = ContentRecord(size: length, first: offset, second: 0, store: store(.file(file)), place: 0)
    case .sparse(let file, let size, let list):
      record = ContentRecord(size: size, first: 0, second: Int64(pieces.count), store: store(.sparse(file)), place: 0)
      pieces.append(list)
    case .path(let path, let directory, let state):
      guard path.count <= BytePool.longest, let place = pool.add(path) else { throw .tooLarge }
      record = ContentRecord(
        size: state.size, first: state.inode, second: state.changeTime, store: store(.paths(directory)), place: place)
    case .entry(let directory, let state):
      record = ContentRecord(
        size: state.size, first: state.inode, second: state.changeTime, store: store(.entries(directory)),
        place: entry.number)
    case .referred(let content):
      if content.tail.isEmpty, content.pieces.count == 1, content.pieces[0].offset == 0,
        content.pieces[0].length == content.size
      {
        let piece = content.pieces[0]
        record = ContentRecord(
          size: content.size, first: piece.place, second: 0, store: store(.device(piece.device)), place: 0)
      } else {
        record = ContentRecord(
          size: content.size, first: 0, second: Int64(referred.count), store: store(.referred), place: 0)
        referred.append(content)
      }
    case .foreign(let contents, let number, let size):
      record = ContentRecord(size: size, first: number, second: 0, store: store(.foreign(contents)), place: 0)
    }
    inodes[inode].payload = UInt64(contents.count)
    contents.append(record)
  }

  /// The number of a store; contents that follow each other from one source share it.
  mutating func store(_ new: ContentStore) -> UInt32 {
    let same: Bool =
      switch (stores.last, new) {
      case (.file(let old), .file(let new)), (.sparse(let old), .sparse(let new)),
        (.paths(let old), .paths(let new)), (.entries(let old), .entries(let new)):
        old === new
      case (.device(let old), .device(let new)): old == new
      case (.referred, .referred): true
      case (.foreign(let old), .foreign(let new)): old === new
      default: false
      }
    if !same { stores.append(new) }
    return UInt32(stores.count - 1)
  }
}
