// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What a registry wants to see before it answers (RFC 9110, section 11).
struct RegistryChallenge: Equatable {
  /// In lower case.
  var scheme: String
  var parameters: [String: String] = [:]

  /// Those of `WWW-Authenticate`, of which there may be several, and in each several.
  static func all(_ headers: [String]) -> [RegistryChallenge] {
    headers.prefix(8).flatMap { list(Array($0.utf8.prefix(8192))) }
  }

  private static func list(_ text: [UInt8]) -> [RegistryChallenge] {
    var challenges: [RegistryChallenge] = []
    var at = 0
    func skip(_ bytes: String) { while at < text.count, bytes.utf8.contains(text[at]) { at += 1 } }
    func token() -> String {
      let start = at
      while at < text.count, !" \t,=\"".utf8.contains(text[at]) { at += 1 }
      return String(decoding: text[start..<at], as: UTF8.self).lowercased()
    }
    func value() -> String {
      guard at < text.count, text[at] == UInt8(ascii: "\"") else {
        let start = at
        while at < text.count, !" \t,".utf8.contains(text[at]) { at += 1 }
        return String(decoding: text[start..<at], as: UTF8.self)
      }
      at += 1
      var out: [UInt8] = []
      while at < text.count, text[at] != UInt8(ascii: "\"") {
        if text[at] == UInt8(ascii: "\\"), at + 1 < text.count { at += 1 }
        out.append(text[at])
        at += 1
      }
      at += 1
      return String(decoding: out, as: UTF8.self)
    }
    while true {
      skip(" \t,")
      guard at < text.count else { return challenges }
      let name = token()
      skip(" \t")
      if at < text.count, text[at] == UInt8(ascii: "="), !challenges.isEmpty {
        at += 1
        skip(" \t")
        challenges[challenges.count - 1].parameters[name] = value()
      } else if name.isEmpty {
        at += 1
      } else {
        challenges.append(RegistryChallenge(scheme: name))
      }
    }
  }
}

/// RFC 4648, section 4.
enum Base64 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encoded(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let part = bytes[start..<min(start + 3, bytes.count)]
      let bits = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
      for place in 0..<4 {
        out.append(place > part.count ? UInt8(ascii: "=") : digits[Int(bits >> UInt32(18 - 6 * place) & 63)])
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  static func decoded(_ text: String) -> [UInt8]? {
    var (bits, count): (UInt32, UInt32) = (0, 0)
    var out: [UInt8] = []
    for byte in text.utf8.reversed().drop(while: { $0 == UInt8(ascii: "=") }).reversed() {
      guard let digit = digits.firstIndex(of: byte) else { return nil }
      (bits, count) = (bits << 6 | UInt32(digit), count + 6)
      if count >= 8 {
        count -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> count))
        bits &= 1 << count - 1
      }
    }
    return count < 6 && bits == 0 ? out : nil
  }
}
