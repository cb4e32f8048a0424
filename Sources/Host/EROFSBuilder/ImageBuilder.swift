// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import HostSupport
import SystemPackage

/// Makes an image of a tree.
///
///     var options = BuildOptions()
///     options.encodings = [try Encoding(.zstd, level: 19, clusterSize: 65536)]
///     options.clusterSize = 65536
///     var source = DirectoryOrigin(try OpenFile.directory("root"))
///     let summary = try ImageBuilder(options).build(source.read(), at: "root.erofs")
///
/// Equal trees and options give equal bytes, whatever the number of threads; only what a search for a goal finds also depends
/// on how far it comes in its time. Several builders may be at work at once in a process.
public struct ImageBuilder: Sendable {
  public let options: BuildOptions

  /// - Throws: if the options do not go together.
  public init(_ options: BuildOptions) throws(OptionError) {
    try options.check()
    self.options = options
  }

  /// Writes an image of `tree` to the file or block device at `path`.
  ///
  /// A file gets its name when the image is complete, synced and, unless that is switched off, verified; until then a file
  /// that had the name remains. A block device is written in place.
  ///
  /// - Parameters:
  ///   - tree: sorted or not; its contents are opened while the image is made.
  ///   - progress: may return false to end the build with ``BuildError/cancelled``.
  /// - Throws: ``BuildError``, `TreeError` for what cannot be read, or what the file system says about `path`.
  @discardableResult
  public func build(
    _ tree: consuming Tree, at path: FilePath, progress: (BuildProgress) -> Bool = { _ in true }
  ) throws -> BuildSummary {
    try build(tree, at: path, beforeNaming: {}, progress: progress)
  }

  /// The same, with something that must be so before the image gets its name.
  package func build(
    _ tree: consuming Tree, at path: FilePath, beforeNaming: () throws -> Void, progress: (BuildProgress) -> Bool
  ) throws -> BuildSummary {
    tree.sort()
    let sorted = tree
    return try withoutActuallyEscaping(progress) { progress in
      let build = try Build(options, sorted, OutputFile(path), progress)
      return try build.run(beforeNaming: beforeNaming)
    }
  }
}
