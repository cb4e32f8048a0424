// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import EROFSMount

/// All reference images, by way of what a mounting system calls.
@Suite struct ImageServerTests {
  private static func server(_ name: String, cacheBytes: Int = 4 << 20) throws -> ImageServer {
    let folder = ReferenceImages.directory!.path
    let devices = ReferenceImages.blob(name) == nil ? [] : [FilePath("\(folder)/\(name).blob")]
    let storage = try FileStorage(FilePath("\(folder)/\(name).erofs"), devices: devices)
    return try ImageServer(storage, cacheBytes: cacheBytes) { Issue.record("\(name): \($0)") }
  }

  private func find(_ path: [UInt8], _ server: ImageServer) throws -> FileAttributes {
    var found = try server.attributes(of: 1)
    for name in path.split(separator: 0x2F) {
      found = try #require(try Array(name).withUnsafeBytes { try server.lookUp($0, in: found.inode) })
    }
    return found
  }

  private func content(_ file: FileAttributes, _ server: ImageServer, step: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let before = bytes.count
      try server.read(file.inode, at: UInt64(before), count: step) { for piece in $0 { bytes += piece } }
      #expect(bytes.count - before <= step)
      if bytes.count == before { return bytes }
    }
  }

  private static let kinds: [String: InodeKind] = [
    "file": .regular, "directory": .directory, "symlink": .symbolicLink, "block": .blockDevice,
    "character": .characterDevice, "fifo": .fifo, "socket": .socket,
  ]

  private func hexadecimal(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

  @Test(arguments: ReferenceImages.names) func itIsWhatTheManifestSays(name: String) throws {
    let server = try Self.server(name)
    var numbers: [UInt64: [UInt8]] = [:]
    for (index, row) in ReferenceImages.manifest.enumerated() {
      let file = try find(row.path, server)
      #expect(file.inode > 0 && file.inode < 1 << 63)
      if row.links ?? 1 == 1 || row.kind == "directory" {
        #expect(numbers.updateValue(row.path, forKey: file.inode) == nil)
      }
      #expect(Self.kinds[row.kind] == file.kind, "\(row.kind)")
      #expect(file.permissions == row.mode & 0o7777)
      #expect(file.userID == row.uid && file.groupID == row.gid)
      if let links = row.links, row.kind != "directory" { #expect(file.linkCount == links) }
      if let device = row.device { #expect(file.device == DeviceNumber(major: device.major, minor: device.minor)) }
      if let target = row.target { #expect(try server.target(ofLink: file.inode) == target) }
      if let size = row.size, file.kind == .regular { #expect(file.size == size) }
      if let digest = row.sha256 {
        let step = [4096, 65536, 1 << 20, 131_072, 1000][index % 5]
        #expect(sha256(Data(try content(file, server, step: step))) == digest)
      }
      guard !name.contains("x-1") else { continue }
      let names = try server.attributeNames(of: file.inode).split(separator: 0).map(Array.init)
      #expect(Set(names) == Set(row.xattrs.keys))
      for (attribute, value) in row.xattrs {
        let bytes = try attribute.withUnsafeBytes { try server.attribute(named: $0, of: file.inode) }
        #expect(hexadecimal(bytes) == value)
      }
    }
  }

  /// Readers that take a few entries at a time, begin anew or go back, miss none and get none twice.
  @Test(arguments: ReferenceImages.names) func directoriesComeWholeInPartsOfAnySize(name: String) throws {
    let server = try Self.server(name)
    var directories: [UInt64] = [1]
    while let directory = directories.popLast() {
      var whole: [(name: [UInt8], inode: UInt64, next: UInt64)] = []
      try server.forEachEntry(of: directory, from: 0, withAttributes: true) { entry in
        whole.append((Array(entry.name), entry.inode, entry.next))
        if entry.kind == .directory, entry.attributes != nil { directories.append(entry.inode) }
        return true
      }
      #expect(Set(whole.map(\.name)).count == whole.count)
      #expect(zip(whole, whole.dropFirst()).allSatisfy { $0.next < $1.next })
      #expect(whole.filter { $0.name == [0x2E] || $0.name == [0x2E, 0x2E] }.count == 2)
      for size in [1, 2, 7] {
        var names: [[UInt8]] = []
        var cookie: UInt64 = 0
        while true {
          var taken = 0
          try server.forEachEntry(of: directory, from: cookie, withAttributes: false) { entry in
            guard taken < size else { return false }
            taken += 1
            names.append(Array(entry.name))
            cookie = entry.next
            return true
          }
          if taken == 0 { break }
        }
        #expect(names == whole.map(\.name))
      }
      for (entry, following) in zip(whole, whole.dropFirst()) where entry.inode % 3 == 0 {
        try server.forEachEntry(of: directory, from: entry.next, withAttributes: false) {
          #expect(Array($0.name) == following.name)
          return false
        }
      }
    }
  }

  @Test func whatIsNotThereIsSaid() throws {
    let server = try Self.server(try #require(ReferenceImages.names.first))
    let nothing = try Array("no such name".utf8).withUnsafeBytes { try server.lookUp($0, in: 1) }
    #expect(nothing == nil)
    #expect(throws: SystemError(code: EINVAL)) { try server.target(ofLink: 1) }
    #expect(throws: SystemError(code: ENODATA)) {
      try Array("user.none".utf8).withUnsafeBytes { try server.attribute(named: $0, of: 1) }
    }
    #expect(throws: SystemError(code: EINVAL)) { try server.read(1, at: 0, count: 1) { _ in } }
  }

  /// Each inode is found by its number alone, as an NFS server finds it.
  @Test func anInodeIsFoundByItsNumber() throws {
    let server = try Self.server(try #require(ReferenceImages.names.first))
    for row in ReferenceImages.manifest {
      let file = try find(row.path, server)
      let again = try Array(".".utf8).withUnsafeBytes { try server.lookUp($0, in: file.inode) }
      #expect(again == file)
    }
  }

  /// Paths are written in the order of the first reads, as a list of files for an image has them.
  @Test func aTraceIsAFileOrder() throws {
    let path = NSTemporaryDirectory() + "trace-\(UUID().uuidString)"
    defer { unlink(path) }
    let name = try #require(ReferenceImages.names.first)
    let storage = try FileStorage(
      FilePath(ReferenceImages.directory!.path + "/\(name).erofs"),
      devices: ReferenceImages.blob(name) == nil ? [] : [FilePath(ReferenceImages.directory!.path + "/\(name).blob")])
    let server = try ImageServer(storage, cacheBytes: 1 << 20, trace: try AccessTrace(FilePath(path))) { _ in }
    let rows = ReferenceImages.manifest.reversed().filter { $0.kind == "file" && $0.size ?? 0 > 0 && $0.links == 1 }
    #expect(rows.contains { $0.path.contains(0x20) || $0.path.contains(0x0A) || $0.path.contains(0x5C) })
    for row in rows + rows { try server.read(try find(row.path, server).inode, at: 0, count: 10) { _ in } }
    let order = try FileOrder(Array(try Data(contentsOf: URL(fileURLWithPath: path))), name: path)
    var tree = Tree()
    for row in rows {
      let names = row.path.split(separator: 0x2F)
      let directory = try tree.directory(at: names.dropLast())
      try tree.put(names.last ?? [], in: directory, Metadata(kind: .regular, permissions: 0o644))
    }
    let (entries, missing) = order.entries(in: tree)
    #expect(missing.isEmpty)
    #expect(entries.map { [0x2F] + tree.path(of: $0) } == rows.map(\.path))
  }

  /// Small reads of large pclusters are copies, after the first.
  @Test func extentsAreDecodedOnce() throws {
    let server = try Self.server(
      try #require(ReferenceImages.names.first { $0 == "lz4hc-64k" || $0.hasPrefix("lz4hc") }))
    for row in ReferenceImages.manifest where row.sha256 != nil && row.size ?? 0 > 0 {
      _ = try content(try find(row.path, server), server, step: 512)
    }
    let first = server.cache.statistics
    #expect(first.hits > 10 * first.misses)
  }

  /// An image that becomes shorter gives errors from there on, and no signal.
  @Test func anImageThatShrinksGivesErrors() throws {
    let name = try #require(ReferenceImages.names.first)
    let copy = NSTemporaryDirectory() + "shrinking-\(UUID().uuidString)"
    defer { unlink(copy) }
    try FileManager.default.copyItem(
      atPath: ReferenceImages.directory!.appendingPathComponent(name + ".erofs").path, toPath: copy)
    let server = try ImageServer(try FileStorage(FilePath(copy)), cacheBytes: 0) { _ in }
    let root = try server.attributes(of: 1)
    #expect(truncate(copy, 2048) == 0)
    var failed = 0
    for row in ReferenceImages.manifest {
      do throws(any Error) {
        let file = try find(row.path, server)
        if file.kind == .regular { _ = try content(file, server, step: 65536) }
      } catch is SystemError { failed += 1 }
    }
    #expect(failed > 10)
    #expect(root.kind == .directory)
  }

  /// Two reads in order are enough for the next extent to be decoded before it is read.
  @Test func whatFollowsIsDecodedAhead() throws {
    let server = try Self.server("lz4hc-16k-full-index")
    let file = try find(Array("/contents/text-150000".utf8), server)
    let whole = try content(file, try Self.server("lz4hc-16k-full-index"), step: 150_000)
    for offset in [0, 4096] as [UInt64] { try server.read(file.inode, at: offset, count: 4096) { _ in } }
    let end = Date().addingTimeInterval(20)
    // A miss is counted when decoding begins.
    while server.cache.statistics.decodedBytes < 77_724, Date() < end { usleep(1000) }
    let before = server.cache.statistics
    #expect(before.misses == 2 && before.decodedBytes == 77_724)
    // What was decoded ahead is what is read.
    #expect(try content(file, server, step: 4096) == whole)
    // Reads in no order start no thread.
    let other = try Self.server("lz4hc-16k-full-index")
    for offset in [0, 20_000, 4096, 40_000] as [UInt64] { try other.read(file.inode, at: offset, count: 4096) { _ in } }
    let misses = other.cache.statistics.misses
    usleep(100_000)
    #expect(other.cache.statistics.misses == misses)
  }

  /// Eight readers, each in an order of its own, while the cache has room for a few extents only. With EROFS_MOUNT_SECONDS
  /// they go on for that time.
  @Test(arguments: ["lz4hc-64k-dedupe-fragments", "lzma-1k-64k-tail"])
  func readersShareASmallCache(name: String) throws {
    guard ReferenceImages.names.contains(name) else { return }
    let limit = 256 << 10
    let server = try Self.server(name, cacheBytes: limit)
    let seconds = Double(ProcessInfo.processInfo.environment["EROFS_MOUNT_SECONDS"] ?? "") ?? 1
    let rows = ReferenceImages.manifest.filter { $0.sha256 != nil && (1...200_000).contains($0.size ?? 0) }
    let end = Date().addingTimeInterval(seconds)
    DispatchQueue.concurrentPerform(iterations: 8) { reader in
      var generator = SplitMix64(seed: UInt64(reader))
      repeat {
        for row in rows.shuffled(using: &generator).prefix(100) {
          do {
            let file = try find(row.path, server)
            let bytes = try content(file, server, step: [4096, 20_000, 70_000, 1 << 20][reader % 4])
            #expect(sha256(Data(bytes)) == row.sha256, "\(name): \(String(decoding: row.path, as: UTF8.self))")
          } catch { Issue.record("\(name): \(error)") }
        }
      } while Date() < end
    }
    let counts = server.cache.statistics
    #expect(counts.evictions > 0 && counts.mostHeldBytes <= limit)
  }
}
