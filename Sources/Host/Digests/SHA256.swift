// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CCrypto

/// The UUID of a name in the name space of URLs (RFC 9562, version 5, by SHA-1): 16 bytes.
package func nameUUID(_ name: [UInt8]) -> [UInt8] {
  // The name space's own UUID, 6ba7b811-9dad-11d1-80b4-00c04fd430c8.
  let space: [UInt8] = [
    0x6B, 0xA7, 0xB8, 0x11, 0x9D, 0xAD, 0x11, 0xD1, 0x80, 0xB4, 0x00, 0xC0, 0x4F, 0xD4, 0x30, 0xC8,
  ]
  let bytes = space + name
  var digest = [UInt8](repeating: 0, count: 20)
  EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha1(), nil)
  digest[6] = digest[6] & 0x0F | 0x50
  digest[8] = digest[8] & 0x3F | 0x80
  return Array(digest.prefix(16))
}

/// A SHA-256 that is fed piece by piece.
package final class SHA256 {
  private let context = EVP_MD_CTX_new()

  package init() { EVP_DigestInit_ex(context, EVP_sha256(), nil) }

  deinit { EVP_MD_CTX_free(context) }

  package func update(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

  package func update(zeros count: UInt64) {
    let block = [UInt8](repeating: 0, count: Int(min(count, 65536)))
    var rest = count
    while rest > 0 {
      let part = min(rest, UInt64(block.count))
      block.withUnsafeBytes { update(UnsafeRawBufferPointer(rebasing: $0[..<Int(part)])) }
      rest -= part
    }
  }

  /// The 32 bytes; nothing may be added any more.
  package func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &digest, nil)
    return digest
  }
}
