// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import PageVectors
import TestSupport
import Testing

/// Each rule that the reader holds an image to is broken by one small image, and the reader says which, and where.
@Suite struct DefectTests {
  @Test(arguments: BrokenImage.all.indices)
  func kindAndPlaceAreSaid(index: Int) {
    let image = BrokenImage.all[index]
    for isMapped in [false, true] {
      #expect(Self.firstError(image.bytes, isMapped: isMapped) == image.error, "\(image.name)")
    }
  }

  /// What only hosts report, who read whole directories and links: `HostileImageTests` has an image of each.
  static let onHosts: [Defect] = [.nameOrder, .linkTarget]

  @Test func everyDefectHasAnImage() {
    let made = BrokenImage.all.compactMap { image -> Defect? in
      if case .corrupt(let defect, _) = image.error { defect } else { nil }
    }
    #expect(Set(made).count == made.count, "an image for each defect, and one only")
    #expect(Set(made).union(Self.onHosts) == Set(Defect.allCases))
    #expect(Set(made).isDisjoint(with: Self.onHosts))
    #expect(Set(BrokenImage.all.map(\.name)).count == BrokenImage.all.count)
  }

  /// Without what is wrong with them, such images can be read.
  @Test func aCraftedImageIsGood() {
    var image = CraftedImage()
    let at = image.addInode(CraftedImage.inode(.flatPlain, mode: 0o100644, size: 5000))
    let name = CraftedImage.Name(name: Array("f".utf8), nid: CraftedImage.nid(at: at), kind: .regular)
    #expect(Self.firstError(image.complete([name]), isMapped: false) == nil)
  }

  /// Reads all of an image: what the first thing that cannot be read is refused for.
  static func firstError(_ bytes: [UInt8], isMapped: Bool) -> EROFSError? {
    let storage = TestStorage([Data(bytes)], isMapped: isMapped)
    let target = [UInt8](repeating: 0, count: 4096)
    do throws(EROFSError) {
      let superblock = try Superblock(reading: storage)
      if try superblock.checksumMatches(in: storage) == false {
        return .corrupt(.checksum, at: .device(0, offset: Superblock.offset))
      }
      let memory = PlannedMemory(.maximum(for: superblock), pageShift: 12)
      var volume = Volume(storage, superblock: superblock, memory: memory.memory)
      var pending = [superblock.rootNID]
      var seen: Set<UInt64> = []
      while let nid = pending.popLast() {
        guard seen.insert(nid).inserted else { continue }
        let inode = try volume.inode(nid)
        var attributes = AttributeCursor()
        while try volume.nextAttribute(of: inode, &attributes) != nil {}
        if inode.kind == .directory {
          var cursor = DirectoryCursor()
          while let entry = try volume.nextEntry(of: inode, &cursor) { pending.append(entry.nid) }
        } else {
          let pages = ScatteredPages(count: target.count, pageShift: 12)
          var offset: UInt64 = 0
          while offset < inode.size { offset += UInt64(try volume.read(inode, at: offset, into: pages.vector)) }
        }
      }
      return nil
    } catch { return error }
  }
}
