// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension InodeKind {
  /// The first letter of a mode as `ls` shows it.
  package var letter: Character {
    switch self {
    case .regular: "-"
    case .directory: "d"
    case .characterDevice: "c"
    case .blockDevice: "b"
    case .fifo: "p"
    case .socket: "s"
    case .symbolicLink: "l"
    }
  }

  /// Its name, which is also its value in JSON.
  package var word: String { "\(name)" }
}

extension DataLayout {
  /// The name that the tools of erofs-utils use.
  package var word: String { "\(name)" }
}

extension Inode {
  /// The mode as `ls` shows it, `-rwxr-xr-x`.
  public var modeText: String { String(kind.letter) + Self.permissionLetters(permissions) }

  /// `rwxr-xr-x`, with `s` and `t` for the three bits above.
  static func permissionLetters(_ permissions: UInt16) -> String {
    var text = ""
    for (shift, special, set, unset) in [(6, 0o4000, "s", "S"), (3, 0o2000, "s", "S"), (0, 0o1000, "t", "T")] {
      let bits = permissions >> UInt16(shift)
      text += bits & 4 != 0 ? "r" : "-"
      text += bits & 2 != 0 ? "w" : "-"
      let executes = bits & 1 != 0
      text += permissions & UInt16(special) != 0 ? (executes ? set : unset) : (executes ? "x" : "-")
    }
    return text
  }

  package var modeOctal: String {
    let digits = String(permissions, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
