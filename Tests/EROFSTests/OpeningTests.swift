// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import PageVectors
import TestSupport
import Testing

/// Volumes that are opened where they lie: what a refusal leaves behind, and what the second image sees of the first.
@Suite struct OpeningTests {
  /// A reader of cards: the image in it can be changed.
  final class Slot: Storage {
    var card: TestStorage

    init(_ card: TestStorage) { self.card = card }

    func byteCount(ofDevice device: Int) -> UInt64 { card.byteCount(ofDevice: device) }
    func read(device: Int, at offset: UInt64, into destination: MutablePageVector) throws(StorageError) {
      try card.read(device: device, at: offset, into: destination)
    }
    func mapped(device: Int, at offset: UInt64, count: Int) -> PageVector? { nil }
  }

  /// What a change of one superblock field is refused for, and the field.
  static let refusals: [(offset: Int, bytes: [UInt8])] = [
    (Field<SuperblockRecord, UInt32>.magic.offset, [0]),
    (Field<SuperblockRecord, UInt8>.blockShift.offset, [200]),
    (Field<SuperblockRecord, UInt8>.blockShift.offset, [8]),
    (Field<SuperblockRecord, UInt8>.blockShift.offset, [0xFF]),
    // The highest byte: features that do not exist.
    (Field<SuperblockRecord, UInt32>.incompatible.offset + 3, [0x80]),
  ]

  @Test(arguments: refusals.indices)
  func whatWasRefusedIsNotUsed(index: Int) throws {
    let change = Self.refusals[index]
    // An array: the image itself is a mapping that must not be written to.
    var bytes = Array(try ReferenceImages.image("lz4hc-64k-tail"))
    bytes.replaceSubrange(
      SuperblockRecord.start + change.offset..<SuperblockRecord.start + change.offset + 1, with: change.bytes)
    for isMapped in [false, true] {
      var volume = Volume(unopened: TestStorage([Data(bytes)], isMapped: isMapped))
      #expect(throws: EROFSError.self) { try volume.open() }
      #expect(volume.superblock.blockCount == 0 && volume.superblock.rootNID == 0)
      #expect(throws: EROFSError.self) { try volume.inode(36) }
      ReaderBehaviourTests.path("/contents") { path in
        #expect(throws: EROFSError.self) { try volume.inode(at: path) }
      }
    }
  }

  /// Images whose files lean on a packed inode, on the metabox, and on neither, in every order of two.
  static let cards = [
    "zstd-metabox-fragments", "lz4hc-64k-dedupe-fragments", "lz4hc-64k-tail", "zstd-metabox-fragments",
  ]

  @Test func theNextImageSeesNothingOfTheOneBefore() throws {
    let slot = Slot(try ReaderBehaviourTests.storage(Self.cards[0]))
    var volume = Volume(unopened: slot)
    for name in Self.cards + Self.cards.reversed() {
      let expected = try ReaderBehaviourTests.readSome(ReaderBehaviourTests.storage(name))
      slot.card = try ReaderBehaviourTests.storage(name)
      try volume.open()
      // Without memory there is nothing to read with: the old image's is gone.
      #expect(throws: EROFSError.self) { try volume.inode(volume.superblock.rootNID) }
      let memory = PlannedMemory(.maximum(for: volume.superblock), pageShift: 12)
      volume.supply(memory.memory)
      #expect(try ReaderBehaviourTests.readSome(&volume) == expected, "\(name)")
    }
  }
}
