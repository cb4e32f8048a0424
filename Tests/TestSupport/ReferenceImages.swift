// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import Foundation

/// The reference images: made by mkfs.erofs, read by the Linux kernel, with a manifest of what each must read as.
///
/// A few of them come with the project (Tests/Fixtures); the whole set is used where EROFS_SHARED, or a folder `shared`
/// beside the project, has it.
public enum ReferenceImages {
  /// Folder that holds the images, unpacked once and kept in the cache.
  public static let directory: URL? = try? unpack()

  public static let names: [String] = {
    guard let directory, let all = try? FileManager.default.contentsOfDirectory(atPath: directory.path) else {
      return []
    }
    let only = ProcessInfo.processInfo.environment["EROFS_IMAGE"]
    return all.filter { $0.hasSuffix(".erofs") }.map { String($0.dropLast(6)) }.filter { only == nil || $0 == only }
      .sorted()
  }()

  public static func image(_ name: String) throws -> Data {
    try Data(contentsOf: directory!.appendingPathComponent(name + ".erofs"), options: .alwaysMapped)
  }

  /// The image's extra device, where it has one.
  public static func blob(_ name: String) -> Data? {
    try? Data(contentsOf: directory!.appendingPathComponent(name + ".blob"), options: .alwaysMapped)
  }

  public static let manifest: [ManifestRow] = {
    guard let directory,
      let text = try? String(contentsOf: directory.appendingPathComponent("manifest.jsonl"), encoding: .utf8)
    else { return [] }
    return text.split(separator: "\n").map { ManifestRow(json: String($0)) }
  }()

  private static func unpack() throws -> URL {
    let files = FileManager.default
    let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let environment = ProcessInfo.processInfo.environment
    let shared =
      environment["EROFS_SHARED"].map { URL(fileURLWithPath: $0) }
      ?? project.deletingLastPathComponent().appendingPathComponent("shared")
    var source = shared.appendingPathComponent("images")
    if !files.fileExists(atPath: source.appendingPathComponent("images.tar.zst").path) {
      source = project.appendingPathComponent("Tests/Fixtures/images")
    }
    let archive = source.appendingPathComponent("images.tar.zst")
    let digest = sha256(try Data(contentsOf: archive)).prefix(16)
    let cache =
      environment["XDG_CACHE_HOME"].map { URL(fileURLWithPath: $0) }
      ?? files.homeDirectoryForCurrentUser.appendingPathComponent(".cache")
    let target = cache.appendingPathComponent("swift-erofs/images-\(digest)")
    if files.fileExists(atPath: target.path) { return target }
    let partial = cache.appendingPathComponent("swift-erofs/images-\(digest)-\(UUID().uuidString)")
    try files.createDirectory(at: partial, withIntermediateDirectories: true)
    let tar = Process()
    tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    tar.arguments = ["tar", "--zstd", "-xf", archive.path, "-C", partial.path]
    try tar.run()
    tar.waitUntilExit()
    guard tar.terminationStatus == 0 else { throw CocoaError(.fileReadCorruptFile) }
    try files.copyItem(
      at: source.appendingPathComponent("manifest.jsonl"), to: partial.appendingPathComponent("manifest.jsonl"))
    // Two test processes may get here at once: the first one's folder stays.
    if (try? files.moveItem(at: partial, to: target)) == nil { try? files.removeItem(at: partial) }
    return target
  }
}

/// What one path of the reference tree must read as.
public struct ManifestRow: Sendable {
  public var path: [UInt8] = []
  public var kind = ""
  public var mode: UInt16 = 0
  public var uid: UInt32 = 0
  public var gid: UInt32 = 0
  /// Nanoseconds since 1970.
  public var mtime: Int64 = 0
  public var size: UInt64?
  public var links: UInt32?
  public var sha256: String?
  public var target: [UInt8]?
  public var device: (major: UInt32, minor: UInt32)?
  /// Values in hexadecimal by name.
  public var xattrs: [[UInt8]: String] = [:]

  public init() {}

  init(json line: String) {
    // Bytes that are not UTF-8 come as lone surrogates, \udc80 ... \udcff, which no JSON parser takes: they are moved to
    // a private range for the parser, and back.
    let tamed = line.replacingOccurrences(of: "\\udc", with: "\\uf7")
    let row = try! JSONSerialization.jsonObject(with: Data(tamed.utf8)) as! [String: Any]
    path = Self.bytes(row["path"] as! String)
    kind = row["kind"] as! String
    mode = UInt16((row["mode"] as! String).dropFirst(2), radix: 8)!
    uid = (row["uid"] as! NSNumber).uint32Value
    gid = (row["gid"] as! NSNumber).uint32Value
    mtime = (row["mtime"] as! NSNumber).int64Value
    size = (row["size"] as? NSNumber)?.uint64Value
    links = (row["links"] as? NSNumber)?.uint32Value
    sha256 = row["sha256"] as? String
    target = (row["target"] as? String).map(Self.bytes)
    if let major = row["major"] as? NSNumber, let minor = row["minor"] as? NSNumber {
      device = (major.uint32Value, minor.uint32Value)
    }
    for (name, value) in row["xattrs"] as? [String: String] ?? [:] { xattrs[Self.bytes(name)] = value }
  }

  private static func bytes(_ text: String) -> [UInt8] {
    text.unicodeScalars.flatMap { scalar -> [UInt8] in
      (0xF780...0xF7FF).contains(scalar.value) ? [UInt8(scalar.value & 0xFF)] : Array(String(scalar).utf8)
    }
  }
}

/// Lower-case hexadecimal SHA-256.
public func sha256(_ data: some DataProtocol) -> String {
  let hash = SHA256()
  for region in data.regions { region.withUnsafeBytes { hash.update($0) } }
  return hash.hexadecimal()
}

extension SHA256 {
  /// Ends it, as lower-case hexadecimal digits.
  package func hexadecimal() -> String { TestSupport.hexadecimal(finish()) }
}

/// Lower-case hexadecimal digits, two for each byte. The tests make hundreds of thousands of these, so this does not
/// format each byte.
public func hexadecimal(_ bytes: [UInt8]) -> String {
  String(unsafeUninitializedCapacity: 2 * bytes.count) { buffer in
    for (index, byte) in bytes.enumerated() {
      for (place, digit) in [byte >> 4, byte & 15].enumerated() {
        buffer[2 * index + place] = digit < 10 ? 0x30 + digit : 0x57 + digit
      }
    }
    return 2 * bytes.count
  }
}
