// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTools
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Files of up to 8 EiB, which hold next to nothing.
@Suite struct GiantTests {
  let folder = TemporaryFolder(in: "/var/tmp")

  enum Form: CaseIterable {
    /// One inode that has no data.
    case flat
    /// Chunks of 8 TiB, the largest there are: up to a million of them.
    case chunked
    /// One block of data at the end, behind a gap between encoded extents.
    case encoded
  }

  static let sizes: [UInt64] = [1 << 40, 1 << 50, 1 << 62, UInt64(Int64.max)]

  private func make(_ form: Form, _ size: UInt64) throws -> String {
    var image = CraftedImage()
    let data = image.add([UInt8](repeating: 0x41, count: 4096), alignment: 4096)
    let at: Int
    switch form {
    case .flat: at = image.addInode(CraftedImage.inode(.flatPlain, mode: 0o100644, size: size))
    case .chunked:
      let union = CraftedImage.chunkUnion(shift: 31)
      at = image.addInode(CraftedImage.inode(.chunked, mode: 0o100644, size: size, union: union))
      image.add(CraftedImage.chunkTable(repeatElement(HoleBlock.low, count: Int((size - 1) >> 43) + 1)))
    case .encoded:
      image.features |= IncompatibleFeatures.wide48Bit.rawValue
      at = image.addInode(CraftedImage.inode(.compressedFull, mode: 0o100644, size: size, union: 1))
      // One record of 32 bytes: where it is stored, and where it starts.
      image.add(CraftedImage.extentHeader(recordBytes: 32, count: 1).bytes)
      var length = EncodedLength(raw: 0)
      length.bytes = 4096
      let extent = EncodedExtent(start: size - 4096, length: length, address: UInt64(data))
      image.add(EncodedExtent.table([extent], recordBytes: 32), alignment: EncodedExtentRecord.byteCount)
    }
    let small = image.addInode(
      CraftedImage.inode(.flatPlain, mode: 0o100644, size: 4096, union: UInt32(data / 4096)))
    let names = [("giant", at), ("small", small)].map {
      CraftedImage.Name(name: Array($0.utf8), nid: CraftedImage.nid(at: $1), kind: .regular)
    }
    return try folder.write(image.complete(names), "image")
  }

  /// Whether the file system below `folder` holds files of that size.
  private func holds(_ size: UInt64, _ folder: String) throws -> Bool {
    let path = folder + "/probe"
    defer { unlink(path) }
    let file = try FileDescriptor.open(path, .writeOnly, options: [.create], permissions: .ownerReadWrite)
    defer { try? file.close() }
    return ftruncate(file.rawValue, off_t(size)) == 0
  }

  private func expectGiant(_ path: String, _ form: Form, _ size: UInt64) throws {
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(UInt64(status.st_size) == size)
    #expect(status.st_blocks * 512 <= 65536, "\(status.st_blocks) blocks")
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    var end = [UInt8](repeating: 1, count: 8192)
    let count = end.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, 8192, off_t(size - 8192)) }
    #expect(count == 8192)
    #expect(end[..<4096].allSatisfy { $0 == 0 })
    #expect(end[4096...].allSatisfy { $0 == (form == .encoded ? 0x41 : 0) })
  }

  /// Checked at once, and extracted at once where there is room for the size; otherwise said so, with the path, while
  /// all else is made. Once on a disk, and once in memory, where files may be larger.
  @Test(.timeLimit(.minutes(5)), arguments: Form.allCases, sizes)
  func areReadAndMade(form: Form, size: UInt64) throws {
    let image = try make(form, size)
    #expect(try problems(of: image).isEmpty)
    #expect(try problems(of: image, metadataOnly: true).isEmpty)
    var places = [folder.path]
    let memory = "/dev/shm/erofs-test-\(UUID().uuidString)"
    if mkdir(memory, 0o700) == 0 { places.append(memory) }
    defer { try? FileManager.default.removeItem(atPath: memory) }
    for place in places {
      let (events, summary) = try extract(image, to: place + "/tree")
      #expect(try FileManager.default.contentsOfDirectory(atPath: place + "/tree").contains("small"))
      if try holds(size, place) {
        #expect(summary.failures == 0, "\(events)")
        try expectGiant(place + "/tree/giant", form, size)
      } else {
        #expect(summary.failures == 1 && !summary.isStopped)
        guard case .failure(let path, .system(.fileTooLarge, _)) = try #require(events.first) else {
          Issue.record("\(events)")
          continue
        }
        #expect(path == Array("giant".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: place + "/tree") == ["small"])
      }
    }
  }

  /// More than `ulimit -f` allows is an error, not the end of the process.
  @Test func sizeThatIsForbidden() throws {
    let image = try make(.encoded, 1 << 33)
    let outcome = try Command.run(
      "/bin/sh", ["-c", "ulimit -f 1000; exec \"$@\"", "sh", Command.path, "extract", image, folder("tree")])
    #expect(outcome.status == 1)
    #expect(outcome.errors == "erofs: /giant: setting its size to 8,589,934,592 bytes failed: File too large\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder("tree")) == ["small"])
  }

  /// The digest of exabytes of zeros is more work than anybody waits for.
  @Test(
    .enabled(if: ReferenceImages.names.contains("lz4-digest"), "no image with digests"), .timeLimit(.minutes(5)))
  func digestOfAHole() throws {
    var patch = try ImagePatch("lz4-digest")
    // Only these have sizes of 64 bits.
    let reader = try ImageReader(try ReferenceImages.open("lz4-digest"))
    let inode = try #require(
      try reader.files().map(\.inode).first {
        try $0.kind == .regular && $0.isExtended
          && reader.attributes(of: $0, includingHidden: true).contains(where: \.isDigest)
      })
    let at = Int(inode.offset)
    // Flat, without data, of 4 EiB.
    var format = InodeFormat(raw: 0)
    format.isExtended = true
    patch.set(Field<ExtendedInodeRecord, UInt16>.format, format.raw, at: at)
    patch.set(Field<ExtendedInodeRecord, UInt16>.high, HoleBlock.high, at: at)
    patch.set(Field<ExtendedInodeRecord, UInt64>.size, 1 << 62, at: at)
    patch.set(Field<ExtendedInodeRecord, UInt32>.union, HoleBlock.low, at: at)
    let path = try folder.write(patch.sealed, "image")
    #expect(try problems(of: path).contains { $0.cause.code == "work-limit" })
  }
}
