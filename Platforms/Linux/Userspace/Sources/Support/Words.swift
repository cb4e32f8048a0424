// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The words of a line, cut at blanks.
struct Words {
  private let text: Text
  private var at = 0

  init(_ text: Text) { self.text = text }

  @inline(never)
  mutating func next() -> Text? {
    while at < text.count, isBlank(text[at]) { at &+= 1 }
    let begin = at
    while at < text.count, !isBlank(text[at]) { at &+= 1 }
    return at > begin ? text.part(begin, at) : nil
  }
}
