// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import SystemPackage
import TestSupport

extension ReferenceImages {
  static func path(_ name: String) -> String { directory!.appendingPathComponent(name + ".erofs").path }

  /// The extra devices' paths.
  static func devices(_ name: String) -> [String] {
    let blob = directory!.appendingPathComponent(name + ".blob").path
    return FileManager.default.fileExists(atPath: blob) ? [blob] : []
  }

  static func reader(_ name: String) throws -> ImageReader {
    try ImageReader(try ImageFile(FilePath(path(name)), devices: devices(name).map { FilePath($0) }))
  }

  /// One of each kind, those that come with the project: for what takes long. With EROFS_ALL_IMAGES set, all.
  static let oneOfEachKind: [String] =
    ProcessInfo.processInfo.environment["EROFS_ALL_IMAGES"] != nil
    ? names
    : among(
      "plain-512", "chunks-64k-device", "lz4hc-64k-tail", "lz4hc-64k-dedupe-fragments", "lz4hc-16k-full-index",
      "lzma-1k-64k-tail", "libdeflate-32k-tail", "zstd-metabox-fragments", "lz4hc-48bit-bytes", "zstd-48bit-64k",
      "lz4hc-xattr-prefix-fragments")

  /// Those of `wanted` that are at hand.
  static func among(_ wanted: String...) -> [String] { wanted.filter(names.contains) }
}

/// What a program that was run has to say.
struct Answer {
  let status: Int32
  let output: String
  let errors: String

  var json: [String: Any]? { (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any] }
}

enum Tool {
  private static let folder = URL(
    fileURLWithPath: try! FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  ).deletingLastPathComponent()

  /// The `erofs` that was built with these tests.
  static let erofs = folder.appendingPathComponent("erofs").path

  /// dump.erofs of erofs-utils 1.9, nil where it is not installed.
  static let dumpErofs: String? = {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path + "/.cache"
    // Where Tools/install/peers.sh puts it.
    let peers = (environment["EROFS_PEERS"] ?? cache + "/swift-erofs/peers") + "/bin"
    let folders = [peers] + (environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return folders.map { $0 + "/dump.erofs" }.first { path in
      FileManager.default.isExecutableFile(atPath: path)
        && (try? run(path, ["-V"]))?.output.contains(" 1.9") == true
    }
  }()

  /// Runs a program; `name` is what it sees as its own name.
  static func run(_ program: String, _ arguments: [String], name: String? = nil) throws -> Answer {
    let process = Process()
    if let name {
      // A symbolic link is how a program gets another name.
      let link = try TemporaryLink(to: program, named: name)
      defer { withExtendedLifetime(link) {} }
      return try run(link.path, arguments)
    }
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment
    environment["TZ"] = "UTC"
    process.environment = environment
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("erofs-answer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let files = ["out", "err"].map { scratch.appendingPathComponent($0) }
    for file in files { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    return Answer(status: status, output: texts[0], errors: texts[1])
  }

  /// Runs the `erofs` that was built with these tests.
  static func erofs(_ arguments: String...) throws -> Answer { try run(erofs, arguments) }
}

private final class TemporaryLink {
  let path: String
  private let folder: URL

  init(to target: String, named name: String) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("erofs-link-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appendingPathComponent(name).path
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}
