// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A URL with the scheme `https` or `http`, taken apart. It is put together of its parts again, so that whoever parses it
/// later finds the same host.
public struct RegistryAddress: Sendable, Hashable, CustomStringConvertible {
  /// Who answers.
  struct Origin: Sendable, Hashable {
    var isEncrypted: Bool
    /// In lower case; addresses of IPv6 in brackets.
    var host: String
    var port: Int

    /// Whether it is this machine: `localhost`, or a number that means it.
    var isLoopback: Bool {
      let parts = host.split(separator: ".", omittingEmptySubsequences: false)
      return host == "localhost" || host == "[::1]"
        || parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
  }

  let origin: Origin
  /// With the query, from the first slash on.
  let path: String

  init(_ origin: Origin, _ path: String) { (self.origin, self.path) = (origin, path) }

  /// - Parameter text: with scheme and host; a name of a user, as some have before the host, is refused.
  init?(_ text: String) {
    let isEncrypted: Bool
    let rest: Substring
    let lower = text.prefix(8).lowercased()
    if lower.hasPrefix("https://") {
      (isEncrypted, rest) = (true, text.dropFirst(8))
    } else if lower.hasPrefix("http://") {
      (isEncrypted, rest) = (false, text.dropFirst(7))
    } else {
      return nil
    }
    let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    guard let (host, port) = Self.host(rest[..<end]) else { return nil }
    var path = rest[end...]
    if let fragment = path.firstIndex(of: "#") { path = path[..<fragment] }
    guard let encoded = Self.encoded(path) else { return nil }
    origin = Origin(isEncrypted: isEncrypted, host: host, port: port ?? (isEncrypted ? 443 : 80))
    self.path = encoded.hasPrefix("/") ? encoded : "/" + encoded
  }

  private static func host(_ text: Substring) -> (String, Int?)? {
    var host = text
    var port: Int?
    func isInside(_ byte: UInt8) -> Bool {
      (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E
        || byte == 0x5F
    }
    let closing = text.lastIndex(of: "]") ?? text.startIndex
    if let colon = text[closing...].lastIndex(of: ":") {
      guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else { return nil }
      port = Int(number)
      host = text[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = host.dropFirst().dropLast().utf8
      guard !inner.isEmpty, inner.allSatisfy({ $0 == 0x3A || $0 == 0x2E || Character(.init($0)).isHexDigit }) else {
        return nil
      }
    } else {
      guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy(isInside) else { return nil }
    }
    return (host.lowercased(), port)
  }

  /// What URLs may have, as it is; other visible characters by their numbers; nil if there is one that is not.
  private static func encoded(_ text: Substring) -> String? {
    guard text.utf8.count <= 16384 else { return nil }
    var out: [UInt8] = []
    for byte in text.utf8 {
      guard byte > 0x20, byte != 0x7F else { return nil }
      let isLetter = (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
      if isLetter || "-._~!$&'()*+,;=:@%/?".utf8.contains(byte) {
        out.append(byte)
      } else {
        out += "%\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))".utf8
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// What a redirection from here leads to.
  func resolving(_ location: String) -> RegistryAddress? {
    if location.contains("://"), let address = RegistryAddress(location) { return address }
    let scheme = origin.isEncrypted ? "https" : "http"
    if location.hasPrefix("//") { return RegistryAddress("\(scheme):\(location)") }
    // A scheme that is none of ours.
    if let colon = location.firstIndex(of: ":"), !location[..<colon].contains(where: { "/?#".contains($0) }) {
      return nil
    }
    let base = "\(scheme)://\(origin.host):\(origin.port)"
    if location.hasPrefix("/") { return RegistryAddress(base + location) }
    let plain = path.prefix { $0 != "?" }
    if location.hasPrefix("?") { return RegistryAddress(base + plain + location) }
    return RegistryAddress(base + plain[...(plain.lastIndex(of: "/") ?? plain.startIndex)] + location)
  }

  /// All of it, as whoever sends a request needs it.
  public var text: String { "\(server)\(path)" }

  private var server: String {
    let port = origin.port == (origin.isEncrypted ? 443 : 80) ? "" : ":\(origin.port)"
    return "\(origin.isEncrypted ? "https" : "http")://\(origin.host)\(port)"
  }

  /// Without the query.
  public var description: String { server + path.prefix { $0 != "?" } }
}
