// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import HostSupport
import Testing
import TreeSupport

@testable import EROFSTar

/// Archives that are decompressed at once.
@Suite struct PlainArchiveTests {
  private let folder = Folder()

  private func stored(_ filter: String) throws -> (plain: [UInt8], stored: [UInt8]) {
    try run("/bin/bash", "-e", "-o", "pipefail", "-c", "seq 1 40000 >plain; (\(filter)) >stored", in: folder.path)
    func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder(name)))) }
    return (try bytes("plain"), try bytes("stored"))
  }

  /// Of one member or several, with the size in front or without.
  @Test(arguments: [
    "gzip -c plain", "head -c 1000 plain | gzip; tail -c +1001 plain | gzip", "gzip -c plain; head -c 1000 /dev/zero",
    "zstd -c plain", "zstd -c <plain", "head -c 1000 plain | zstd; tail -c +1001 plain | zstd",
  ]) func bytesAreThoseOfTheProgram(filter: String) throws {
    let (plain, stored) = try stored(filter)
    let room = MemoryRoom(4 << 20)
    try stored.withUnsafeBytes { bytes in
      let archive = try #require(PlainArchive(decompressing: bytes, in: room))
      #expect(archive.bytes.elementsEqual(plain))
      // Only what it needs is taken, and given back.
      #expect(!room.take((4 << 20) - plain.count))
    }
    #expect(room.take(4 << 20))
  }

  /// Another way of compressing, damage, and too little room are for the reader that goes piece by piece.
  @Test(arguments: [
    "xz -c plain", "gzip -c plain >whole; head -c 40000 whole", "zstd -c plain >whole; head -c 5000 whole", "cat plain",
  ])
  func restIsLeftToOthers(filter: String) throws {
    let stored = try stored(filter).stored
    let room = MemoryRoom(4 << 20)
    stored.withUnsafeBytes { #expect(PlainArchive(decompressing: $0, in: room) == nil) }
    #expect(room.take(4 << 20))
  }

  @Test(arguments: ["gzip -c plain", "zstd -c plain"]) func roomIsALimit(filter: String) throws {
    let stored = try stored(filter).stored
    let room = MemoryRoom(100_000)
    stored.withUnsafeBytes { #expect(PlainArchive(decompressing: $0, in: room) == nil) }
    #expect(room.take(100_000))
  }
}
