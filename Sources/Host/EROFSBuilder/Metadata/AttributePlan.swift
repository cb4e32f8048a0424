// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTree

/// The xattr areas of all inodes, and the pool of what they share.
struct AttributePlan {
  /// By number of the tree's set of attributes: what follows an inode with them.
  private(set) var areas: [Int: [UInt8]] = [:]
  /// The pool; positions in it are in units of 4 bytes.
  private(set) var pool: [UInt8] = []
  /// The table of long prefixes.
  private(set) var prefixTable: [UInt8] = []
  private(set) var hasFilters = false

  /// Names that images have no namespace for are an error.
  init(_ build: BuildContext) throws {
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
    let prefixes = build.options.attributePrefixes.compactMap { AttributeName($0) }
    if !prefixes.isEmpty {
      prefixTable = LongXattrPrefix.table(prefixes.map { LongXattrPrefix(base: $0.namespace, text: Array($0.rest)) })
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
      let bytes = area.bytes
      guard XattrHeaderRecord.count(areaBytes: bytes.count) != nil else {
        throw BuildError.unrepresentable(
          path: build.path(of: owner), "its extended attributes take \(bytes.count) bytes; the most is 262148")
      }
      areas[set] = bytes
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

  func area(of inode: Int, in build: BuildContext) -> [UInt8] {
    areas[build.tree.attributeSet(of: build.inode(inode))] ?? []
  }
}
