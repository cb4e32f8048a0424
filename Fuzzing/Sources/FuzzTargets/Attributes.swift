// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import FuzzKit
import PageVectors

func attributesTarget() -> any FuzzTarget { AttributesTarget() }

/// The extended attributes of an inode: its own area, and the shared ones behind it. Every attribute that is listed must
/// be found by its name.
///
/// The first byte of an input says how long the inode's area is, in units of 4 bytes; the rest of it is the shared area.
final class AttributesTarget: FuzzTarget {
  let name = "attributes"
  private let bench = ReaderBench()
  private let names = GuardedMemory(capacity: 1 << 16)
  private let values = GuardedMemory(capacity: 1 << 16)
  private static let mostAttributes = 512

  func samples() -> [[UInt8]] {
    func entry(_ index: UInt8, _ name: String, _ value: String) -> [UInt8] {
      var bytes = [UInt8(name.utf8.count), index, UInt8(value.utf8.count & 255), UInt8(value.utf8.count >> 8)]
      bytes += Array(name.utf8) + Array(value.utf8)
      return bytes + [UInt8](repeating: 0, count: -bytes.count & 3)
    }
    func sample(shared ids: [UInt8], _ own: [[UInt8]], _ shared: [[UInt8]] = [], filter: UInt32 = 0) -> [UInt8] {
      var area = (0..<4).map { UInt8(truncatingIfNeeded: filter >> (8 * UInt32($0))) }
      area += [UInt8(ids.count), 0, 0, 0, 0, 0, 0, 0]
      for id in ids { area += [id, 0, 0, 0] }
      area += own.joined()
      return [UInt8(area.count / 4)] + area + shared.joined()
    }
    let one = entry(1, "note", "the value")
    return [
      sample(shared: [], [one]),
      sample(shared: [], [one, entry(4, "overlay.opaque", "y"), entry(6, "selinux", "system_u:object_r:etc_t:s0")]),
      sample(shared: [0, 5], [entry(2, "", "an access list")], [entry(1, "shared", "first"), one]),
      sample(shared: [0], [], [entry(3, "", "default")], filter: 0xFFFF_0000),
      sample(shared: [], [entry(0, "hidden", "never listed"), entry(1, "", ""), entry(5, "no such namespace", "x")]),
    ]
  }

  func run(_ input: [UInt8]) -> Outcome {
    guard let first = input.first else { return .refused("no input") }
    let area = min(max(12, Int(first) * 4), 1980)
    let rest = input.dropFirst()
    let shared = rest.dropFirst(area).prefix(SmallImage.blockSize)
    var image = SmallImage(blocks: 2)
    image.root(size: 0, attributes: area)
    // xattr_blkaddr
    image.put(1, at: 1024 + 0x2C, 4)
    let start = SmallImage.rootOffset + 32
    let own = rest.prefix(area)
    image.bytes.replaceSubrange(start..<start + own.count, with: own)
    image.bytes.replaceSubrange(SmallImage.blockSize..<SmallImage.blockSize + shared.count, with: shared)
    let storage = Unmapped(image: bench.place(image.bytes, atEnd: true))
    do throws(EROFSError) {
      var volume = try Volume(storage, memory: ReaderMemory())
      guard let memory = bench.memory(.blocks, for: volume.blocks, shift: area & 4 == 0 ? nil : 6) else {
        return .violation("two blocks are too much")
      }
      volume.supply(memory)
      let inode = try volume.inode(SmallImage.rootNID)
      return try search(inode, &volume) ?? (bench.isIntact() ? .accepted : .violation("written outside the frames"))
    } catch {
      if case .memory = error { return .violation("the plan was too small") }
      return .refused(reason(error))
    }
  }

  private func search(_ inode: Inode, _ volume: inout Volume<Unmapped>) throws(EROFSError) -> Outcome? {
    var cursor = AttributeCursor()
    var count = 0
    while count < Self.mostAttributes, let attribute = try volume.nextAttribute(of: inode, &cursor) {
      count += 1
      let name = names.bytes(attribute.nameBytes, atEnd: true)
      let named = try volume.copyName(of: attribute, into: MutablePageVector(unsafeContiguous: name))
      guard named == attribute.nameBytes else {
        return .violation("a name of \(named) of \(attribute.nameBytes) bytes")
      }
      let value = values.bytes(attribute.valueBytes, atEnd: true)
      let copied = try volume.copyValue(of: attribute, into: MutablePageVector(unsafeContiguous: value))
      guard copied == attribute.valueBytes else {
        return .violation("a value of \(copied) of \(attribute.valueBytes) bytes")
      }
      guard attribute.namespace != .hidden else { continue }
      let wanted = PageVector(unsafeContiguous: UnsafeRawBufferPointer(name))
      let found = try volume.attribute(named: wanted, of: inode)
      guard let found else { return .violation("an attribute is listed and not found") }
      // An image may hold one name twice; the first one counts.
      guard found.nameBytes == attribute.nameBytes else { return .violation("another name was found") }
    }
    return nil
  }
}
