// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import TestSupport

/// Writes the images that tests on firmware and in kernels need and mkfs.erofs does not make, to a folder:
///
/// - `broken/NAME.erofs`: all broken images, and `broken/manifest.tsv`: for each a line with its name and what firmware must
///   say of it (see Firmware/Support/Console+Errors.swift), with a tab between them;
/// - `hole.erofs`, `partial.erofs`: images without a feature that have a hole, and a partial reference.
@main
struct WriteTestImages {
  static func main() throws {
    guard CommandLine.arguments.count == 2 else {
      FileHandle.standardError.write(Data("usage: WriteTestImages FOLDER\n".utf8))
      exit(2)
    }
    let folder = URL(fileURLWithPath: CommandLine.arguments[1], isDirectory: true)
    let broken = folder.appendingPathComponent("broken", isDirectory: true)
    try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
    var manifest = ""
    for image in BrokenImage.all {
      try Data(image.bytes).write(to: broken.appendingPathComponent("\(image.name).erofs"))
      manifest += "\(image.name)\t\(words(image.error))\n"
    }
    try Data(manifest.utf8).write(to: broken.appendingPathComponent("manifest.tsv"))
    let hole = CraftedImage.compressedFile { $0.isHole = true }
    try Data(hole).write(to: folder.appendingPathComponent("hole.erofs"))
    let partial = CraftedImage.compressedFile { $0.isPartial = true }
    try Data(partial).write(to: folder.appendingPathComponent("partial.erofs"))
  }

  /// As firmware says it.
  static func words(_ error: EROFSError) -> String {
    switch error {
    case .corrupt(let defect, let position): "corrupt: \(defect.explanation)\(words(position))"
    case .unsupported(let feature, let position): "unsupported \(words(feature))\(words(position))"
    default: fatalError("a broken image with \(error)")
    }
  }

  static func words(_ feature: Feature) -> String {
    switch feature {
    case .incompatible(let bits):
      let digits = String(bits, radix: 16)
      return "feature 0x\(String(repeating: "0", count: 8 - digits.count))\(digits)"
    case .blockSize(let shift): return "block-size 2^\(shift)"
    case .directoryBlockSize: return "directory-block-size"
    case .algorithm(let id): return "codec \(id)"
    case .device(let number): return "device \(number)"
    case .size, .work, .pathLength, .contentLength: fatalError("a broken image with \(feature)")
    }
  }

  static func words(_ position: Position) -> String {
    switch position {
    case .device(let device, let offset): " at \(device > 0 ? "\(device):" : "")\(offset)"
    case .metabox(let offset): " at metabox:\(offset)"
    }
  }
}
