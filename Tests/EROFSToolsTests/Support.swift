// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import EROFS
import EROFSTools
import Foundation
import SystemPackage
import Synchronization
import TestSupport

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("erofs-test-\(UUID().uuidString)").path
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
}

/// What a check of an image finds.
func problems(of path: String, devices: [String] = [], metadataOnly: Bool = false) throws -> [Problem] {
  let image = try ImageFile(FilePath(path), devices: devices.map { FilePath($0) })
  return problems(of: image, try Superblock(reading: image), metadataOnly: metadataOnly).0
}

func problems(
  of image: ImageFile, _ superblock: Superblock, metadataOnly: Bool = false
) -> ([Problem], Checker.Summary) {
  let found = Box<Problem>()
  var options = Checker.Options()
  options.metadataOnly = metadataOnly
  options.threads = 2
  let summary = Checker(image, superblock, options: options) { found.append($0) }.run()
  return (found.all, summary)
}

/// Extracts all of an image; returns what it had to say.
@discardableResult
func extract(
  _ path: String, devices: [String] = [], to directory: String, overwrites: Bool = false
) throws -> (events: [ExtractEvent], summary: ExtractSummary) {
  let image = try ImageFile(FilePath(path), devices: devices.map { FilePath($0) })
  let reader = try ImageReader(image)
  let events = Box<ExtractEvent>()
  var options = Extractor.Options()
  options.overwrites = overwrites
  options.threads = 2
  let extractor = Extractor(image, reader.superblock, options: options) { events.append($0) }
  let root = try reader.volume.inode(reader.superblock.rootNID)
  let summary = try extractor.run(root, name: [], into: FilePath(directory))
  return (events.all, summary)
}

/// A list that threads add to.
final class Box<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])
  func append(_ element: Element) { elements.withLock { $0.append(element) } }
  var all: [Element] { elements.withLock { $0 } }
}
