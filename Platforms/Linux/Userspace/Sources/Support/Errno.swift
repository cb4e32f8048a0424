// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The numbers that are acted on, and words for those that people meet. Above 1000: what is wrong with a pattern.
enum Errno {
  static let permission = 1, noEntry = 2, noProcess = 3, interrupted = 4, io = 5, tooLong = 7, noExecutable = 8
  static let noChild = 10, again = 11, noMemory = 12, access = 13, busy = 16, exists = 17, noDevice = 19
  static let notDirectory = 20, isDirectory = 21, invalid = 22, notEmpty = 39, nameTooLong = 36, loop = 40

  /// One text, as a table of pointers would need to be relocated.
  private static var texts: Literal {
    """
    1 Operation not permitted
    2 No such file or directory
    3 No such process
    5 Input/output error
    6 No such device or address
    7 Argument list too long
    8 Exec format error
    9 Bad file descriptor
    11 Resource temporarily unavailable
    12 Cannot allocate memory
    13 Permission denied
    15 Block device required
    16 Device or resource busy
    17 File exists
    18 Invalid cross-device link
    19 No such device
    20 Not a directory
    21 Is a directory
    22 Invalid argument
    24 Too many open files
    26 Text file busy
    27 File too large
    28 No space left on device
    29 Illegal seek
    30 Read-only file system
    31 Too many links
    32 Broken pipe
    36 File name too long
    38 Function not implemented
    39 Directory not empty
    40 Too many levels of symbolic links
    95 Operation not supported
    117 Structure needs cleaning
    1001 unmatched [ or unknown class
    1002 unmatched ( or )
    1003 invalid repetition count
    1004 trailing backslash
    1005 back references are not supported
    1006 the expression is too large
    1007 nothing to repeat
    """
  }

  @inline(never)
  static func text(_ number: Int) -> Text? {
    let table = Text(texts)
    var at = 0
    while at < table.count {
      let end = table.index(of: 10, from: at)
      if table.leadingNumber(&at) == number { return table.part(at + 1, end) }
      at = end + 1
    }
    return nil
  }
}
