// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

/// The image that a command works on: always its first argument.
struct ImageOptions: ParsableArguments {
  @Argument(help: "The image: a file or a block device.")
  var image: RawArgument

  @Option(help: ArgumentHelp("Where the image starts in its file.", valueName: "bytes"))
  var offset = ByteCount(0)

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp("An extra device of the image; repeated, in the order of its device table.", valueName: "file"))
  var devices: [RawArgument] = []

  @Flag(
    name: .customLong("no-limit"),
    help: """
      Go on where the image makes more work than any honest one of its size (hours of it may stand in a few bytes).
      """)
  var isUnlimited = false

  /// Maps the image.
  func open() throws -> ImageFile {
    try ImageFile(image.filePath, devices: devices.map(\.filePath), offset: offset.bytes)
  }

  /// A reader of the image with memory for anything.
  func reader() throws -> ImageReader {
    do {
      let file = try open()
      return try ImageReader(file, limit: isUnlimited ? nil : WorkLimit(for: file))
    } catch let error as EROFSError { throw Failure("\(image): \(error)") }
  }
}

struct JSONOption: ParsableArguments {
  @Flag(
    name: .customLong("json"),
    help: """
      Print JSON. Text that is not UTF-8 appears with U+FFFD in it, and beside it, under the same key with _hex behind \
      it, as the bytes that it is.
      """)
  var isOn = false
}

/// Something that could not be done, in words.
struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A number of bytes: decimal or 0x…, with K, M, G or T behind it for powers of 1024.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
  let bytes: UInt64

  init(_ bytes: UInt64) { self.bytes = bytes }

  init?(argument: String) {
    var digits = argument[...]
    var shift = 0
    if let unit = "KMGT".firstIndex(of: digits.last.map { Character($0.uppercased()) } ?? " ") {
      shift = 10 * ("KMGT".distance(from: "KMGT".startIndex, to: unit) + 1)
      digits = digits.dropLast()
    }
    let isHexadecimal = digits.hasPrefix("0x") || digits.hasPrefix("0X")
    guard let first = digits.first, first != "+",
      let number = isHexadecimal ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits),
      number <= UInt64.max >> UInt64(shift)
    else { return nil }
    bytes = number << UInt64(shift)
  }

  var description: String { "\(bytes)" }
}
