// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The numbers that are acted on, and words for those that people meet.
enum Errno {
  static let permission = 1, noEntry = 2, noProcess = 3, interrupted = 4, io = 5, tooLong = 7, noExecutable = 8
  static let noChild = 10, again = 11, noMemory = 12, access = 13, busy = 16, exists = 17, noDevice = 19
  static let notDirectory = 20, isDirectory = 21, invalid = 22, notEmpty = 39, nameTooLong = 36, loop = 40

  @inline(never)
  static func text(_ number: Int) -> StaticString? {
    switch number {
    case 1: "Operation not permitted"
    case 2: "No such file or directory"
    case 3: "No such process"
    case 5: "Input/output error"
    case 6: "No such device or address"
    case 7: "Argument list too long"
    case 8: "Exec format error"
    case 9: "Bad file descriptor"
    case 11: "Resource temporarily unavailable"
    case 12: "Cannot allocate memory"
    case 13: "Permission denied"
    case 15: "Block device required"
    case 16: "Device or resource busy"
    case 17: "File exists"
    case 18: "Invalid cross-device link"
    case 19: "No such device"
    case 20: "Not a directory"
    case 21: "Is a directory"
    case 22: "Invalid argument"
    case 24: "Too many open files"
    case 26: "Text file busy"
    case 27: "File too large"
    case 28: "No space left on device"
    case 29: "Illegal seek"
    case 30: "Read-only file system"
    case 31: "Too many links"
    case 32: "Broken pipe"
    case 36: "File name too long"
    case 38: "Function not implemented"
    case 39: "Directory not empty"
    case 40: "Too many levels of symbolic links"
    case 95: "Operation not supported"
    case 117: "Structure needs cleaning"
    default: nil
    }
  }
}
