// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import EROFS
import EROFSTools
import Foundation
import SystemPackage
import TestSupport

/// A folder that is removed with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  /// - Parameter parent: nil for the usual place for temporary files, which may be in memory.
  init(in parent: String? = nil) {
    let parent = parent.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
    path = parent.appendingPathComponent("erofs-test-\(UUID().uuidString)").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  func write(_ bytes: some Sequence<UInt8>, _ name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
    return self(name)
  }
}

let isSuperuser = geteuid() == 0

extension ReferenceImages {
  static func path(_ name: String) -> String { directory!.appendingPathComponent(name + ".erofs").path }

  /// The extra devices' paths.
  static func devices(_ name: String) -> [String] {
    let blob = directory!.appendingPathComponent(name + ".blob").path
    return FileManager.default.fileExists(atPath: blob) ? [blob] : []
  }

  static func open(_ name: String) throws -> ImageFile {
    try ImageFile(FilePath(path(name)), devices: devices(name).map { FilePath($0) })
  }

  static func reader(_ name: String) throws -> ImageReader { try ImageReader(try open(name)) }

  /// One image of each kind, those that come with the project: for tests that take long. With EROFS_ALL_IMAGES set,
  /// all.
  static let oneOfEachKind: [String] =
    ProcessInfo.processInfo.environment["EROFS_ALL_IMAGES"] != nil
    ? names
    : among(
      "plain-512", "chunks-64k-device", "lz4hc-64k-tail", "lz4hc-64k-dedupe-fragments", "lz4hc-16k-full-index",
      "lzma-1k-64k-tail", "libdeflate-32k-tail", "zstd-metabox-fragments", "lz4hc-48bit-bytes", "zstd-48bit-64k",
      "lz4hc-xattr-prefix-fragments")

  /// Those of `wanted` that are available.
  static func among(_ wanted: String...) -> [String] { wanted.filter(names.contains) }
}

/// What a check of an image finds.
func problems(of path: String, devices: [String] = [], metadataOnly: Bool = false) throws -> [Problem] {
  let image = try ImageFile(FilePath(path), devices: devices.map { FilePath($0) })
  return problems(of: image, try Superblock(reading: image), metadataOnly: metadataOnly).0
}

func problems(
  of image: ImageFile, _ superblock: Superblock, metadataOnly: Bool = false
) -> ([Problem], Checker.Summary) {
  let found = SynchronizedArray<Problem>()
  var options = Checker.Options()
  options.metadataOnly = metadataOnly
  options.threads = 2
  let summary = Checker(image, superblock, options: options) { found.append($0) }.run()
  return (found.all, summary)
}

/// Extracts an image; returns the events and the summary.
@discardableResult
func extract(
  _ path: String, devices: [String] = [], to directory: String, overwrites: Bool = false
) throws -> (events: [ExtractEvent], summary: ExtractSummary) {
  let image = try ImageFile(FilePath(path), devices: devices.map { FilePath($0) })
  let reader = try ImageReader(image)
  let events = SynchronizedArray<ExtractEvent>()
  var options = Extractor.Options()
  options.overwrites = overwrites
  options.threads = 2
  let extractor = Extractor(image, reader.superblock, options: options) { events.append($0) }
  let root = try reader.volume.inode(reader.superblock.rootNID)
  let summary = try extractor.run(root, name: [], into: FilePath(directory))
  return (events.all, summary)
}
