// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import TestSupport

/// Writes all broken images to a folder, with a manifest: for each a line with its name and what a reader of all of it must
/// say, with a tab between them. What reads images elsewhere than on a host is tested with them.
@main
struct WriteBrokenImages {
  static func main() throws {
    guard CommandLine.arguments.count == 2 else {
      FileHandle.standardError.write(Data("usage: WriteBrokenImages FOLDER\n".utf8))
      exit(2)
    }
    let folder = URL(fileURLWithPath: CommandLine.arguments[1], isDirectory: true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var manifest = ""
    for image in BrokenImage.all {
      try Data(image.bytes).write(to: folder.appendingPathComponent(image.name + ".erofs"))
      manifest += "\(image.name)\t\(image.error)\n"
    }
    try Data(manifest.utf8).write(to: folder.appendingPathComponent("manifest.tsv"))
  }
}
