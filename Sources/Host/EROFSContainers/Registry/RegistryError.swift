// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What is wrong with a registry's answers, or with the way to it. Of addresses only what is no secret is said: what follows
/// a question mark often lets its owner in.
public enum RegistryError: Error, CustomStringConvertible {
  /// The text names no image, and why.
  case reference(String, String)
  /// No answer came, or it was cut short; whether it may come when it is asked again.
  case connection(String, reason: String, isTemporary: Bool)
  /// The registry's answer, with what it says of it; seconds after which it wants to be asked again.
  case answer(String, status: Int, message: String, retryAfter: UInt64?)
  /// A redirection that is not followed, and why.
  case redirect(String, String)
  /// The login failed, and why.
  case login(String, String)
  /// An answer that cannot be used, and why.
  case unusable(String, String)
  /// A file with credentials that cannot be read, and why.
  case credentials(String, String)

  public var description: String {
    switch self {
    case .reference(let text, let reason): "\(text) names no image: \(reason)"
    case .connection(let address, let reason, _): "\(address): \(reason)"
    case .answer(let address, let status, let message, _):
      "\(address): the answer is \(status)" + (message.isEmpty ? "" : " (\(message))")
    case .redirect(let address, let reason): "\(address): its redirection is not followed: \(reason)"
    case .login(let address, let reason): "\(address): the login failed: \(reason)"
    case .unusable(let what, let reason), .credentials(let what, let reason): "\(what): \(reason)"
    }
  }

  /// Whether it may go away.
  var isTemporary: Bool {
    switch self {
    case .connection(_, _, let isTemporary): isTemporary
    case .answer(_, let status, _, _): [408, 429, 500, 502, 503, 504].contains(status)
    default: false
    }
  }
}

extension String {
  /// What a stranger says, for a message: no control characters, and not long.
  var quoted: String {
    let shown = unicodeScalars.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }.prefix(200)
    var text = String.UnicodeScalarView()
    text.append(contentsOf: shown)
    return String(text)
  }
}
