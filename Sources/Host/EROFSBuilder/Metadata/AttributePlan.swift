// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTree

/// The xattr areas of all inodes, and the pool of what they share.
struct AttributePlan {
  /// By number of the tree's set of attributes: what follows an inode with them.
  private var areas: [Int: XattrArea] = [:]
  /// The pool; positions in it are in units of 4 bytes.
  private(set) var pool: [UInt8] = []
  /// The table of long prefixes.
  private(set) var prefixTable: [UInt8] = []
  private(set) var hasFilters = false
  /// How many records that table has.
  private(set) var prefixCount = 0
  /// The record of it that names the digests of files; nil if there are none.
  private(set) var digestPrefix: UInt8?
  private let digests: FileDigests

  /// Names that images have no namespace for are an error.
  init(_ build: BuildContext, _ digests: FileDigests) throws {
    self.digests = digests
    let prefixes = build.options.attributePrefixes.compactMap { AttributeName($0) }
    var table = prefixes.map { LongXattrPrefix(base: $0.namespace, text: Array($0.rest)) }
    if !digests.isEmpty, let name = build.options.digestAttribute {
      digestPrefix = UInt8(table.count)
      // Without a namespace it is never listed.
      let known = AttributeName(name)
      table.append(LongXattrPrefix(base: known?.namespace ?? 0, text: known.map { Array($0.rest) } ?? name))
      hasFilters = build.options.hasAttributeFilter
    }
    prefixCount = table.count
    if !table.isEmpty { prefixTable = LongXattrPrefix.table(table) }
    if build.options.rootAttributeBytes > 0, build.options.hasAttributeFilter { hasFilters = true }
    guard let threshold = build.options.sharedAttributeThreshold else { return }
    var uses: [Int: Int] = [:]
    var owners: [Int: Int] = [:]
    for number in 0..<build.order.count {
      let set = build.tree.attributeSet(of: build.inode(number))
      uses[set, default: 0] += 1
      if owners[set] == nil { owners[set] = number }
    }
    var counts: [ExtendedAttribute: Int] = [:]
    let sets = owners.keys.sorted { owners[$0]! < owners[$1]! }
    for set in sets {
      for attribute in build.tree.attributes(of: build.inode(owners[set]!)) {
        counts[attribute, default: 0] += uses[set]!
      }
    }
    var places: [ExtendedAttribute: UInt32] = [:]
    for set in sets {
      let owner = owners[set]!
      var area = XattrArea()
      area.filter = .empty
      for attribute in build.tree.attributes(of: build.inode(owner)) {
        guard let name = AttributeName(attribute.name) else {
          throw BuildError.unrepresentable(
            path: build.path(of: owner),
            "the extended attribute \(attribute.name.printable) has a namespace that images cannot have")
        }
        guard attribute.value.count <= 65535 else {
          throw BuildError.unrepresentable(
            path: build.path(of: owner),
            "the extended attribute \(attribute.name.printable) has \(attribute.value.count) bytes; the most is 65535")
        }
        area.filter.insert(namespace: name.namespace, name: Array(name.rest))
        let entry = Self.entry(name, attribute.value, prefixes)
        if counts[attribute]! > threshold, area.shared.count < 255 {
          if places[attribute] == nil {
            places[attribute] = UInt32(pool.count / 4)
            pool += entry.bytes
          }
          area.shared.append(places[attribute]!)
        } else {
          area.entries.append(entry)
        }
      }
      if area.shared.isEmpty, area.entries.isEmpty { continue }
      if build.options.hasAttributeFilter { hasFilters = true } else { area.filter = XattrFilter(raw: 0) }
      areas[set] = area
      let digestBytes = digestPrefix == nil ? 0 : Self.digestEntryBytes
      let count = area.bytes.count + digestBytes
      guard XattrHeaderRecord.count(areaBytes: count) != nil else {
        throw BuildError.unrepresentable(
          path: build.path(of: owner), "its extended attributes take \(count) bytes; the most is 262148")
      }
    }
  }

  private static func entry(_ name: AttributeName, _ value: [UInt8], _ prefixes: [AttributeName]) -> XattrEntry {
    var best: (index: Int, length: Int)?
    for (index, prefix) in prefixes.enumerated()
    where prefix.namespace == name.namespace && name.rest.starts(with: prefix.rest)
      && prefix.rest.count > best?.length ?? 0
    {
      best = (index, prefix.rest.count)
    }
    var index = XattrNameIndex(raw: name.namespace)
    guard let best else { return XattrEntry(index, name: Array(name.rest), value: value) }
    index = XattrNameIndex(raw: 0)
    index.number = UInt8(best.index)
    index.isLongPrefix = true
    return XattrEntry(index, name: Array(name.rest.dropFirst(best.length)), value: value)
  }

  /// What follows an inode.
  func area(of inode: Int, in build: BuildContext) -> [UInt8] {
    var area = areas[build.tree.attributeSet(of: build.inode(inode))]
    if let digestPrefix, build.tree.kind(of: build.inode(inode)) == .regular {
      var own = area ?? Self.emptyArea(build)
      own.entries.append(digest(of: inode, digestPrefix))
      if build.options.hasAttributeFilter, let name = build.options.digestAttribute {
        let known = AttributeName(name)
        own.filter.insert(namespace: known?.namespace ?? 0, name: known.map { Array($0.rest) } ?? name)
      }
      area = own
    }
    var bytes = area?.bytes ?? []
    if inode == 0, build.options.rootAttributeBytes > bytes.count {
      // An area of a header and zeros has room for attributes that are written later.
      if bytes.isEmpty {
        var header = StoredRecord<XattrHeaderRecord>()
        header[.nameFilter] = Self.emptyArea(build).filter.raw
        bytes = header.bytes
      }
      // A header alone is no area.
      let wanted = max(XattrHeaderRecord.byteCount + 4, (build.options.rootAttributeBytes + 3) & ~3)
      bytes += [UInt8](repeating: 0, count: max(0, wanted - bytes.count))
    }
    return bytes
  }

  private static func emptyArea(_ build: BuildContext) -> XattrArea {
    var area = XattrArea()
    if build.options.hasAttributeFilter { area.filter = .empty }
    return area
  }

  private static let digestName = Array("sha256:".utf8)
  /// 4 bytes, no name, the value, and the zeros up to the next multiple of 4.
  private static let digestEntryBytes = 44

  private func digest(of inode: Int, _ prefix: UInt8) -> XattrEntry {
    var index = XattrNameIndex(raw: 0)
    index.number = prefix
    index.isLongPrefix = true
    return XattrEntry(index, name: [], value: Self.digestName + digests[inode])
  }

  /// The values of a file's attributes with its digest: one or none.
  func digest(of inode: Int, _ build: BuildContext) -> [[UInt8]] {
    guard let digestPrefix, build.tree.kind(of: build.inode(inode)) == .regular else { return [] }
    return [digest(of: inode, digestPrefix).value]
  }
}
