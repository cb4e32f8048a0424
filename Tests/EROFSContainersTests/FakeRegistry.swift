// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import Synchronization
import SystemPackage
import TreeSupport

@testable import EROFSContainers

/// What a registry answers, for tests: a transport that asks no network.
final class FakeRegistry: RegistryTransport {
  struct Answer: Sendable {
    var status = 200
    var headers: [(name: String, value: String)] = []
    var parts: [[UInt8]] = []
    /// The connection ends with an error after the parts.
    var isCut = false
    /// The parts come again and again.
    var isEndless = false
  }

  struct Asked: Sendable {
    let address: String
    let headers: [String: String]
    let body: [UInt8]?
  }

  private let folder: String
  private let asked = Mutex<[Asked]>([])
  /// Looks at each request, and may change what is answered; nil to say that there is no server.
  private let answer: @Sendable (RegistryRequest, Answer) -> Answer?

  /// - Parameter layout: its blobs are there, and its only reference is the tag `latest`.
  init(_ layout: LayoutWriter, _ answer: @escaping @Sendable (RegistryRequest, Answer) -> Answer? = { $1 }) {
    folder = layout.folder(layout.name)
    self.answer = answer
  }

  var requests: [Asked] { asked.withLock { $0 } }

  func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    let headers = Dictionary(request.headers.map { ($0.name, $0.value) }) { "\($0), \($1)" }
    asked.withLock { $0.append(Asked(address: request.address.text, headers: headers, body: request.body)) }
    guard let answer = answer(request, usual(request)) else {
      throw RegistryError.connection("\(request.address)", reason: "nobody is there", isTemporary: true)
    }
    let rest = Mutex(answer.parts)
    return RegistryResponse(status: answer.status, headers: answer.headers) {
      let part = rest.withLock { rest in
        if rest.isEmpty, answer.isEndless { rest = answer.parts }
        return rest.isEmpty ? nil : rest.removeFirst()
      }
      if part == nil, answer.isCut {
        throw RegistryError.connection("there", reason: "the connection was cut", isTemporary: true)
      }
      return part
    }
  }

  func usual(_ request: RegistryRequest) -> Answer {
    var name = String(request.address.path.prefix { $0 != "?" }.split(separator: "/").last ?? "")
    var headers: [(name: String, value: String)] = []
    if name == "latest", let data = FileManager.default.contents(atPath: "\(folder)/index.json"),
      let reference = try? JSONParser.value([UInt8](data))["manifests"]?.elements?.first
    {
      name = reference["digest"]?.text ?? ""
      headers = [("Content-Type", reference["mediaType"]?.text ?? ""), ("Docker-Content-Digest", name)]
    }
    guard name.hasPrefix("sha256:"),
      let data = FileManager.default.contents(atPath: "\(folder)/blobs/sha256/\(name.dropFirst(7))")
    else {
      return Answer(
        status: 404, parts: [Array("{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"no\\u001bne\"}]}".utf8)])
    }
    var bytes = [UInt8](data)
    var status = 200
    if headers.isEmpty, request.address.path.contains("/manifests/") {
      let isIndex = (try? JSONParser.value(bytes))?["manifests"] != nil
      headers = [("Content-Type", isIndex ? LayoutWriter.indexType : LayoutWriter.manifestType)]
    }
    let range = request.headers.first { $0.name == "Range" }?.value.dropFirst("bytes=".count).split(separator: "-")
    if let range, let start = Int(range[0]) {
      headers.append(("Content-Range", "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"))
      (bytes, status) = (Array(bytes[start...]), 206)
    }
    headers.append(("Content-Length", "\(bytes.count)"))
    let parts = stride(from: 0, to: bytes.count, by: 1000).map { Array(bytes[$0..<min($0 + 1000, bytes.count)]) }
    return Answer(status: status, headers: headers, parts: parts)
  }
}

extension RegistryRequest {
  /// Whether it asks for this blob.
  func isForBlob(_ digest: BlobDigest) -> Bool { address.path.hasSuffix("/blobs/\(digest)") }
}
