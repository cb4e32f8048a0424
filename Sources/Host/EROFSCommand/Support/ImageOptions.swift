// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

/// Where in its file an image starts, and the extra devices that it needs.
struct ImageLocation: ParsableArguments {
  @Option(
    name: .customLong("offset"),
    help: ArgumentHelp(
      "Offset of the image in its file; auto finds the only EROFS image in a partition table.", valueName: "bytes"))
  var start = ImageStart.at(0)

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "An extra device of the image; may be repeated, in the order of the device table.", valueName: "file"))
  var paths: [RawArgument] = []

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
  func open() throws -> ImageFile { try location.open(image.filePath) }

  /// A reader of the image, with memory for every file in it.
  ///
  /// - Parameter warns: whether to say that the file is shorter than its superblock announces.
  func reader(warns: Bool = true) throws -> ImageReader {
    let file = try open()
    do {
      let reader = try ImageReader(file, limit: isUnlimited ? nil : WorkLimit(for: file))
      try file.checkDevices(reader.superblock)
      if warns, let shortage = file.shortage(reader.superblock) {
        printError("\(image): \(Problem.Cause.cutOff(bytes: shortage.bytes, announced: shortage.announced))")
      }
      return reader
    } catch EROFSError.corrupt(let defect, let position) where defect == .magic || file.isTooShort {
      throw CommandError("\(image): \(Self.refusal(of: file, position))")
    } catch { throw CommandError("\(image): \(advised(error))") }
  }

  /// Why a file without a superblock is refused: what it is instead, if that is known.
  static func refusal(of file: ImageFile, _ position: Position) -> String {
    file.foreignContent().map { "not an EROFS image: \($0.advised)" }
      ?? advised(EROFSError.corrupt(.magic, at: position))
  }
}

/// Where an image starts in its file.
enum ImageStart: ExpressibleByArgument, CustomStringConvertible {
  case at(UInt64)
  /// Where a partition table says, unless the file itself is an image.
  case automatic

  init?(argument: String) {
    if argument == "auto" {
      self = .automatic
    } else if let count = ByteCount(argument: argument) {
      self = .at(count.bytes)
    } else {
      return nil
    }
  }

  var description: String {
    switch self {
    case .at(let offset): "\(offset)"
    case .automatic: "auto"
    }
  }
}

extension ImageLocation {
  func open(_ path: FilePath) throws -> ImageFile {
    try ImageFile(path, devices: devices, offset: try offset(in: path))
  }

  /// Where the image starts in the file at `path`.
  func offset(in path: FilePath) throws -> UInt64 {
    if case .at(let offset) = start { return offset }
    let file = try ImageFile(path)
    guard !file.hasImage(at: 0), let content = file.foreignContent() else { return 0 }
    guard content.offsets.count == 1 else { throw CommandError("\(path): not an EROFS image: \(content.advised)") }
    return content.offsets[0]
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
