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

  /// Where `docker login` and the like leave credentials: `config.json` in the directory that `DOCKER_CONFIG` names, or in
  /// `~/.docker`; nil if neither is known.
  public static var dockerFile: FilePath? {
    if let folder = getenv("DOCKER_CONFIG") { return FilePath(platformString: folder).appending("config.json") }
    return getenv("HOME").map { FilePath(platformString: $0).appending(".docker/config.json") }
  }

  /// The credentials for a registry in such a file. What it leaves to another program (`credsStore`, `credHelpers`) is not asked
  /// for.
  ///
  /// - Parameters:
  ///   - registry: as ``ImageReference/registry``.
  ///   - path: the file; one that is not there has none.
  /// - Returns: nil if it has none.
  /// - Throws: ``RegistryError/credentials(_:_:)`` if it cannot be read.
  public static func inDockerFile(_ path: FilePath, for registry: String) throws -> RegistryCredentials? {
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

  /// Docker's own registry has a key that is no host.
  private static func isKey(_ key: String, of registry: String) -> Bool {
    var host = Substring(key)
    for scheme in ["https://", "http://"] where host.hasPrefix(scheme) { host = host.dropFirst(scheme.count) }
    host = host.prefix { $0 != "/" }
    return host == registry || registry == "docker.io" && host == "index.docker.io"
  }
}
