// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import EROFSMount

/// Broken images, by what a mounting system calls: each call ends, with an error or without, and the server goes on.
@Suite struct HostileServerTests {
  /// The errors that a broken image may cause.
  private static let errors: Set<Int32> = [
    SystemError(.corrupt(.magic, at: .device(0, offset: 0))).code, EIO, EOPNOTSUPP, EINVAL, ENOTDIR,
  ]

  /// What a walk through a server came to.
  private struct Walk {
    var names = 0
    var failures: [SystemError] = []

    mutating func attempt<Result>(_ body: () throws(SystemError) -> Result) -> Result? {
      do throws(SystemError) { return try body() } catch {
        failures.append(error)
        return nil
      }
    }

    /// Visits directories, and reads the beginning and the end of each file, or all of it.
    mutating func visit(_ server: ImageServer, readsAll: Bool) {
      var directories: [UInt64] = [1]
      while let directory = directories.popLast(), names < 3000 {
        var entries: [(name: [UInt8], kind: InodeKind?)] = []
        _ = attempt { () throws(SystemError) in
          try server.forEachEntry(of: directory, from: 0, withAttributes: true) { entry in
            if !entry.name.elementsEqual([0x2E]), !entry.name.elementsEqual([0x2E, 0x2E]) {
              entries.append((Array(entry.name), entry.kind))
            }
            return entries.count < 3000
          }
        }
        for entry in entries {
          names += 1
          let found = attempt { () throws(SystemError) -> FileAttributes? in
            var result: Result<FileAttributes?, SystemError> = .success(nil)
            entry.name.withUnsafeBytes { name in
              result = Result { () throws(SystemError) in try server.lookUp(name, in: directory) }
            }
            return try result.get()
          }
          guard case .some(.some(let file)) = found else { continue }
          if file.kind == .directory, file.inode != directory { directories.append(file.inode) }
          visit(file, server, readsAll)
        }
      }
    }

    private mutating func visit(_ file: FileAttributes, _ server: ImageServer, _ readsAll: Bool) {
      if let list = attempt({ () throws(SystemError) in try server.attributeNames(of: file.inode) }), !list.isEmpty {
        let first = Array(list.prefix { $0 != 0 })
        _ = attempt { () throws(SystemError) in
          var result: Result<[UInt8], SystemError> = .success([])
          first.withUnsafeBytes { name in
            result = Result { () throws(SystemError) in try server.attribute(named: name, of: file.inode) }
          }
          // An attribute that is listed and not found is one of a broken filter.
          if case .failure(let error) = result, error.code == ENODATA { return }
          _ = try result.get()
        }
      }
      switch file.kind {
      case .symbolicLink: _ = attempt { () throws(SystemError) in try server.target(ofLink: file.inode) }
      case .regular:
        let (size, most) = (file.size, UInt64(1 << 20))
        var offsets = [0, size > 4096 ? size - 4096 : 0]
        if readsAll { offsets = Array(stride(from: 0, to: min(size, 8 * most), by: Int(most))) }
        for offset in offsets {
          var given: UInt64 = 0
          let count = readsAll ? Int(most) : 4096
          let done: Void? = attempt { () throws(SystemError) in
            try server.read(file.inode, at: offset, count: count) { given += UInt64($0.reduce(0) { $0 + $1.count }) }
          }
          if done != nil { #expect(given == min(UInt64(count), size - offset)) }
        }
      default: break
      }
    }
  }

  private func withFile<Result>(_ bytes: [UInt8], _ body: (FilePath) throws -> Result) throws -> Result {
    let path = NSTemporaryDirectory() + "hostile-\(UUID().uuidString)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { unlink(path) }
    return try body(FilePath(path))
  }

  /// Each defect of the format is an error of the file that has it, or of the mount.
  @Test(arguments: BrokenImage.all.indices)
  func eachDefectIsAnError(index: Int) throws {
    let image = BrokenImage.all[index]
    try withFile(image.bytes) { path in
      let lines = Mutex<[String]>([])
      let server: ImageServer
      do {
        server = try ImageServer(try FileStorage(path), cacheBytes: 1 << 20) { line in
          lines.withLock { $0.append(line) }
        }
      } catch let error as EROFSError {
        #expect(error == image.error, "\(image.name)")
        return
      }
      var walk = Walk()
      walk.visit(server, readsAll: true)
      // A lookup goes to the inode and takes its type from there, as Linux does.
      if case .corrupt(.entryType, _) = image.error { return #expect(walk.failures.isEmpty, "\(walk.failures)") }
      #expect(!walk.failures.isEmpty, "\(image.name)")
      #expect(walk.failures.allSatisfy { Self.errors.contains($0.code) }, "\(image.name): \(walk.failures)")
      #expect(walk.failures.contains(SystemError(image.error)), "\(image.name): \(walk.failures)")
      #expect(lines.withLock { $0.contains { $0.contains("\(image.error)") } }, "\(image.name)")
      // The root is as good as before.
      #expect(try server.attributes(of: 1).kind == .directory)
    }
  }

  private static let damaged = [
    "plain-512", "chunks-64k-device", "lz4hc-64k-dedupe-fragments", "lz4hc-48bit-bytes", "lzma-1k-64k-tail",
    "zstd-48bit-64k", "zstd-metabox-fragments", "libdeflate-32k-tail", "lz4hc-xattr-prefix-fragments",
    "lz4hc-16k-full-index",
  ].filter { ReferenceImages.names.contains($0) }

  /// A thousand images with bits turned over.
  @Test(arguments: damaged)
  func damagedImagesAreServed(name: String) throws {
    let original = Array(try ReferenceImages.image(name))
    let devices = ReferenceImages.blob(name) == nil ? [] : [FilePath(ReferenceImages.directory!.path + "/\(name).blob")]
    var generator = SplitMix64(seed: UInt64(name.utf8.count) &* 7919)
    var (served, failures) = (0, 0)
    for round in 0..<100 {
      var bytes = original
      let limit = round % 2 == 0 ? bytes.count : min(bytes.count, 65536)
      for _ in 0..<(round % 2 == 0 ? 16 : 64) {
        bytes[Int.random(in: 1028..<limit, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      try withFile(bytes) { path in
        guard
          let server = try? ImageServer(
            try FileStorage(path, devices: devices), cacheBytes: 1 << 20, prefetchers: round % 8 == 0 ? 2 : 0,
            log: { _ in })
        else { return }
        served += 1
        var walk = Walk()
        walk.visit(server, readsAll: false)
        failures += walk.failures.count
        #expect(walk.failures.allSatisfy { Self.errors.contains($0.code) }, "\(walk.failures)")
      }
    }
    // Data that is not compressed reads right or wrong, but it reads.
    let least = name.hasPrefix("plain") || name.hasPrefix("chunks") ? 10 : 100
    #expect(served > 20 && failures > least, "\(served) images, \(failures) failures")
  }
}
