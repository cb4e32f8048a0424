// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

/// A repository of a registry while something is read from it.
final class RegistrySession: Sendable {
  let client: RegistryClient
  private let reference: ImageReference
  private let home: RegistryAddress.Origin
  /// The header's value that was good last.
  private let authorization = Mutex<String?>(nil)
  private let hasAnswered = Atomic(false)

  private static let (mostRedirections, mostLogins) = (5, 3)
  private static let longestMessage = 65536

  private init(_ client: RegistryClient, _ reference: ImageReference, _ home: RegistryAddress.Origin) {
    (self.client, self.reference, self.home) = (client, reference, home)
  }

  /// Finds out whether the registry speaks TLS, if it is on this machine.
  static func open(_ client: RegistryClient, _ reference: ImageReference) async throws -> RegistrySession {
    guard let address = RegistryAddress("\(client.allowsPlainHTTP ? "http" : "https")://\(reference.host)/v2/") else {
      throw RegistryError.reference("\(reference)", "\(reference.host) is no host")
    }
    var home = address.origin
    if home.isLoopback, home.isEncrypted {
      // A certificate that is not accepted is no reason to do without.
      do { _ = try await client.transport.send(RegistryRequest(address)) } catch let error as RegistryError
        where error.isTemporary
      {
        guard let plain = RegistryAddress("http://\(reference.host)/v2/") else { throw error }
        home = plain.origin
      }
    }
    return RegistrySession(client, reference, home)
  }

  /// What is asked for below the repository's own path.
  ///
  /// - Parameters:
  ///   - path: such as `manifests/latest`.
  ///   - headers: are not repeated where they would let somebody else in.
  /// - Returns: an answer with status 200 or 206, and who gave it.
  func get(
    _ path: String, _ headers: [(name: String, value: String)]
  ) async throws -> (response: RegistryResponse, address: RegistryAddress) {
    var address = RegistryAddress(home, "/v2/\(reference.repository)/\(path)")
    var own = authorization.withLock { $0 }
    var (redirections, logins) = (0, 0)
    while true {
      try Task.checkCancellation()
      var request = RegistryRequest(address, headers)
      if address.origin == home, let own { request.headers.append(("Authorization", own)) }
      let response = try await client.transport.send(request)
      hasAnswered.store(true, ordering: .relaxed)
      switch response.status {
      case 200, 206: return (response, address)
      case 301, 302, 303, 307, 308:
        redirections += 1
        address = try redirection(of: response, from: address, redirections)
      case 401 where address.origin == home:
        logins += 1
        guard logins <= Self.mostLogins else {
          throw RegistryError.login("\(address)", "the registry asks for it again and again")
        }
        let next = try await logIn(insteadOf: own, response, at: address)
        authorization.withLock { $0 = next }
        own = next
      default: throw await Self.failure(response, at: address)
      }
    }
  }

  private func redirection(
    of response: RegistryResponse, from address: RegistryAddress, _ count: Int
  ) throws -> RegistryAddress {
    guard count <= Self.mostRedirections else { throw RegistryError.redirect("\(address)", "there are too many") }
    guard let location = response.values("location").first, let next = address.resolving(location) else {
      throw RegistryError.redirect("\(address)", "it leads to no address of HTTP")
    }
    guard next.origin.isEncrypted || !address.origin.isEncrypted && isAllowed(next.origin) else {
      throw RegistryError.redirect("\(address)", "\(next) is not encrypted")
    }
    return next
  }

  private func isAllowed(_ origin: RegistryAddress.Origin) -> Bool {
    origin.isEncrypted || !home.isEncrypted && (client.allowsPlainHTTP || origin.isLoopback)
  }

  /// What an answer that is none says.
  private static func failure(_ response: RegistryResponse, at address: RegistryAddress) async -> RegistryError {
    let bytes = (try? await response.content(address, limit: longestMessage)) ?? []
    let first = (try? JSONParser.value(bytes))?["errors"]?.elements?.first
    let said = [first?["code"]?.text, first?["message"]?.text].compactMap { $0 }.joined(separator: ": ")
    return .answer(
      "\(address)", status: response.status, message: said.quoted, retryAfter: response.count("retry-after"))
  }

  /// Waits after a failure.
  ///
  /// - Throws: the failure if it is one too many, or none that goes away. Who never answered is not asked again.
  func recover(from error: any Error, failures: Int) async throws {
    guard let problem = error as? RegistryError, problem.isTemporary, failures < RegistryClient.mostFailures,
      hasAnswered.load(ordering: .relaxed)
    else { throw error }
    var delay = Duration.milliseconds(250 << min(failures, 5))
    if case .answer(_, _, _, let seconds?) = problem { delay = max(delay, .seconds(min(seconds, 60))) }
    client.log(.warning, "asking again", ["reason": "\(problem)", "failures": "\(failures)"])
    try await client.pause(delay)
  }

  // MARK: Login

  private func logIn(
    insteadOf old: String?, _ response: RegistryResponse, at address: RegistryAddress
  ) async throws -> String {
    // Somebody else who reads from here may have done so meanwhile.
    if let current = authorization.withLock({ $0 }), current != old { return current }
    let challenges = RegistryChallenge.all(response.values("www-authenticate"))
    if let challenge = challenges.first(where: { $0.scheme == "bearer" }) {
      return "Bearer " + (try await token(challenge, at: address))
    }
    guard challenges.contains(where: { $0.scheme == "basic" }) else {
      throw RegistryError.login("\(address)", "the registry does not say how, or wants more than a name and a password")
    }
    guard let credentials = client.credentials, !credentials.username.isEmpty else {
      throw RegistryError.login("\(address)", "the registry wants a name and a password")
    }
    guard credentials.basic != old else { throw RegistryError.login("\(address)", "name or password are wrong") }
    return credentials.basic
  }

  private func token(_ challenge: RegistryChallenge, at address: RegistryAddress) async throws -> String {
    guard let text = challenge.parameters["realm"], let realm = RegistryAddress(text) else {
      throw RegistryError.login("\(address)", "the registry does not say where tokens are given")
    }
    guard isAllowed(realm.origin) else { throw RegistryError.login("\(realm)", "it is not encrypted") }
    let scope = challenge.parameters["scope"] ?? "repository:\(reference.repository):pull"
    var fields = scope.split(separator: " ").map { ("scope", String($0)) }
    if let service = challenge.parameters["service"] { fields.insert(("service", service), at: 0) }
    func form(_ fields: [(String, String)]) -> String {
      fields.map { "\($0)=\(Self.escaped($1))" }.joined(separator: "&")
    }
    var request: RegistryRequest
    if let identity = client.credentials?.identityToken, !identity.isEmpty {
      request = RegistryRequest(realm, [("Content-Type", "application/x-www-form-urlencoded")])
      fields += [("grant_type", "refresh_token"), ("client_id", "erofs"), ("refresh_token", identity)]
      request.body = Array(form(fields).utf8)
    } else {
      request = RegistryRequest(
        RegistryAddress(realm.origin, realm.path + (realm.path.contains("?") ? "&" : "?") + form(fields)))
      if let credentials = client.credentials { request.headers = [("Authorization", credentials.basic)] }
    }
    client.log(.debug, "asking for a token", ["address": "\(realm)", "scope": scope.quoted])
    let (response, place) = try await answer(to: request)
    let bytes = try await response.content(place, limit: 1 << 20)
    let json = try? JSONParser.value(bytes)
    guard let token = json?["token"]?.text ?? json?["access_token"]?.text, !token.isEmpty, token.utf8.count <= 65536,
      token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { throw RegistryError.login("\(place)", "the answer has no token") }
    return token
  }

  /// Of the server for tokens.
  private func answer(to first: RegistryRequest) async throws -> (RegistryResponse, RegistryAddress) {
    var request = first
    var redirections = 0
    while true {
      let response = try await client.transport.send(request)
      switch response.status {
      case 200: return (response, request.address)
      case 301, 302, 303, 307, 308:
        guard request.body == nil else {
          throw RegistryError.redirect("\(request.address)", "what was sent is for nobody else")
        }
        redirections += 1
        let next = try redirection(of: response, from: request.address, redirections)
        // Credentials are for the server that was named.
        request = RegistryRequest(next, next.origin == first.address.origin ? first.headers : [])
      case 400, 401, 403:
        let problem = await Self.failure(response, at: request.address)
        let who =
          client.credentials == nil
          ? "nobody may read this without a name and a password" : "name or password are wrong"
        throw RegistryError.login("\(request.address)", "\(who), or there is no such repository: \(problem)")
      default: throw await Self.failure(response, at: request.address)
      }
    }
  }

  private static func escaped(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      let isLetter = (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
      if isLetter && byte < 0x80 || "-._~".utf8.contains(byte) {
        out.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        out += "%\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))"
      }
    }
    return out
  }
}
