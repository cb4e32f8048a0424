// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import PageVectors
import TestSupport
import Testing

/// How the reader goes about its work: what it reads from the storage, what it does when that fails, and when it is
/// given less memory than it needs.
@Suite struct ReaderBehaviourTests {
  /// Images with one feature each that makes the reader lean on something else; in the fixtures all of them.
  static let names = ReferenceImages.names.filter {
    [
      "plain-4k", "chunks-64k-device", "lz4hc-64k-tail", "lz4hc-64k-dedupe-fragments", "lz4hc-16k-full-index",
      "lzma-64k", "deflate-64k", "zstd-metabox-fragments", "lz4hc-48bit-bytes", "zstd-48bit-64k",
    ].contains($0)
  }

  static let parts: [WritableKeyPath<MemoryPlan, Int> & Sendable] = [
    \.metadata, \.metaboxBlock, \.directory, \.file.frames, \.packed.frames, \.metabox.frames, \.file.state,
    \.packed.state, \.metabox.state,
  ]

  static func storage(_ name: String, failingRead: Int? = nil, cutTo: Int? = nil) throws -> TestStorage {
    var primary = try ReferenceImages.image(name)
    if let cutTo { primary = primary.prefix(cutTo) }
    return TestStorage(
      [primary] + (ReferenceImages.blob(name).map { [$0] } ?? []), isMapped: false, failingRead: failingRead)
  }

  static func path(_ text: String, _ body: (PageVector) throws -> Void) rethrows {
    var text = text
    try text.withUTF8 { try body(PageVector(unsafeContiguous: UnsafeRawBufferPointer($0))) }
  }

  /// Opens, plans, looks up and reads one file of each kind of content.
  static func readSome(_ storage: TestStorage) throws -> [[UInt8]] {
    let superblock = try Superblock(reading: storage)
    let memory = PlannedMemory(.maximum(for: superblock), pageShift: 12)
    var volume = Volume(storage, superblock: superblock, memory: memory.memory)
    return try readSome(&volume)
  }

  /// Plans, looks up and reads one file of each kind of content.
  static func readSome<Source: Storage>(_ volume: inout Volume<Source>) throws -> [[UInt8]] {
    var results: [[UInt8]] = []
    for name in ["/contents/text-then-noise", "/duplicates/prefix", "/links/longest", "/xattrs/many"] {
      try path(name) { path in
        let inode = try volume.inode(at: path)
        _ = try volume.plan(for: inode)
        let pages = ScatteredPages(count: Int(inode.size), pageShift: 12)
        let count = try volume.read(inode, at: 0, into: pages.vector)
        #expect(count == Int(inode.size))
        results.append(pages.bytes)
        var cursor = AttributeCursor()
        while let attribute = try volume.nextAttribute(of: inode, &cursor) {
          let value = ScatteredPages(count: attribute.valueBytes)
          _ = try volume.copyValue(of: attribute, into: value.vector)
          results.append(value.bytes)
        }
      }
    }
    return results
  }

  /// Every read of the storage fails once: each time the error is the storage's own, and nothing else happens.
  @Test(arguments: names)
  func everyReadMayFail(name: String) throws {
    let whole = try Self.storage(name)
    let expected = try Self.readSome(whole)
    #expect(expected.count > 40)
    for number in 0..<whole.reads {
      let storage = try Self.storage(name, failingRead: number)
      do {
        _ = try Self.readSome(storage)
        Issue.record("read \(number) failed, and nobody said so")
      } catch let error as EROFSError {
        guard case .storage(StorageError(code: 5), _) = error else {
          Issue.record("read \(number): \(error)")
          continue
        }
        #expect(storage.reads == number + 1, "nothing is read after a failure")
      }
    }
  }

  /// An image that is cut off anywhere reads as an error, never as wrong bytes.
  @Test(arguments: names)
  func cutImagesAreRefused(name: String) throws {
    let expected = try Self.readSome(try Self.storage(name))
    let size = try ReferenceImages.image(name).count
    var refused = 0
    for part in stride(from: 0, to: size, by: max(1, size / 97)) {
      do {
        #expect(try Self.readSome(try Self.storage(name, cutTo: part)) == expected, "cut to \(part)")
      } catch is EROFSError { refused += 1 }
    }
    #expect(refused > 10)
  }

  /// A file that is read in steps of any size, with the least memory, reads each of its pclusters once.
  @Test(arguments: names.filter { !$0.hasPrefix("plain") && !$0.hasPrefix("chunks") })
  func stepsDecodeEachExtentOnce(name: String) throws {
    for file in ["/contents/text-150000", "/contents/records-120000", "/contents/zeros-300000"] {
      for step in [1 << 20, 4096, 1000, 700] {
        let storage = try Self.storage(name)
        let superblock = try Superblock(reading: storage)
        let maximum = PlannedMemory(.maximum(for: superblock), pageShift: 12)
        var volume = Volume(storage, superblock: superblock, memory: maximum.memory)
        try Self.path(file) { path in
          let inode = try volume.inode(at: path)
          let least = PlannedMemory(try volume.plan(for: inode), pageShift: 12)
          volume.supply(least.memory)
          var stored: [TestStorage.Read: Int] = [:]
          var offset: UInt64 = 0
          while let extent = try volume.extent(of: inode, at: offset) {
            offset = extent.end
            guard case .compressed = extent.encoding, case .device(_, let address) = extent.place else { continue }
            stored[TestStorage.Read(device: 0, offset: address, count: extent.storedLength), default: 0] += 1
          }
          let before = storage.reads
          let pages = ScatteredPages(count: step, pageShift: 12)
          offset = 0
          while offset < inode.size { offset += UInt64(try volume.read(inode, at: offset, into: pages.vector)) }
          let reads = storage.allReads.dropFirst(before)
          for (place, times) in stored {
            #expect(reads.filter { $0 == place }.count == times, "\(file) in steps of \(step): \(place)")
          }
          #expect(least.guardsAreIntact)
        }
      }
    }
  }

  /// With a byte less than planned in any part, what needs the part says so, by name and size.
  @Test(arguments: names)
  func lessMemoryThanPlannedIsAnError(name: String) throws {
    let storage = try Self.storage(name)
    let superblock = try Superblock(reading: storage)
    let maximum = PlannedMemory(.maximum(for: superblock), pageShift: 12)
    var volume = Volume(storage, superblock: superblock, memory: maximum.memory)
    try Self.path("/contents/text-150000") { path in
      let inode = try volume.inode(at: path)
      let plan = try volume.plan(for: inode)
      for part in [\MemoryPlan.metadata, \.metaboxBlock, \.directory, \.file.frames, \.packed.frames, \.metabox.frames]
      {
        guard plan[keyPath: part] > 0 else { continue }
        var smaller = plan
        smaller[keyPath: part] -= 1
        let memory = PlannedMemory(smaller, pageShift: 12)
        var poor = Volume(storage, superblock: superblock, memory: memory.memory)
        do {
          let again = try poor.inode(at: path)
          let pages = ScatteredPages(count: 100, pageShift: 12)
          var offset: UInt64 = 0
          while offset < again.size { offset += UInt64(try poor.read(again, at: offset, into: pages.vector)) }
          // A block of metadata or of a directory may happen to be needed only in part.
          #expect([\.metadata, \.metaboxBlock, \.directory].contains(part), "\(part) was enough with a byte less")
        } catch let error as EROFSError {
          guard case .memory(_, let bytes) = error else {
            Issue.record("\(error)")
            continue
          }
          // Tables are asked for as the codec's worst case.
          let isState = [\.file.state, \.packed.state, \.metabox.state].contains(part)
          #expect(bytes <= plan[keyPath: part] || bytes == superblock.blockSize || isState)
        }
        #expect(memory.guardsAreIntact)
      }
    }
  }
}
