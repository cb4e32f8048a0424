// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import Synchronization
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSContainers

/// What a client takes from a registry, and what it does when the registry is not what it should be.
@Suite struct RegistryTests {
  private let folder = Folder()
  private var output: FilePath { FilePath(folder("output")) }

  /// An image whose second layer takes several parts.
  private func image(named name: String = "layout") throws -> (layout: LayoutWriter, layers: [BlobDescriptor]) {
    let writer = try LayoutWriter(folder, name)
    let layers = try [
      writer.add(writer.archive("echo 1 >a"), LayoutWriter.layerType),
      writer.add(writer.archive("seq 1 3000 >b; : >.wh.a", "gzip -c"), LayoutWriter.layerType + "+gzip"),
    ]
    try writer.finish([writer.addImage(layers)])
    return (writer, try layers.map { try BlobDescriptor($0, in: "") })
  }

  private func client(_ registry: FakeRegistry) -> RegistryClient {
    var client = RegistryClient(registry)
    client.pause = { _ in }
    return client
  }

  @discardableResult private func pull(
    _ registry: FakeRegistry, _ text: String = "registry.io/it", _ change: (inout RegistryClient) -> Void = { _ in }
  ) async throws -> ImageManifest {
    var client = client(registry)
    change(&client)
    let pulled = try await client.pull(ImageReference(text), to: output)
    let manifest = try ImageLayout(pulled.layout, besideOutputAt: output).manifest()
    #expect(manifest.digest == pulled.digest)
    return manifest
  }

  /// Why nothing comes; and nothing is left then.
  private func reason(
    _ registry: FakeRegistry, _ text: String = "registry.io/it", _ change: (inout RegistryClient) -> Void = { _ in }
  ) async throws -> String {
    var message = ""
    do { _ = try await pull(registry, text, change) } catch { message = "\(error)" }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasPrefix(".") || $0 == "output"
    }
    #expect(left.isEmpty, "\(left)")
    return message
  }

  // MARK: Images

  @Test func imagesAreTheSameAsOnDisk() async throws {
    let (writer, layers) = try image()
    let lines = Mutex<[String]>([])
    let registry = FakeRegistry(writer)
    let manifest = try await pull(registry) {
      $0.log = ContainerLog { entry in lines.withLock { $0.append(entry.message) } }
    }
    #expect(manifest.layers.map(\.descriptor.digest) == layers.map(\.digest))
    #expect(registry.requests[0].address == "https://registry.io/v2/it/manifests/latest")
    #expect(registry.requests[0].headers["Accept"]?.contains("application/vnd.oci.image.index.v1+json") == true)
    #expect(lines.withLock { $0 }.contains("pulled"))
    try run("/usr/bin/diff", "-r", folder("layout/blobs"), folder("output/blobs"))
    // It is not replaced.
    await #expect(throws: LayoutError.self) { try await pull(registry) }
    try run("/bin/rm", "-rf", output.string)
    var unpacking = LayoutUnpacking()
    unpacking.form = .merged
    let made = try await client(registry).unpack(ImageReference("registry.io/it"), by: unpacking, at: output)
    #expect(try Set(ImageReader(ImageFile(made[0].path)).files().keys) == ["", "b"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix(".") }.isEmpty)
  }

  @Test func platformsChoose() async throws {
    let writer = try LayoutWriter(folder)
    let layer = try writer.add(writer.archive("echo 1 >a"), LayoutWriter.layerType)
    let intel = try writer.addImage([layer], platform: "amd64")
    // Its platform is in its configuration only, in an index in the index.
    let arm = try writer.addImage([layer, layer], platform: "arm64", isStated: false)
    let inner = try writer.add(["manifests": [arm]], LayoutWriter.indexType)
    try writer.finish([writer.add(["manifests": [intel, inner]], LayoutWriter.indexType)])
    let registry = FakeRegistry(writer)
    let pulled = try await client(registry).pull(
      ImageReference("registry.io/it"), for: ContainerPlatform("linux/arm64"), to: output)
    #expect("\(pulled.digest)" == arm["digest"]?.text && pulled.platform == ContainerPlatform("linux/arm64"))
    // The other image is not on disk, and the layer that is there twice once.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder("output/blobs/sha256")).count == 3)
    try run("/bin/rm", "-rf", output.string)
    await #expect {
      _ = try await client(registry).pull(
        ImageReference("registry.io/it"), for: ContainerPlatform("linux/s390x"), to: output)
    } throws: { "\($0)".contains("no image for linux/s390x; there are linux/amd64, for no platform") }
    let digest = try #require(arm["digest"]?.text)
    #expect(try await pull(registry, "registry.io/it@\(digest)").layers.count == 2)
  }

  // MARK: Logins

  @Test func tokensGoToTheRegistryOnly() async throws {
    let (writer, _) = try image()
    let tokens = Mutex(0)
    let registry = FakeRegistry(writer) { request, answer in
      switch request.address.origin.host {
      case "auth.io":
        let number = tokens.withLock { count in
          count += 1
          return count
        }
        return .init(parts: [Array("{\"token\": \"secret\(number)\"}".utf8)])
      case "store.io": return answer
      default:
        // A token is good for some requests.
        let own = request.headers.first { $0.name == "Authorization" }?.value
        guard own == "Bearer secret\(tokens.withLock { $0 })",
          !request.address.path.hasSuffix("latest") || own != "Bearer secret1"
        else {
          let challenge = "Bearer realm=\"https://auth.io/token?a=b\",service=\"it's\",scope=\"repository:it:pull\""
          return .init(status: 401, headers: [("WWW-Authenticate", challenge)])
        }
        guard request.address.path.contains("/blobs/") else { return answer }
        return .init(status: 307, headers: [("Location", "https://store.io\(request.address.path)?signed=1")])
      }
    }
    try await pull(registry) { $0.credentials = RegistryCredentials(username: "me", password: "word") }
    let basic = "Basic " + Data("me:word".utf8).base64EncodedString()
    for request in registry.requests {
      let host = request.address.split(separator: "/")[1]
      let authorization = request.headers["Authorization"]
      switch host {
      case "auth.io":
        #expect(authorization == basic)
        #expect(request.address == "https://auth.io/token?a=b&service=it%27s&scope=repository%3Ait%3Apull")
      case "registry.io": #expect(authorization?.hasPrefix("Bearer ") ?? true)
      default: #expect(authorization == nil)
      }
    }
    #expect(tokens.withLock { $0 } == 2)
  }

  @Test func namesAndPasswordsAreTaken() async throws {
    let (writer, _) = try image()
    let registry = FakeRegistry(writer) { request, answer in
      let own = request.headers.first { $0.name == "Authorization" }?.value
      return own == "Basic bWU6d29yZA=="
        ? answer : .init(status: 401, headers: [("WWW-Authenticate", "Basic realm=\"x\"")])
    }
    #expect(try await reason(registry).contains("wants a name and a password"))
    let wrong = try await reason(registry) { $0.credentials = RegistryCredentials(username: "me", password: "other") }
    #expect(wrong.contains("name or password are wrong"))
    try await pull(registry) { $0.credentials = RegistryCredentials(username: "me", password: "word") }
    try run("/bin/rm", "-rf", output.string)
    let mute = FakeRegistry(writer) { _, _ in .init(status: 401) }
    #expect(try await reason(mute).contains("does not say how"))
  }

  @Test func formerLoginsAreSent() async throws {
    let (writer, _) = try image()
    let registry = FakeRegistry(writer) { request, answer in
      if request.address.origin.host == "auth.io" {
        return request.body == nil ? .init(status: 404) : .init(parts: [Array("{\"access_token\": \"t\"}".utf8)])
      }
      return request.headers.contains { $0.value == "Bearer t" }
        ? answer : .init(status: 401, headers: [("WWW-Authenticate", "Bearer realm=\"https://auth.io/\"")])
    }
    var credentials = RegistryCredentials(username: "", password: "")
    credentials.identityToken = "a+b"
    let own = credentials
    try await pull(registry) { $0.credentials = own }
    let sent = registry.requests.compactMap(\.body).map { String(decoding: $0, as: UTF8.self) }
    #expect(sent == ["scope=repository%3Ait%3Apull&grant_type=refresh_token&client_id=erofs&refresh_token=a%2Bb"])
  }

  @Test func loginsEnd() async throws {
    let (writer, _) = try image()
    let challenge = [(name: "WWW-Authenticate", value: "Bearer realm=\"https://auth.io/\"")]
    func registry(_ token: FakeRegistry.Answer) -> FakeRegistry {
      FakeRegistry(writer) { request, _ in
        request.address.origin.host == "auth.io" ? token : .init(status: 401, headers: challenge)
      }
    }
    let asking = registry(.init(parts: [Array("{\"token\": \"t\"}".utf8)]))
    #expect(try await reason(asking).contains("again and again"))
    #expect(asking.requests.count < 10)
    for (token, wanted) in [
      (FakeRegistry.Answer(parts: [Array("{\"token\": \"a\\r\\nHost: b\"}".utf8)]), "has no token"),
      (.init(parts: [Array("{}".utf8)]), "has no token"), (.init(status: 403), "nobody may read this"),
      (.init(parts: [[UInt8](repeating: 0x20, count: 65536)], isEndless: true), "more than 1048576 bytes"),
      (.init(status: 302, headers: [("Location", "https://auth.io/")]), "too many"),
      (.init(status: 302, headers: [("Location", "http://auth.io/")]), "not encrypted"),
    ] { #expect(try await reason(registry(token)).contains(wanted)) }
    let plain = FakeRegistry(writer) { _, _ in
      .init(status: 401, headers: [("WWW-Authenticate", "Bearer realm=\"http://auth.io/\"")])
    }
    #expect(try await reason(plain).contains("it is not encrypted"))
  }

  // MARK: What is not as it should be

  /// What is answered for the layer of several parts, in place of the layer.
  private func reason(_ change: @escaping @Sendable (FakeRegistry.Answer) -> FakeRegistry.Answer) async throws -> String
  {
    let (writer, layers) = try image()
    let digest = layers[1].digest
    return try await reason(FakeRegistry(writer) { $0.isForBlob(digest) ? change($1) : $1 })
  }

  @Test func blobsAreChecked() async throws {
    #expect(
      try await reason { answer in
        var answer = answer
        answer.parts[1][7] ^= 1
        return answer
      }.contains("another digest"))
    #expect(try await reason { .init(parts: $0.parts + [[0]]) }.contains("its descriptor says"))
    #expect(try await reason { .init(parts: $0.parts, isEndless: true) }.contains("its descriptor says"))
    #expect(try await reason { .init(headers: [("Content-Length", "7")], parts: $0.parts) }.contains("it has 7 bytes"))
    #expect(
      try await reason { .init(headers: [("Content-Length", "\(UInt64.max)")], parts: $0.parts) }.contains(
        "its descriptor says"))
    #expect(try await reason { .init(status: 206, parts: $0.parts) }.contains("another part"))
    #expect(try await reason { .init(parts: Array($0.parts.prefix(1))) }.contains("ended after"))
    #expect(try await reason { _ in .init(status: 404) }.contains("the answer is 404"))
    #expect(try await reason { _ in .init(status: 500) }.contains("the answer is 500"))
    #expect(try await reason { _ in .init(status: 302) }.contains("leads to no address"))
    for (place, wanted) in [
      ("/again", "too many"), ("http://registry.io/", "not encrypted"), ("http://127.0.0.1/", "not encrypted"),
      ("file:///etc/passwd", "leads to no address"), ("https://a@b/", "leads to no address"),
    ] {
      let (writer, _) = try image()
      let registry = FakeRegistry(writer) { request, answer in
        request.address.path.hasSuffix("latest") ? answer : .init(status: 307, headers: [("Location", place)])
      }
      #expect(try await reason(registry).contains(wanted), "\(place)")
      #expect(registry.requests.count < 20)
    }
  }

  @Test func documentsAreChecked() async throws {
    func reason(_ answer: FakeRegistry.Answer, _ text: String = "registry.io/it") async throws -> String {
      let (writer, _) = try image()
      return try await self.reason(FakeRegistry(writer) { _, _ in answer }, text)
    }
    let type = [(name: "Content-Type", value: "application/vnd.oci.image.manifest.v1+json; charset=utf-8")]
    func json(_ text: String) -> FakeRegistry.Answer { .init(headers: type, parts: [Array(text.utf8)]) }
    #expect(
      try await reason(.init(parts: [[UInt8](repeating: 0x20, count: 65536)], isEndless: true)).contains(
        "more than 4194304"))
    #expect(try await reason(json("{")).contains("no JSON"))
    #expect(try await reason(json("{}")).contains("it has no configuration"))
    #expect(try await reason(json("{\"mediaType\": \"text/plain\"}")).contains("its media type, text/plain, is none"))
    #expect(try await reason(.init(parts: [Array("{}".utf8)])).contains("its media type, , is none"))
    #expect(
      try await reason(
        .init(status: 404, parts: [Array("{\"errors\":[{\"code\":\"A\",\"message\":\"b\\u001b[c\"}]}".utf8)])
      )
      .hasSuffix("the answer is 404 (A: b[c)"))
    let other = "registry.io/it@sha256:" + String(repeating: "0", count: 64)
    #expect(try await reason(json("{}"), other).contains("another digest"))
    let stated =
      json("{}").headers + [(name: "Docker-Content-Digest", value: String(other.dropFirst("registry.io/it@".count)))]
    #expect(try await reason(.init(headers: stated, parts: [Array("{}".utf8)])).contains("another digest"))
    let huge = "{\"config\": {\"digest\": \"\(other.dropFirst("registry.io/it@".count))\", \"size\": 999999999999}}"
    #expect(try await reason(json(huge)).contains("too long"))
    // An index in an index in an index, each with many others.
    let endless = Mutex(0)
    let (writer, _) = try image()
    let names = (0..<200).map {
      "{\"mediaType\":\"\(LayoutWriter.indexType)\",\"size\":16,\"digest\":\"\(BlobDigest.of(Array("{\"manifests\":\($0)".utf8)))\"}"
    }
    let index = Array(
      "{\"mediaType\":\"\(LayoutWriter.indexType)\",\"manifests\":[\(names.joined(separator: ","))]}".utf8)
    let many = FakeRegistry(writer) { request, answer in
      endless.withLock { $0 += 1 }
      return request.address.path.hasSuffix("latest") ? .init(parts: [index]) : answer
    }
    #expect(try await self.reason(many).contains("the answer is 404"))
    #expect(endless.withLock { $0 } == 2)
  }

  @Test func connectionsThatAreCutAreMadeAgain() async throws {
    let (writer, layers) = try image()
    let digest = layers[1].digest
    // Each answer gives a thousand bytes.
    let cutting = FakeRegistry(writer) { request, answer in
      var answer = answer
      if request.isForBlob(digest), answer.parts.count > 1 { (answer.parts, answer.isCut) = ([answer.parts[0]], true) }
      return answer
    }
    try await pull(cutting)
    let asked = cutting.requests.filter { $0.address.hasSuffix("\(digest)") }
    #expect(
      asked.count > 3
        && asked.dropFirst().enumerated().allSatisfy { index, request in
          request.headers["Range"] == "bytes=\(1000 * (index + 1))-\(layers[1].size - 1)"
        })
    try run("/bin/rm", "-rf", output.string)
    // It does not know of parts, and gives all of it when it is asked often enough.
    let count = Mutex(0)
    let source = FakeRegistry(writer)
    let forgetful = FakeRegistry(writer) { request, answer in
      guard request.isForBlob(digest) else { return answer }
      let number = count.withLock { count in
        count += 1
        return count
      }
      var whole = source.answered(digest)
      if number < 4 { (whole.parts, whole.isCut) = (Array(whole.parts.prefix(2)), true) }
      return whole
    }
    try await pull(forgetful)
    try run("/bin/rm", "-rf", output.string)
    // It never comes to an end, and waits are as long as it asks for, but not longer than a minute.
    let waits = Mutex<[Duration]>([])
    let busy = FakeRegistry(writer) { request, answer in
      request.isForBlob(digest) ? .init(status: 429, headers: [("Retry-After", "99999")]) : answer
    }
    let message = try await reason(busy) { $0.pause = { wait in waits.withLock { $0.append(wait) } } }
    #expect(message.contains("the answer is 429") && waits.withLock { $0 } == Array(repeating: .seconds(60), count: 4))
    #expect(try await reason { .init(parts: Array($0.parts.prefix(1)), isCut: true) }.contains("was cut"))
    // A byte at a time.
    let slow = FakeRegistry(writer) { request, answer in
      var answer = answer
      if request.isForBlob(digest) { (answer.parts, answer.isCut) = ([[answer.parts[0][0]]], true) }
      return answer
    }
    #expect(try await reason(slow).contains("was cut"))
    #expect(slow.requests.count <= 110)
  }

  @Test func onThisMachineTLSIsNotNeeded() async throws {
    let (writer, _) = try image()
    let plain = FakeRegistry(writer) { $0.address.origin.isEncrypted ? nil : $1 }
    try await pull(plain, "localhost:5000/it")
    try run("/bin/rm", "-rf", output.string)
    try await pull(plain, "registry.io/it") { $0.allowsPlainHTTP = true }
    try run("/bin/rm", "-rf", output.string)
    #expect(try await reason(plain, "registry.io/it").contains("nobody is there"))
    #expect(plain.requests.last?.address.hasPrefix("https://registry.io/") == true)
    let encrypted = FakeRegistry(writer)
    try await pull(encrypted, "localhost:5000/it")
    #expect(encrypted.requests.allSatisfy { $0.address.hasPrefix("https://") })
  }

  @Test func cancellingLeavesNothing() async throws {
    let (writer, layers) = try image()
    let digest = layers[1].digest
    let holder = Holder()
    let registry = FakeRegistry(writer) { request, answer in
      if request.isForBlob(digest) { holder.task.withLock { $0?.cancel() } }
      return answer
    }
    let begun = Task {
      try await Task.sleep(for: .milliseconds(20))
      return try await reason(registry)
    }
    holder.task.withLock { $0 = begun }
    #expect(try await begun.value.contains("CancellationError"))
  }
}

private final class Holder: Sendable { let task = Mutex<Task<String, any Error>?>(nil) }

extension FakeRegistry {
  /// The whole blob, whatever part is asked for.
  func answered(_ digest: BlobDigest) -> Answer {
    usual(RegistryRequest(RegistryAddress("https://registry.io/v2/it/blobs/\(digest)")!))
  }
}
