// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An extended regular expression of POSIX, as the C library understands it, over bytes.
///
/// The C library takes memory and time that grow with counts like `{1000}`; patterns are the caller's own.
public final class TreePattern: @unchecked Sendable {
  // Written by `init` only; the C library allows matching from several threads.
  private let compiled: UnsafeMutablePointer<regex_t>
  public let text: String

  public convenience init(_ text: String) throws(TreeError) { try self.init(bytes: Array(text.utf8), text: text) }

  /// The same from bytes; `text` is what messages show.
  init(bytes: [UInt8], text: String) throws(TreeError) {
    if bytes.contains(0) { throw .pattern(text, reason: "it contains a zero byte") }
    let compiled = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
    compiled.initialize(to: regex_t())
    // Bytes, not characters, whatever language the process is set to.
    let locale = newlocale(FileCall.allCategories, "C", nil)
    let before = uselocale(locale)
    let result = FileCall.withName(bytes) { regcomp(compiled, $0, REG_EXTENDED | REG_NOSUB) }
    var message = [CChar](repeating: 0, count: 256)
    if result != 0 { regerror(result, compiled, &message, message.count) }
    _ = uselocale(before)
    if let locale { freelocale(locale) }
    if result != 0 {
      compiled.deallocate()
      let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw .pattern(text, reason: reason)
    }
    self.compiled = compiled
    self.text = text
  }

  deinit {
    regfree(compiled)
    compiled.deallocate()
  }

  /// Whether it occurs anywhere in `bytes`, which hold no zero byte.
  public func matches(_ bytes: some Collection<UInt8>) -> Bool {
    FileCall.withName(bytes) { regexec(compiled, $0, 0, nil, 0) == 0 }
  }
}
