// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What sends requests of HTTP. The module EROFSRegistry has one; tests, and programs with a client of their own, have
/// others.
///
/// It sends what it is told to, and follows no redirection. When the caller's task is cancelled, it ends soon, and when an
/// answer is dropped before its end, it reads no more of it.
public protocol RegistryTransport: Sendable {
  /// Sends a request.
  ///
  /// - Parameter request: what is sent.
  /// - Returns: the answer, whose body is still to come.
  /// - Throws: ``RegistryError/connection(_:reason:isTemporary:)``.
  func send(_ request: RegistryRequest) async throws -> RegistryResponse
}

/// A request.
public struct RegistryRequest: Sendable {
  public let address: RegistryAddress
  public var headers: [(name: String, value: String)] = []
  /// With a body it is a POST, and else a GET.
  public var body: [UInt8]?

  init(_ address: RegistryAddress, _ headers: [(name: String, value: String)] = []) {
    (self.address, self.headers) = (address, headers)
  }
}

/// An answer.
public struct RegistryResponse: Sendable {
  public let status: Int
  public let headers: [(name: String, value: String)]
  /// The next part of the body; nil at its end. It throws ``RegistryError/connection(_:reason:isTemporary:)`` if the end
  /// does not come. One caller at a time.
  public let next: @Sendable () async throws -> [UInt8]?

  /// An answer.
  ///
  /// - Parameters:
  ///   - status: such as 200.
  ///   - headers: in their order.
  ///   - next: gives the next part of the body, or nil.
  public init(
    status: Int, headers: [(name: String, value: String)], next: @escaping @Sendable () async throws -> [UInt8]?
  ) {
    (self.status, self.headers, self.next) = (status, headers, next)
  }

  /// All values of a header.
  func values(_ name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name }.map(\.value)
  }

  /// A number in a header; nil if it is none, or not there.
  func count(_ name: String) -> UInt64? { values(name).first.flatMap { UInt64($0) } }

  /// The whole body.
  ///
  /// - Throws: ``RegistryError`` if it has more bytes than `limit`.
  func content(_ address: RegistryAddress, limit: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let part = try await next() {
      guard part.count <= limit - bytes.count else {
        throw RegistryError.unusable("\(address)", "the answer has more than \(limit) bytes")
      }
      bytes += part
    }
    return bytes
  }
}
