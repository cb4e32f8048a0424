// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Reads images from registries (OCI's distribution specification, and Docker's registries).
///
/// A registry is a stranger: what it sends is checked by digest and size while it comes, documents have a limit,
/// redirections and logins are counted, credentials go to the registry and to where it sends for tokens, and nowhere else.
/// Several pulls may be at work at once.
public struct RegistryClient: Sendable {
  /// Who logs in; nil for nobody. Used when the registry asks for it.
  public var credentials: RegistryCredentials?
  /// Whether registries are spoken to without TLS. On this machine that is tried anyway, where there is no TLS.
  public var allowsPlainHTTP = false
  /// How many blobs come at once, 1 at least.
  public var parallel = 4
  public var log = ContainerLog.none
  let transport: any RegistryTransport
  /// Waits before it is tried again.
  var pause: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

  /// A client.
  ///
  /// - Parameter transport: what sends the requests.
  public init(_ transport: any RegistryTransport) { self.transport = transport }

  static let mostFailures = 5
}
