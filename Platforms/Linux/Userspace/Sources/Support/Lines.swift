// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Reads lines of any length that memory allows.
struct Lines {
  private let descriptor: Int32
  private var buffer = Buffer()
  private var at = 0
  private var searched = 0
  private var ended = false
  /// A negated errno, if reading failed.
  private(set) var failure = 0

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// The next line without its end, which lies in the buffer until the next call. nil at the end of the input.
  @inline(never)
  mutating func next() -> Text? {
    while true {
      let text = buffer.text
      let end = text.index(of: 10, from: searched)
      if end < text.count || (ended && at < text.count) {
        let line = text.part(at, end)
        at = end < text.count ? end + 1 : end
        searched = at
        return line
      }
      if ended { return nil }
      buffer.drop(at)
      at = 0
      searched = buffer.count
      let got = buffer.read(descriptor)
      if got <= 0 {
        failure = got
        ended = true
      }
    }
  }
  mutating func free() { buffer.free() }
}
