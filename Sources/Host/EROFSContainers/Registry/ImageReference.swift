// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The name of an image in a registry, as `docker pull` takes it: `alpine`, `quay.io/name/image:tag`,
/// `localhost:5000/image@sha256:…`.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
  /// The registry's host, with a port if it has one; `docker.io` if none is named.
  public let registry: String
  public let repository: String
  /// Without a digest, `latest` if none is named.
  public let tag: String?
  /// If it is there, the tag does not count.
  public let digest: BlobDigest?

  /// - Throws: ``RegistryError/reference(_:_:)``.
  public init(_ text: String) throws(RegistryError) {
    func wrong(_ reason: String) -> RegistryError { .reference(text.quoted, reason) }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !text.isEmpty else {
      throw wrong("it has characters that no name has")
    }
    if text.contains("://") { throw wrong("it is written without a scheme, as docker.io/library/alpine:3.20") }
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count > 1 {
      guard let digest = BlobDigest(String(parts[1])) else {
        throw wrong("the digest is none of SHA-256, which is the only one that can be checked")
      }
      self.digest = digest
    } else {
      digest = nil
    }
    var name = parts[0]
    let slash = name.lastIndex(of: "/") ?? name.startIndex
    if let colon = name[slash...].lastIndex(of: ":") {
      let tag = name[name.index(after: colon)...]
      guard Self.isTag(tag) else { throw wrong("its tag is none: letters, digits, and _ . - that do not begin it") }
      self.tag = String(tag)
      name = name[..<colon]
    } else {
      tag = digest == nil ? "latest" : nil
    }
    var registry = "docker.io"
    if let slash = name.firstIndex(of: "/") {
      let first = name[..<slash]
      if first == "localhost" || first.contains(".") || first.contains(":") || first.hasPrefix("[") {
        registry = first.lowercased()
        name = name[name.index(after: slash)...]
      }
    }
    if registry == "index.docker.io" { registry = "docker.io" }
    var repository = String(name)
    if registry == "docker.io", !repository.contains("/") { repository = "library/\(repository)" }
    guard RegistryAddress("https://\(registry)/") != nil else { throw wrong("\(registry) is no host") }
    guard repository.utf8.count <= 255, Self.isRepository(repository) else {
      throw wrong("a repository has lower-case letters, digits, and single . _ - / between them")
    }
    (self.registry, self.repository) = (registry, repository)
  }

  private static func isTag(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 128, first != 0x2D, first != 0x2E else { return false }
    return text.utf8.allSatisfy { isLower($0) || (0x41...0x5A).contains($0) || [0x5F, 0x2E, 0x2D].contains($0) }
  }

  private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }

  private static func isRepository(_ text: String) -> Bool {
    text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      guard let first = part.utf8.first, let last = part.utf8.last, isLower(first), isLower(last) else { return false }
      // Between letters and digits: a dot, one or two underscores, or any number of dashes.
      let separators = part.utf8.split(omittingEmptySubsequences: true, whereSeparator: isLower)
      return separators.allSatisfy { run in
        [".", "_", "__"].contains { $0.utf8.elementsEqual(run) } || run.allSatisfy { $0 == 0x2D }
      }
    }
  }

  /// As it is written in full.
  public var description: String {
    "\(registry)/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
  }

  /// What a manifest is asked for by.
  var version: String { digest.map { "\($0)" } ?? tag! }

  /// Docker's registry is at another host than its name.
  var host: String { registry == "docker.io" ? "registry-1.docker.io" : registry }
}
