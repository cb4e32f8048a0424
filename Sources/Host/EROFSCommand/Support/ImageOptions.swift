// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

/// The image that a command reads: always the first argument.
struct ImageOptions: ParsableArguments {
  @Argument(help: "The image: a file or a block device.")
  var image: RawArgument

  @Option(help: ArgumentHelp("Offset of the image in its file.", valueName: "bytes"))
  var offset = ByteCount(0)

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "An extra device of the image; may be repeated, in the order of the device table.", valueName: "file"))
  var devices: [RawArgument] = []

  @Flag(
    name: .customLong("no-limit"),
    help: """
      Read the image even if that takes far more work than its size can justify (a few bytes can cause hours of work).
      """)
  var isUnlimited = false

  /// Maps the image.
  func open() throws -> ImageFile {
    try ImageFile(image.filePath, devices: devices.map(\.filePath), offset: offset.bytes)
  }

  /// A reader of the image, with memory for every file in it.
  func reader() throws -> ImageReader {
    do {
      let file = try open()
      return try ImageReader(file, limit: isUnlimited ? nil : WorkLimit(for: file))
    } catch let error as EROFSError { throw CommandError("\(image): \(error)") }
  }
}

struct JSONOption: ParsableArguments {
  @Flag(
    name: .customLong("json"),
    help: """
      Print JSON. Text that is not valid UTF-8 contains U+FFFD, and a second key with the suffix _hex holds its bytes.
      """)
  var isOn = false
}
