// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import HostSupport
import SystemPackage

extension ImageBuilder {
  /// What became of a goal.
  public struct Result: Sendable {
    public let summary: BuildSummary
    /// The options that the image was made with.
    public let candidate: ImageCandidate
    public let outcome: ImageSearch.Outcome
  }

  /// Searches the options that serve `goal` best, and writes the image.
  ///
  /// - Parameters:
  ///   - goal: with what ``options`` state apart from compression, clusters, blocks, packing and dedupe, and for an archive
  ///     apart from how metadata are stored.
  ///   - tried: called for each trial image; may return false to end the search with ``BuildError/cancelled``.
  /// - Throws: also ``SearchError``.
  public func build(
    _ tree: Tree, for goal: ImageGoal, at path: FilePath, tried: (ImageSearch.Trial) -> Bool = { _ in true },
    progress: (BuildProgress) -> Bool = { _ in true }
  ) throws -> Result {
    let outcome = try ImageSearch(goal, base: options, at: path).run(tree, progress: tried)
    var candidate = outcome.best[0].candidate
    var tooLarge: BuildError?
    var needsLess = false
    while true {
      var options = try candidate.options(self.options)
      // Without a limit it is only said what reading the whole image takes; the trials were perhaps of a part.
      options.readerMemory = goal.readerMemory ?? MemoryLimit(goal.reader, bytes: .max)
      options.imageLimit = goal.imageBytes
      do {
        let summary = try ImageBuilder(options).build(tree, at: path, progress: progress)
        return Result(summary: summary, candidate: candidate, outcome: outcome)
      } catch BuildError.readerMemory(let bytes, let limit, let path) {
        // A file that the trials did not have has longer extents than those.
        if let tooLarge { throw tooLarge }
        needsLess = true
        let current = candidate.extentLimit ?? 2 << 20
        guard current / 2 >= candidate.blockSize else {
          throw BuildError.readerMemory(bytes, limit: limit, path: path)
        }
        candidate.extentLimit = 1 << (63 - (current - 1).leadingZeroBitCount)
      } catch BuildError.imageLimit(let bytes, let limit) {
        // The trials were of a part of the tree: more memory makes a smaller image.
        tooLarge = .imageLimit(bytes, limit: limit)
        guard !outcome.isExact, !needsLess, let current = candidate.extentLimit, current < 1 << 20 else {
          throw BuildError.imageLimit(bytes, limit: limit)
        }
        candidate.extentLimit = current * 2
      }
    }
  }
}
