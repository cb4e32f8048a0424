// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

// What the unpacker uses of apple/containerization, with the same names and types.

/// A report of progress: `add-total-size`, `add-size`, `add-total-items` and `add-items`.
public struct ProgressEvent: Sendable {
  public let event: String
  public let value: any Sendable

  public init(event: String, value: any Sendable) { (self.event, self.value) = (event, value) }
}

public typealias ProgressHandler = @Sendable (_ events: [ProgressEvent]) async -> Void

/// Where an image runs.
public struct Platform: Sendable, Equatable, Codable {
  public let architecture: String
  public let os: String
  public let variant: String?

  public init(arch: String, os: String, variant: String? = nil) {
    (architecture, self.os, self.variant) = (arch, os, variant)
  }
}

public struct Descriptor: Sendable, Codable {
  public let mediaType: String
  public let digest: String
  public let size: Int64
  public var platform: Platform?
}

public struct Index: Sendable, Codable { public let manifests: [Descriptor] }

public struct Manifest: Sendable, Codable {
  public let config: Descriptor
  public let layers: [Descriptor]
}

/// A blob of the store.
public protocol Content: Sendable {
  var path: URL { get }
}

public protocol ContentStore: Sendable {
  func get(digest: String) async throws -> Content?
}

/// A container image in a store: its root is an index.
public struct Image: Sendable {
  struct Absent: Error { let what: String }

  private let contentStore: ContentStore
  public let reference: String
  public let digest: String

  public init(reference: String, digest: String, contentStore: ContentStore) {
    (self.reference, self.digest, self.contentStore) = (reference, digest, contentStore)
  }

  public func descriptor(for platform: Platform) async throws -> Descriptor {
    let index = try JSONDecoder().decode(Index.self, from: Data(contentsOf: await getContent(digest: digest).path))
    guard let found = index.manifests.first(where: { $0.platform == platform }) else {
      throw Absent(what: "\(platform)")
    }
    return found
  }

  public func manifest(for platform: Platform) async throws -> Manifest {
    let place = try await getContent(digest: descriptor(for: platform).digest).path
    return try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: place))
  }

  public func getContent(digest: String) async throws -> Content {
    guard let content = try await contentStore.get(digest: digest) else { throw Absent(what: digest) }
    return content
  }
}

/// What a virtual machine mounts.
public struct Mount: Sendable {
  public enum RuntimeOptions: Sendable { case virtioblk([String]) }

  public var type: String
  public var source: String
  public var destination: String
  public var options: [String]
  public let runtimeOptions: RuntimeOptions

  public static func block(
    format: String, source: String, destination: String, options: [String] = [], runtimeOptions: [String] = []
  ) -> Mount {
    Mount(
      type: format, source: source, destination: destination, options: options,
      runtimeOptions: .virtioblk(runtimeOptions))
  }
}

/// What makes something mountable of an image.
public protocol Unpacker {
  func unpack(_ image: Image, for platform: Platform, at path: URL, progress: ProgressHandler?) async throws -> Mount
}
