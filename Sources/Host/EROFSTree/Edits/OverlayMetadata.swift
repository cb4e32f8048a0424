// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension Tree {
  /// Removes what only overlayfs understands: whiteouts, and the attributes `trusted.overlay.*` and `user.overlay.*`. What is
  /// left is as if this were the lowest layer.
  public mutating func stripOverlayMetadata() {
    for entry in liveEntries where isWhiteout(entry) || isWhiteoutByAttribute(entry) { remove(entry) }
    AttributeRule.drop(prefixes: Self.overlayPrefixes).apply(to: &self)
  }

  private static var overlayPrefixes: [[UInt8]] { [Array("trusted.overlay.".utf8), Array("user.overlay.".utf8)] }

  /// The form that nested overlayfs uses (Linux 6.7).
  func isWhiteoutByAttribute(_ entry: EntryID) -> Bool {
    let inode = inode(of: entry)
    guard kind(of: inode) == .regular, size(of: inode) == 0 else { return false }
    return Self.overlayPrefixes.contains { prefix in
      attributes(of: inode).contains { $0.name == prefix + Array("whiteout".utf8) }
    }
  }
}
