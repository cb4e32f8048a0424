// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CCrypto

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
