// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Who logs in to a registry.
public struct RegistryCredentials: Sendable, Hashable {
  public var username: String
  public var password: String
  /// What a former login left instead of a password; empty for none.
  public var identityToken = ""

  /// By name and password.
  ///
  /// - Parameters:
  ///   - username: without a colon.
  ///   - password: as it is.
  public init(username: String, password: String) {
    (self.username, self.password) = (username, password)
  }

  /// As a header has them.
  var basic: String { "Basic " + Base64.encoded(Array("\(username):\(password)".utf8)) }

  private static let longestFile = 1 << 20

  /// Where `docker login` leaves credentials: `config.json` in the directory that `DOCKER_CONFIG` names, or in `~/.docker`;
  /// nil if neither is known.
  public static var dockerFile: FilePath? {
    variable("DOCKER_CONFIG")?.appending("config.json") ?? variable("HOME")?.appending(".docker/config.json")
  }

  /// Where `podman login` leaves them: the file that `REGISTRY_AUTH_FILE` names, or `containers/auth.json` in the directory
  /// for what runs; nil if neither is known.
  public static var podmanFile: FilePath? {
    variable("REGISTRY_AUTH_FILE") ?? variable("XDG_RUNTIME_DIR")?.appending("containers/auth.json")
  }

  /// A path in the environment; an empty one is none, not the current directory.
  private static func variable(_ name: String) -> FilePath? {
    guard let value = getenv(name), value[0] != 0 else { return nil }
    return FilePath(platformString: value)
  }

  /// The credentials of a login with `docker login`, or else with `podman login`.
  ///
  /// - Parameter registry: as ``ImageReference/registry``.
  /// - Returns: nil if nobody has logged in.
  /// - Throws: ``RegistryError/credentials(_:_:)`` if a file cannot be read, or the program that it names fails.
  public static func ofLogin(to registry: String) throws -> RegistryCredentials? {
    for file in [dockerFile, podmanFile] {
      if let file, let found = try inDockerFile(file, for: registry) { return found }
    }
    return nil
  }

  /// The credentials for a registry in such a file, or those that a program has which the file names: `docker-credential-`
  /// and a name, from `credHelpers` for this registry or from `credsStore` for all.
  ///
  /// - Parameters:
  ///   - path: the file; one that is not there has none.
  ///   - registry: as ``ImageReference/registry``.
  ///   - patience: how long a program is waited for.
  /// - Returns: nil if there are none.
  /// - Throws: ``RegistryError/credentials(_:_:)`` if it cannot be read, or the program fails.
  public static func inDockerFile(
    _ path: FilePath, for registry: String, patience: Duration = .seconds(60)
  ) throws -> RegistryCredentials? {
    func wrong(_ reason: String) -> RegistryError { .credentials("\(path)", reason) }
    let descriptor: FileDescriptor
    do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch Errno
      .noSuchFileOrDirectory
    {
      return nil
    } catch { throw wrong("\(error)") }
    defer { try? descriptor.close() }
    var bytes: [UInt8] = []
    do {
      while bytes.count <= longestFile {
        let part = try [UInt8](unsafeUninitializedCapacity: 65536) { $1 = try descriptor.read(into: .init($0)) }
        if part.isEmpty { break }
        bytes += part
      }
    } catch { throw wrong("\(error)") }
    guard bytes.count <= longestFile else { throw wrong("it is too long") }
    let json: JSON
    do { json = try JSONParser.value(bytes) } catch { throw wrong("\(error)") }
    if let helper = try CredentialHelper(json, for: registry, "\(path)") {
      if let found = try helper.credentials(patience) { return found }
    }
    guard case .object(let members)? = json["auths"] else { return nil }
    guard let entry = members.last(where: { isKey($0.key, of: registry) })?.value else { return nil }
    var credentials = RegistryCredentials(
      username: entry["username"]?.text ?? "", password: entry["password"]?.text ?? "")
    if let text = entry["auth"]?.text, !text.isEmpty {
      guard let pair = Base64.decoded(text).map({ String(decoding: $0, as: UTF8.self) }),
        let colon = pair.firstIndex(of: ":")
      else { throw wrong("the entry for \(registry) has an auth that is no name and password") }
      credentials.username = String(pair[..<colon])
      credentials.password = String(pair[pair.index(after: colon)...].reversed().drop { $0 == "\0" }.reversed())
    }
    credentials.identityToken = entry["identitytoken"]?.text ?? ""
    if credentials.username.isEmpty, credentials.identityToken.isEmpty { return nil }
    return credentials
  }

  /// Docker's own registry has a key that is no host. Keys with other paths are for a part of a registry, or for tokens of
  /// docker's own.
  static func isKey(_ key: String, of registry: String) -> Bool {
    var host = Substring(key)
    for scheme in ["https://", "http://"] where host.hasPrefix(scheme) { host = host.dropFirst(scheme.count) }
    let path = host.drop { $0 != "/" }
    guard ["", "/", "/v1", "/v1/", "/v2", "/v2/"].contains(path) else { return false }
    host = host.prefix { $0 != "/" }
    return host == registry || registry == "docker.io" && host == "index.docker.io"
  }
}
