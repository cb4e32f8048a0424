// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

/// Where in its file an image starts, and the extra devices that it needs.
struct ImageLocation: ParsableArguments {
  @Option(name: .customLong("offset"), help: ArgumentHelp("Offset of the image in its file.", valueName: "bytes"))
  var start = ByteCount(0)

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "An extra device of the image; may be repeated, in the order of the device table.", valueName: "file"))
  var paths: [RawArgument] = []

  var offset: UInt64 { start.bytes }
  var devices: [FilePath] { paths.map(\.filePath) }
}

/// The image that a command reads: always the first argument.
struct ImageOptions: ParsableArguments {
  @Argument(help: "The image: a file or a block device.")
  var image: RawArgument

  @OptionGroup var location: ImageLocation

  @Flag(
    name: .customLong("no-limit"),
    help: """
      Read the image even if that takes far more work than its size can justify (a few bytes can cause hours of work).
      """)
  var isUnlimited = false

  /// Maps the image.
  func open() throws -> ImageFile {
    try ImageFile(image.filePath, devices: location.devices, offset: location.offset)
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
