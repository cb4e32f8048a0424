// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Without the trait Registry this module is empty, and what it imports is not fetched.
#if Registry
  import AsyncHTTPClient
  import EROFSContainers
  import NIOCore
  import NIOPosix
  import NIOSSL
  import SystemPackage

  /// Sends requests to registries by async-http-client.
  public final class HTTPTransport: RegistryTransport {
    private let client: HTTPClient

    /// Time for a connection, and time without a byte.
    private static let (connecting, silence) = (TimeAmount.seconds(30), TimeAmount.seconds(60))

    /// A transport with connections of its own; ``shutdown()`` has to be called at the end.
    ///
    /// - Parameter authorities: a file of certificates (PEM) of authorities that are believed besides those of the system.
    /// - Throws: `RegistryError.credentials` if that cannot be read.
    public init(authorities: FilePath? = nil) throws {
      var tls = TLSConfiguration.makeClientConfiguration()
      if let authorities {
        do {
          let certificates = try NIOSSLCertificate.fromPEMFile(authorities.string)
          guard !certificates.isEmpty else {
            throw RegistryError.credentials("\(authorities)", "it has no certificate")
          }
          tls.additionalTrustRoots = [.certificates(certificates)]
        } catch let error as RegistryError { throw error } catch {
          throw RegistryError.credentials("\(authorities)", "no certificates can be read from it: \(error)")
        }
      }
      var configuration = HTTPClient.Configuration(
        tlsConfiguration: tls, redirectConfiguration: .disallow,
        timeout: .init(connect: Self.connecting, read: Self.silence))
      // Whoever asks decides whether to ask again.
      configuration.connectionPool.retryConnectionEstablishment = false
      configuration.httpVersion = .http1Only
      client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes all connections.
    ///
    /// - Throws: what the connections say.
    public func shutdown() async throws { try await client.shutdown() }

    public func send(_ request: RegistryRequest) async throws -> RegistryResponse {
      var message = HTTPClientRequest(url: request.address.text)
      message.headers.add(name: "User-Agent", value: "swift-erofs")
      for header in request.headers { message.headers.add(name: header.name, value: header.value) }
      if let body = request.body {
        message.method = .POST
        message.body = .bytes(body)
      }
      let address = request.address
      return try await Self.translated(address) {
        let response = try await client.execute(message, timeout: Self.silence)
        let iterator = Iterator(response.body.makeAsyncIterator())
        return RegistryResponse(
          status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
          next: { try await Self.translated(address) { try await iterator.next() } })
      }
    }

    /// It has one user at a time.
    private final class Iterator: @unchecked Sendable {
      private var inner: HTTPClientResponse.Body.AsyncIterator

      init(_ inner: HTTPClientResponse.Body.AsyncIterator) { self.inner = inner }

      func next() async throws -> [UInt8]? {
        var iterator = inner
        defer { inner = iterator }
        return try await iterator.next().map { Array($0.readableBytesView) }
      }
    }

    // MARK: Errors

    private static func translated<Result>(_ address: RegistryAddress, _ body: () async throws -> Result) async throws
      -> Result
    {
      do { return try await body() } catch {
        if error is CancellationError || error as? HTTPClientError == .cancelled { throw CancellationError() }
        let (reason, isTemporary) = explained(error)
        throw RegistryError.connection("\(address)", reason: reason, isTemporary: isTemporary)
      }
    }

    private static func explained(_ error: any Error) -> (reason: String, isTemporary: Bool) {
      switch error {
      case let error as HTTPClientError:
        let passing: [HTTPClientError] = [
          .readTimeout, .connectTimeout, .deadlineExceeded, .remoteConnectionClosed, .tlsHandshakeTimeout,
          .writeTimeout,
          .uncleanShutdown,
        ]
        return (error.shortDescription, passing.contains(error))
      case let error as NIOSSLExtraError: return ("the certificate is for another host: \(error.description)", false)
      case NIOSSLError.handshakeFailed(let inner):
        let text = "\(inner)"
        guard text.contains("CERTIFICATE_VERIFY_FAILED") else { return ("TLS cannot be agreed on: \(text)", true) }
        return ("the certificate is from no authority that is believed, or is not valid now", false)
      case let error as NIOConnectionError:
        if let failure = error.connectionErrors.first { return ("no connection: \(failure.error)", true) }
        return ("there is no such host: \(error.host)", false)
      default: return ("\(error)", true)
      }
    }
  }
#endif
