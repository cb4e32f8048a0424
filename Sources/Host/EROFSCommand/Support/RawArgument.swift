// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSTools
import SystemPackage

/// A path on the command line, as the bytes that it is.
///
/// The parser knows strings only, which hold no bytes but UTF-8. So those bytes travel through it as private-use
/// scalars (U+10FF00 + byte), and become bytes again here.
struct RawArgument: ExpressibleByArgument, CustomStringConvertible {
  let bytes: [UInt8]

  static let firstScalar: UInt32 = 0x10FF00

  init?(argument: String) {
    bytes = argument.unicodeScalars.flatMap { scalar -> [UInt8] in
      if (Self.firstScalar + 0x80...Self.firstScalar + 0xFF).contains(scalar.value) {
        return [UInt8(scalar.value - Self.firstScalar)]
      }
      return Array(String(scalar).utf8)
    }
  }

  var filePath: FilePath {
    (bytes + [0]).withUnsafeBytes { FilePath(platformString: $0.assumingMemoryBound(to: CChar.self).baseAddress!) }
  }

  /// As it may be shown.
  var description: String { bytes.printable }

  static var defaultCompletionKind: CompletionKind { .file() }
}

extension EntryPoint {
  /// The command line, its first word being the program's name.
  static func rawArguments() -> [String] {
    (0..<Int(CommandLine.argc)).compactMap { index in
      CommandLine.unsafeArgv[index].map { argument in
        var rest = UnsafeBufferPointer(start: argument, count: Self.length(of: argument)).map { UInt8(bitPattern: $0) }[
          ...]
        var text = String.UnicodeScalarView()
        while !rest.isEmpty {
          let scalar = rest.firstScalar
          text.append(scalar?.scalar ?? Unicode.Scalar(RawArgument.firstScalar + UInt32(rest.first!))!)
          rest = rest.dropFirst(scalar?.count ?? 1)
        }
        return String(text)
      }
    }
  }

  private static func length(of text: UnsafePointer<CChar>) -> Int {
    var count = 0
    while text[count] != 0 { count += 1 }
    return count
  }
}
