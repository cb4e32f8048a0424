// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSBuilder

/// Images that are searched for a goal.
@Suite struct SearchTests {
  let folder = Folder()
  private var image: FilePath { FilePath(folder("image")) }

  /// Files that compress well, in extents that are as long as they may be.
  private func tree(files: Int, of bytes: Int) throws -> Tree {
    var random = Random(files)
    var tree = Tree()
    let words = (0..<400).map { _ in (0..<2 + random.below(8)).map { _ in UInt8(97 + random.below(26)) } + [32] }
    for number in 0..<files {
      var content: [UInt8] = []
      while content.count < bytes { content += words[min(random.below(400), random.below(400))] }
      let metadata = Metadata(kind: .regular, permissions: 0o644, time: Time(seconds: 1_700_000_000))
      try tree.put(Array("file\(number)".utf8), in: Tree.root, metadata, content: .bytes(content))
    }
    return tree
  }

  private func goal(_ purpose: ImageGoal.Purpose, memory: UInt64? = nil, fit: UInt64? = nil) -> ImageGoal {
    var goal = ImageGoal(purpose)
    (goal.memory, goal.imageBytes) = (memory, fit)
    // The tests are about what is found, however slow the machine is.
    goal.seconds = 1_000_000
    // Those that are quick; one test has them all.
    goal.algorithms = [.lz4hc, .libdeflate]
    return goal
  }

  private func find(_ goal: ImageGoal, _ tree: Tree, threads: Int? = nil) throws -> ImageBuilder.Result {
    var base = BuildOptions()
    base.threads = threads
    return try ImageBuilder(base).build(tree, for: goal, at: image)
  }

  @Test(arguments: [(ImageGoal.Purpose.bareMetal, UInt64(24 << 10)), (.bareMetal, 64 << 10), (.noMMU, 2 << 20)])
  func keepsTheMemory(purpose: ImageGoal.Purpose, memory: UInt64) throws {
    var goal = goal(purpose, memory: memory)
    goal.algorithms = nil
    let result = try find(goal, try tree(files: 3, of: 50_000))
    let limit = try #require(goal.readerMemory)
    #expect(result.outcome.isExact && result.outcome.isComplete)
    // What the image itself says, which is what readers go by.
    let plan = try PlanReport(of: ImageReader(ImageFile(image)), depth: limit.reader.depth).plan
    #expect(UInt64(plan.totalBytes) <= limit.bytes)
    #expect(try #require(result.summary.readerBytes) <= limit.bytes)
    #expect(result.summary.imageBytes == result.outcome.best[0].imageBytes)
  }

  /// Many small files: their inodes are much of the image. Only an archive may need readers that know a metabox, and not if
  /// it is to be read by old ones.
  @Test func anArchiveHasCompressedMetadata() throws {
    let tree = try tree(files: 3000, of: 60)
    let archive = try find(goal(.archive), tree)
    #expect(archive.candidate.compressesMetadata && archive.candidate.arguments.contains("--zD"))
    #expect(try ImageReader(ImageFile(image)).superblock.metaboxNID != nil)
    #expect(try problems(of: image.string).isEmpty)
    let container = try find(goal(.container), tree)
    #expect(!container.candidate.compressesMetadata)
    #expect(archive.summary.imageBytes < container.summary.imageBytes / 10 * 8)
    var old = BuildOptions()
    old.index = .full
    let full = try ImageBuilder(old).build(tree, for: goal(.archive), at: image)
    #expect(!full.candidate.compressesMetadata)
  }

  /// What a search does not vary stays as it was said.
  @Test func aMetaboxThatIsGivenStays() throws {
    var base = BuildOptions()
    (base.wideAddresses, base.index) = (true, .encoded)
    base.metabox = BuildOptions.Metabox(clusterSize: 4096)
    base.encodings = [try Encoding(.lz4)]
    let tree = try tree(files: 30, of: 3000)
    let result = try ImageBuilder(base).build(tree, for: goal(.noMMU, memory: 4 << 20), at: image)
    #expect(try ImageReader(ImageFile(image)).superblock.metaboxNID != nil)
    #expect(result.outcome.best.count == 2)
  }

  /// The trials may have been of a part of the tree.
  @Test(arguments: [ImageGoal.Purpose.archive, .container]) func saysWhatReadingTakesWithoutALimit(
    purpose: ImageGoal.Purpose
  ) throws {
    let result = try find(goal(purpose), try tree(files: 3, of: 50_000))
    #expect(try result.summary.readerBytes == MemoryLimit.Reader.linux.need(of: ImageFile(image)).bytes)
  }

  @Test func moreMemoryMakesNoLargerImage() throws {
    let tree = try tree(files: 3, of: 100_000)
    let sizes = try [16, 40, 120].map { kibibytes in
      try find(goal(.bareMetal, memory: UInt64(kibibytes) << 10), tree).summary.imageBytes
    }
    #expect(sizes == sizes.sorted(by: >))
    #expect(sizes[0] > sizes[2])
  }

  @Test func fitsWithTheLeastMemory() throws {
    let tree = try tree(files: 3, of: 100_000)
    let smallest = try find(goal(.bareMetal, memory: 1 << 20), tree)
    let limit = smallest.summary.imageBytes / 10 * 14
    let fitting = try find(goal(.bareMetal, fit: limit), tree)
    #expect(fitting.summary.imageBytes <= limit)
    #expect(fitting.outcome.best[0].readerBytes < smallest.outcome.best[0].readerBytes)
  }

  private func reason(_ goal: ImageGoal, _ tree: Tree) -> String {
    do { _ = try find(goal, tree) } catch { return "\(error)" }
    return "found"
  }

  @Test func whatCannotBeIsSaid() throws {
    let tree = try tree(files: 2, of: 50_000)
    #expect(reason(goal(.bareMetal, memory: 3 << 10), tree).contains("at least"))
    #expect(reason(goal(.bareMetal, memory: 300), tree).contains("hold no block"))
    #expect(reason(goal(.archive, fit: 4096), tree).contains("the smallest has"))
    var short = goal(.bareMetal, memory: 8 << 10)
    short.seconds = 0
    #expect(reason(short, tree).contains("more time"))
    #expect(!FileManager.default.fileExists(atPath: image.string))
  }

  /// Smaller blocks than the first that are tried.
  @Test func littleMemoryGetsSmallBlocks() throws {
    let result = try find(goal(.bareMetal, memory: 8 << 10), try tree(files: 2, of: 30_000))
    #expect(result.summary.blockSize < 4096)
  }

  @Test(arguments: [1, 11, 12, 13, 17, 600])
  func rootHasRoomForAttributes(count: Int) throws {
    var options = BuildOptions()
    options.rootAttributeBytes = count
    try ImageBuilder(options).build(try tree(files: 1, of: 10), at: image)
    #expect(try problems(of: image.string).isEmpty)
  }

  @Test func doesNotDependOnThreads() throws {
    let tree = try tree(files: 3, of: 60_000)
    let goal = goal(.bareMetal, memory: 48 << 10)
    let one = try find(goal, tree, threads: 1)
    let first = try bytes(of: image.string)
    let three = try find(goal, tree, threads: 3)
    #expect(one.outcome.best == three.outcome.best)
    #expect(try bytes(of: image.string) == first)
  }

  /// A trial of a part of the tree knows nothing of a file with long extents, which it does not have.
  @Test func largeTreeIsSampledAndStillKeepsTheMemory() throws {
    var tree = try tree(files: 40, of: 200_000)
    let metadata = Metadata(kind: .regular, permissions: 0o644, time: Time(seconds: 1_700_000_000))
    for number in 0..<3 {
      try tree.put(
        Array("zeros\(number)".utf8), in: Tree.root, metadata, content: .bytes([UInt8](repeating: 0, count: 900_000)))
    }
    let sample = try SampleTree(of: tree, bytes: ImageSearch.sampleBytes)
    #expect(!sample.isWhole)
    var taken: UInt64 = 0
    for (entry, _) in sample.tree.walk() where sample.tree.kind(of: entry) == .regular {
      taken += sample.tree.size(of: sample.tree.inode(of: entry))
    }
    #expect(taken == ImageSearch.sampleBytes)
    let limit: UInt64 = 40 << 10
    var goal = goal(.bareMetal, memory: limit)
    goal.algorithms = [.lz4hc]
    let result = try find(goal, tree)
    #expect(!result.outcome.isExact)
    let plan = try PlanReport(of: ImageReader(ImageFile(image))).plan
    #expect(UInt64(plan.totalBytes) <= limit)
  }

  @Test func tooMuchMemoryIsAnErrorOfABuildToo() throws {
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4)]
    options.clusterSize = 65536
    options.readerMemory = MemoryLimit(.firmware, bytes: 30_000)
    let tree = try tree(files: 1, of: 300_000)
    #expect(throws: BuildError.self) { try ImageBuilder(options).build(tree, at: image) }
    #expect(!FileManager.default.fileExists(atPath: image.string))
    options.extentLimit = 8192
    try ImageBuilder(options).build(tree, at: image)
  }
}
