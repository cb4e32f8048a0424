// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import FuzzKit
import PageVectors
import SmallImages

func directoryTarget() -> any FuzzTarget { DirectoryTarget() }

/// The blocks of a directory. Every name that is listed must be found again by searching, with the same nid.
final class DirectoryTarget: FuzzTarget {
  let name = "directory"
  private let bench = ReaderBench()
  private let names = GuardedMemory(capacity: 256)
  private static let mostBlocks = 4

  func samples() -> [[UInt8]] {
    var random = FuzzRandom(2)
    return [1, 2, 5, 40, 200, 600].map { count in
      let names = Set(
        [".", ".."] + (0..<count).map { "\($0 * 7919 % 1000)-\(String(repeating: "n", count: $0 % 40))" })
      let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      let blocks = SmallImage.directory(
        sorted.map { name in
          let isDot = name.hasPrefix(".")
          let nid = isDot ? SmallImage.rootNID : UInt64(random.below(5000))
          let type = isDot ? InodeKind.directory.rawValue : UInt8(1 + random.below(InodeKind.allCases.count))
          return (Array(name.utf8), nid, type)
        })
      return Array(blocks.prefix(Self.mostBlocks * SmallImage.blockBytes))
    }
  }

  func run(_ input: [UInt8]) -> Outcome {
    let size = min(input.count, Self.mostBlocks * SmallImage.blockBytes)
    var image = SmallImage(blocks: 1 + (size + SmallImage.blockBytes - 1) / SmallImage.blockBytes)
    image.putDirectory(input[..<size])
    let storage = Unmapped(image: bench.place(image.bytes, atEnd: true))
    do throws(EROFSError) {
      var volume = try Volume(storage, memory: ReaderMemory())
      guard let memory = bench.memory(.blocks, for: volume.blocks, shift: size & 1 == 0 ? nil : 9) else {
        return .violation("two blocks are too much")
      }
      volume.supply(memory)
      let root = try volume.inode(SmallImage.rootNID)
      return try search(list(root, &volume), in: root, &volume)
    } catch {
      if case .memory = error { return .violation("the plan was too small") }
      return .refused(reason(error))
    }
  }

  private func list(
    _ root: Inode, _ volume: inout Volume<Unmapped>
  ) throws(EROFSError) -> [(name: [UInt8], nid: UInt64)] {
    var found: [(name: [UInt8], nid: UInt64)] = []
    var cursor = DirectoryCursor()
    while let entry = try volume.nextEntry(of: root, &cursor) {
      var name = [UInt8](repeating: 0, count: entry.name.count)
      name.withUnsafeMutableBytes { _ = entry.name.copyBytes(into: $0) }
      found.append((name, entry.nid))
    }
    return found
  }

  private func search(
    _ listed: [(name: [UInt8], nid: UInt64)], in root: Inode, _ volume: inout Volume<Unmapped>
  ) throws(EROFSError) -> Outcome {
    // The search relies on the order over blocks, which listing does not check: whether there is any is the image's
    // affair, so a name may be missed where the order is broken, and only there.
    let isOrdered = zip(listed, listed.dropFirst()).allSatisfy { $0.name.lexicographicallyPrecedes($1.name) }
    for (name, nid) in listed {
      if name.isEmpty || name.count > 255 || name.contains(0x2F) || name.contains(0) {
        return .violation("a name that cannot be: \(name)")
      }
      let room = names.bytes(name.count, atEnd: true)
      room.copyBytes(from: name)
      let entry = try volume.entry(named: PageVector(unsafeContiguous: UnsafeRawBufferPointer(room)), in: root)
      if isOrdered, entry?.nid != nid { return .violation("\(name) is listed and not found") }
    }
    return isOrdered ? .accepted : .refused("names out of order")
  }
}
