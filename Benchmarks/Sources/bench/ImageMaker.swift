// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// Images to measure with, made by the newest mkfs.erofs there is and kept for the next time.
struct ImageMaker {
  let tree: String
  let treeDescription: String
  private let mkfs: String
  private let folder: String

  /// - Parameter subtree: a folder of the tree, from its root; all of it where it is nil.
  init(_ settings: Settings, subtree: String? = nil) throws {
    if let peers = settings.peers {
      tree = peers + "/tree" + (subtree.map { "/" + $0 } ?? "")
      treeDescription = "a minimal Debian root tree (sid)" + (subtree.map { ", its /\($0)" } ?? "")
      mkfs = peers + "/bin/mkfs.erofs"
    } else {
      tree = "/" + (subtree ?? "usr/bin")
      treeDescription = "this machine's \(tree)"
      mkfs = "mkfs.erofs"
    }
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache"
    let name = (settings.peers == nil ? "system" : "peers") + "-" + (subtree ?? "all").replacing("/", with: "-")
    folder = cache + "/swift-erofs/bench/" + name
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  /// The image of the tree with these options of mkfs.erofs.
  func image(_ options: [String]) throws -> String {
    let path = folder + "/" + options.joined().filter { $0.isLetter || $0.isNumber } + ".erofs"
    if FileManager.default.fileExists(atPath: path) { return path }
    let partial = path + ".partial"
    try? FileManager.default.removeItem(atPath: partial)
    try Program(mkfs, ["--quiet", "-T1700000000"] + options + [partial, tree]).run()
    try FileManager.default.moveItem(atPath: partial, toPath: path)
    return path
  }

  static func size(of path: String) -> Int {
    ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? NSNumber)?.intValue ?? 0
  }
}
