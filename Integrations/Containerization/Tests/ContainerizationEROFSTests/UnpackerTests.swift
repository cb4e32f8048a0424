// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ContainerizationShape
import EROFS
import EROFSContainers
import EROFSTools
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import ContainerizationEROFS

/// The unpacker over a store of blobs on disk, as apple/containerization has it.
@Suite struct UnpackerTests {
  private let store = Store()
  private var output: URL { store.folder.appending(path: "root.erofs") }
  private let platform = Platform(arch: "arm64", os: "linux")

  @Test func layersBecomeAnImageThatIsMounted() async throws {
    let image = try store.addImage(["seq 1 3000 >text; mkdir gone; echo x >gone/x", "echo new >new; : >.wh.gone"])
    let events = Mutex<[ProgressEvent]>([])
    let mount = try await EROFSUnpacker().unpack(image, for: platform, at: output) { more in
      events.withLock { $0 += more }
    }
    #expect(mount.type == "erofs" && mount.source == output.path && mount.destination == "/" && mount.options == ["ro"])
    guard case .virtioblk(let options) = mount.runtimeOptions else { return }
    #expect(options.isEmpty)
    #expect(try store.run("/usr/bin/env", ["ls", store.folder.path]).contains("root.erofs"))
    let reader = try ImageReader(ImageFile(FilePath(output.path)))
    var names: Set<String> = []
    try reader.forEachNode(from: reader.volume.inode(reader.superblock.rootNID), onError: { throw $1 as any Error }) {
      names.insert(String(decoding: $0.path, as: UTF8.self))
    }
    #expect(names == ["", "text", "new"])
    func sum(_ name: String) -> Int {
      events.withLock { events in
        events.filter { $0.event == name }.reduce(0) { $0 + ($1.value as? Int ?? Int(($1.value as? Int64) ?? 0)) }
      }
    }
    #expect(sum("add-total-items") == 2 && sum("add-items") == 2)
    #expect(sum("add-total-size") > 3000 && sum("add-size") == sum("add-total-size"))
    // It is not replaced.
    await #expect(throws: EROFSUnpacker.Failure.self) {
      try await EROFSUnpacker().unpack(image, for: platform, at: output, progress: nil)
    }
  }

  @Test func whatIsWrongLeavesNothing() async throws {
    let image = try store.addImage(["echo 1 >a", "echo 2 >b"])
    await #expect(throws: (any Error).self) {
      try await EROFSUnpacker().unpack(image, for: Platform(arch: "s390x", os: "linux"), at: output, progress: nil)
    }
    let blob = try #require(try store.layers(of: image).last)
    var bytes = try Data(contentsOf: blob)
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: blob)
    await #expect(throws: LayoutError.self) {
      try await EROFSUnpacker().unpack(image, for: platform, at: output, progress: nil)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: store.folder.path) == ["blobs"])
  }

  @Test func cancellingLeavesNothing() async throws {
    let image = try store.addImage(["head -c 20000000 /dev/urandom >a"])
    let begun = Task { try await EROFSUnpacker().unpack(image, for: platform, at: output, progress: nil) }
    try await Task.sleep(for: .milliseconds(20))
    begun.cancel()
    await #expect(throws: CancellationError.self) { try await begun.value }
    #expect(try FileManager.default.contentsOfDirectory(atPath: store.folder.path) == ["blobs"])
  }
}

/// A content store on disk.
private final class Store: ContentStore {
  struct Blob: Content { let path: URL }
  struct Failed: Error { let text: String }

  let folder: URL

  init() {
    folder = FileManager.default.temporaryDirectory.appending(path: "unpacker-\(UInt64.random(in: 0...UInt64.max))")
    try? FileManager.default.createDirectory(at: place(""), withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func place(_ digest: String) -> URL {
    folder.appending(path: "blobs/sha256/\(digest.dropFirst("sha256:".count))")
  }

  func get(digest: String) -> Content? {
    FileManager.default.fileExists(atPath: place(digest).path) ? Blob(path: place(digest)) : nil
  }

  func run(_ program: String, _ arguments: [String]) throws -> String {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: program)
    (process.arguments, process.standardOutput) = (arguments, pipe)
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(text: "\(program) \(arguments)") }
    return String(decoding: output, as: UTF8.self)
  }

  private func add(_ file: URL, _ type: String) throws -> [String: Any] {
    let digest = "sha256:" + (try run("/usr/bin/sha256sum", [file.path]).prefix(64))
    let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0
    try FileManager.default.moveItem(at: file, to: place(digest))
    return ["mediaType": type, "digest": digest, "size": size]
  }

  private func add(_ json: Any, _ type: String) throws -> [String: Any] {
    let file = folder.appending(path: "new")
    try JSONSerialization.data(withJSONObject: json).write(to: file)
    return try add(file, type)
  }

  /// - Parameter scripts: make the content of each layer.
  func addImage(_ scripts: [String]) throws -> Image {
    let layers = try scripts.map { script in
      let (tree, file) = (folder.appending(path: "tree"), folder.appending(path: "new"))
      _ = try run("/bin/bash", ["-ec", "mkdir \(tree.path); cd \(tree.path); \(script); tar -czf \(file.path) ."])
      try FileManager.default.removeItem(at: tree)
      return try add(file, "application/vnd.oci.image.layer.v1.tar+gzip")
    }
    let platform = ["os": "linux", "architecture": "arm64"]
    let config = try add(platform, "application/vnd.oci.image.config.v1+json")
    var manifest = try add(["config": config, "layers": layers], "application/vnd.oci.image.manifest.v1+json")
    manifest["platform"] = platform
    let index = try add(["manifests": [manifest]], "application/vnd.oci.image.index.v1+json")
    return Image(reference: "it", digest: index["digest"] as? String ?? "", contentStore: self)
  }

  func layers(of image: Image) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(atPath: place("").path).sorted().map { place("sha256:\($0)") }
      .filter { try Data(contentsOf: $0).starts(with: [0x1F, 0x8B]) }
  }
}
