// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests

/// What a blob of a container image is known by: the SHA-256 of its bytes.
public struct BlobDigest: Sendable, Hashable, CustomStringConvertible {
  /// 64 lower-case hexadecimal digits.
  public let digits: String

  /// - Parameter text: `sha256:` and the digits; anything else is no digest that can be checked.
  public init?(_ text: String) {
    let prefix = "sha256:"
    let digits = text.utf8.dropFirst(prefix.utf8.count)
    guard text.hasPrefix(prefix), digits.count == 64,
      digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    self.digits = String(Substring(digits))
  }

  /// Of 32 bytes.
  init(_ bytes: [UInt8]) {
    digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The digest of these bytes.
  static func of(_ bytes: [UInt8]) -> BlobDigest {
    let sum = SHA256()
    bytes.withUnsafeBytes { sum.update($0) }
    return BlobDigest(sum.finish())
  }

  /// With the algorithm, as descriptors have it.
  public var description: String { "sha256:\(digits)" }

  /// The UUID of a layer's image as containerd's differ makes it: that of the name `erofs:blobs/` and the digest in the name
  /// space of URLs (RFC 9562, version 5).
  ///
  /// - Returns: 16 bytes.
  public var imageUUID: [UInt8] { nameUUID(Array("erofs:blobs/\(self)".utf8)) }
}
