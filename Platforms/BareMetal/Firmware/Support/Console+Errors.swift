// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Board
import Codecs
import EROFS
import EROFSFirmware

extension Console {
  /// An error in a line of words: what, which, where.
  public static func write(_ error: EROFSError) {
    switch error {
    case .corrupt(let defect, let position):
      write("corrupt: ")
      write(defect.explanation)
      write(position)
    case .unsupported(let feature, let position):
      write("unsupported ")
      write(feature)
      write(position)
    case .undecodable(let error, let algorithm, let position):
      write("undecodable ")
      write(algorithm.name)
      write(": ")
      write(error.reason.explanation)
      write(position)
    case .storage(let error, let position):
      write("storage ")
      write(Int(error.code))
      write(position)
    case .memory(let need, let bytes):
      write("memory for ")
      write(need.explanation)
      write(": needs ")
      write(bytes)
    case .notFound: write("not-found")
    case .notADirectory: write("not-a-directory")
    case .notAFile: write("not-a-file")
    }
  }

  private static func write(_ feature: Feature) {
    switch feature {
    case .incompatible(let bits):
      write("feature 0x")
      write(hexadecimal: UInt64(bits), digits: 8)
    case .blockSize(let shift):
      write("block-size 2^")
      write(Int(shift))
    case .directoryBlockSize: write("directory-block-size")
    case .algorithm(let id):
      write("codec ")
      if let algorithm = Algorithm(rawValue: id) { write(algorithm.name) } else { write(Int(id)) }
    case .device(let number):
      write("device ")
      write(number)
    case .size: write("size")
    case .work, .pathLength, .contentLength: write("bound")
    }
  }

  private static func write(_ position: Position) {
    switch position {
    case .device(let device, let offset):
      write(" at ")
      if device > 0 {
        write(device)
        write(":")
      }
      write(offset)
    case .metabox(let offset):
      write(" at metabox:")
      write(offset)
    }
  }

  public static func write(_ error: MountError) {
    switch error {
    case .image(let error): write(error)
    case .memory(let needed, let given, let isExact):
      write(isExact ? "memory: the image needs " : "memory: mounting needs ")
      write(needed)
      write(" bytes, given ")
      write(given)
    }
  }

  /// Four octal digits.
  public static func write(permissions: UInt16) {
    for digit in 0..<4 { write(byte: 0x30 + UInt8(truncatingIfNeeded: permissions &>> UInt16(9 - 3 * digit)) & 7) }
  }

  /// A path or a name; what is not printable ASCII, and the backslash, as `\xx`.
  public static func write(escaped bytes: UnsafeRawBufferPointer) {
    for byte in bytes {
      if byte > 0x20, byte < 0x7F, byte != 0x5C {
        write(byte: byte)
      } else {
        write(byte: 0x5C)
        write(hexadecimal: UInt64(byte), digits: 2)
      }
    }
  }
}
