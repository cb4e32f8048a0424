// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSContainers

/// Which image of a layout is meant, and what is wrong with others.
@Suite struct LayoutTests {
  private let folder = Folder()

  private func reason(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return ""
  }

  @Test func platformsAndNamesChoose() throws {
    let writer = try LayoutWriter(folder)
    let layer = try writer.add(writer.archive("echo 1 >a"), LayoutWriter.layerType)
    let intel = try writer.addImage([layer], platform: "amd64", named: "one")
    let arm = try writer.addImage([layer, layer], platform: "arm64")
    // Its platform is in its configuration only.
    let power = try writer.addImage([layer, layer, layer], platform: "ppc64le", isStated: false)
    let statement = try writer.add(
      ["layers": []], LayoutWriter.manifestType,
      [("annotations", ["vnd.docker.reference.type": "attestation-manifest"])])
    let inner = try writer.add(
      ["manifests": [arm, power, statement]], LayoutWriter.indexType,
      [("annotations", ["org.opencontainers.image.ref.name": "many"])])
    try writer.finish([intel, inner])
    let layout = try writer.layout
    func layers(_ platform: String?, _ name: String? = nil) throws -> Int {
      try layout.manifest(for: platform.flatMap { ContainerPlatform($0) }, named: name).layers.count
    }
    #expect(try layers("linux/amd64") == 1 && layers("linux/arm64/v8") == 2 && layers("linux/ppc64le") == 3)
    #expect(try layers(nil, "one") == 1)
    #expect(reason { _ = try layers("linux/arm64", "one") }.contains("no image for linux/arm64"))
    #expect(
      reason { _ = try layers("windows/amd64") }.contains("no image for windows/amd64; there are linux/amd64"))
    #expect(reason { _ = try layers(nil, "other") }.contains("named other; there are one, many"))
    let two = try LayoutWriter(folder, "two")
    let first = try two.addImage([two.add(two.archive("echo 1 >a"), LayoutWriter.layerType)], named: "1")
    let second = try two.addImage([two.add(two.archive("echo 2 >a"), LayoutWriter.layerType)], named: "2")
    try two.finish([first, second])
    #expect(reason { _ = try two.layout.manifest(for: ContainerPlatform("linux/amd64")) }.contains("1, 2"))
    #expect(ContainerPlatform("linux") == nil && ContainerPlatform("linux/") == nil)
  }

  @Test func documentsAreChecked() throws {
    let writer = try LayoutWriter(folder)
    func reason(_ index: String) throws -> String {
      try folder.write("layout/index.json", Array(index.utf8))
      return self.reason { _ = try writer.layout.manifest() }
    }
    let digits = String(repeating: "0", count: 64)
    let type = LayoutWriter.manifestType
    #expect(try reason("{").contains("index.json: it is no JSON text that can be read, at byte 1"))
    #expect(try reason("{}").contains("it has no manifests"))
    #expect(try reason("{\"manifests\":[]}").contains("no image"))
    #expect(try reason("{\"manifests\":[{}]}").contains("no digest"))
    for digest in ["sha512:\(digits)", "sha256:../../../../etc/passwd", "sha256:\(digits.dropLast())G"] {
      #expect(try reason("{\"manifests\":[{\"digest\":\"\(digest)\",\"size\":3}]}").contains("none of SHA-256"))
    }
    let missing = "{\"manifests\":[{\"digest\":\"sha256:\(digits)\",\"size\":3,\"mediaType\":\"\(type)\"}]}"
    #expect(try reason(missing).contains("No such file"))
    try folder.write("layout/blobs/sha256/\(digits)", Array("{}".utf8))
    #expect(try reason(missing).contains("has 2 bytes, and its descriptor says 3"))
    try folder.write("layout/blobs/sha256/\(digits)", Array("{} ".utf8))
    #expect(try reason(missing).contains("another digest"))
    #expect(try reason(String(repeating: "[", count: 100_000)).contains("at byte 65"))
    #expect(try reason("{\"manifests\":" + String(repeating: " ", count: 4 << 20)).contains("too long"))
  }

  @Test func kindsOfLayersFollowFromTheirTypes() throws {
    func kind(_ type: String, _ role: String? = nil) throws -> ImageManifest.Kind? {
      let digest: JSON = .string("sha256:" + String(repeating: "0", count: 64))
      var members: [JSON.Member] = [("mediaType", .string(type)), ("digest", digest), ("size", 1)]
      if let role { members.append(("annotations", ["org.erofs.role": .string(role)])) }
      return try ImageManifest.kind(of: BlobDescriptor(.object(members), in: ""))
    }
    for type in ["oci.image.layer.v1.tar", "oci.image.layer.nondistributable.v1.tar", "docker.image.rootfs.diff.tar"] {
      for suffix in ["", "+gzip", "+zstd"] { #expect(try kind("application/vnd.\(type)\(suffix)") == .archive) }
    }
    #expect(try kind("application/vnd.docker.image.rootfs.diff.tar.gzip") == .archive)
    for type in ["application/vnd.erofs.layer.v1", "application/vnd.erofs"] {
      #expect(try kind(type) == .image(isCompressed: false) && kind(type + "+zstd") == .image(isCompressed: true))
      #expect(try kind(type, "overlay-lower") == .image(isCompressed: false))
      #expect(try kind(type, "device") == .device(isCompressed: false))
      #expect(throws: LayoutError.self) { try kind(type + "+gzip") }
      #expect(throws: LayoutError.self) { try kind(type, "overlay-data") }
      #expect(throws: LayoutError.self) { try kind(type, "new") }
    }
    #expect(try kind("application/octet-stream", "device") == .device(isCompressed: false))
    #expect(try kind("application/vnd.oci.image.layer.v1.tar+gzip", "device") == .device(isCompressed: true))
    #expect(try kind("application/vnd.erofs.chunk-index.v1") == nil)
    for type in ["", "text/plain", "application/vnd.oci.image.layer.v1.tar+encrypted"] {
      #expect(throws: LayoutError.self) { try kind(type) }
    }
  }

  @Test func textIsRead() throws {
    func value(_ text: String) -> String? {
      do { return try JSONParser.value(Array(text.utf8)).text(pretty: false) } catch { return nil }
    }
    for text in ["null", "true", "[]", "{}", "[1,-2,\"x\"]", "{\"a\":{\"b\":[18446744073709551615]}}", "\"\\\"\\\\\""] {
      #expect(value(text) == text)
    }
    #expect(value(" [ 1.5e1 , \"\\u00e9\\ud83d\\ude00\\/\" ] ") == "[15.0,\"é😀/\"]")
    for wrong in [
      "", "[", "[1,]", "{\"a\"}", "{a:1}", "nul", "1 2", "\"\\x\"", "\"\n\"", "\"\\ud800\"", "1e999", "-", "\"abc", "]",
      "{\"a\":1,}", "\"\\u12g4\"",
    ] { #expect(value(wrong) == nil, "\(wrong)") }
    #expect(throws: JSONParser.Failure.self) { try JSONParser.value([0x22, 0xFF, 0x22]) }
  }
}
