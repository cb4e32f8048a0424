// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import FuzzKit
import PageVectors
import SmallImages

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
    typealias Entry = (index: UInt8, name: String, value: String)
    func sample(shared ids: [UInt32], _ own: [Entry], _ shared: [Entry] = [], filter: UInt32 = 0) -> [UInt8] {
      let area = SmallImage.attributes(filter: filter, shared: ids, own: own)
      return [UInt8(area.count / 4)] + area + shared.flatMap { SmallImage.attribute($0.index, $0.name, $0.value) }
    }
    let one: Entry = (1, "note", "the value")
    return [
      sample(shared: [], [one]),
      sample(shared: [], [one, (4, "overlay.opaque", "y"), (6, "selinux", "system_u:object_r:etc_t:s0")]),
      sample(shared: [0, 5], [(2, "", "an access list")], [(1, "shared", "first"), one]),
      sample(shared: [0], [], [(3, "", "default")], filter: 0xFFFF_0000),
      sample(shared: [], [(0, "hidden", "never listed"), (1, "", ""), (5, "no such namespace", "x")]),
    ]
  }

  func run(_ input: [UInt8]) -> Outcome {
    guard let first = input.first else { return .refused("no input") }
    var image = SmallImage(blocks: 2)
    image.putAttributes(areaBytes: Int(first) * 4, input.dropFirst())
    let storage = Unmapped(image: bench.place(image.bytes, atEnd: true))
    do throws(EROFSError) {
      var volume = try Volume(storage, memory: ReaderMemory())
      guard let memory = bench.memory(.blocks, for: volume.blocks, shift: first & 1 == 0 ? nil : 6) else {
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
