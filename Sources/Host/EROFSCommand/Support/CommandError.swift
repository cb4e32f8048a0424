// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// An operation that failed, with a message.
struct CommandError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
