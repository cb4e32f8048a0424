// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import EROFSTree
import Encoders
import HostSupport
import SystemPackage

/// Finds the options that serve a goal best, by building trial images of a part of the tree.
///
/// For each algorithm it starts with the longest extents that fit the memory and with everything packed, and then changes one
/// option after another as long as that helps. What is tried, and in which order, follows from the tree and the goal; only
/// where the search ends depends on the time.
public struct ImageSearch {
  /// A trial image.
  public struct Trial: Sendable, Hashable {
    public let candidate: ImageCandidate
    /// Of the image; of an image of a part of the tree, if the search says so.
    public let imageBytes: UInt64
    /// What reading it takes.
    public let readerBytes: UInt64
  }

  /// What a search has found.
  public struct Outcome: Sendable {
    /// The best first; of each algorithm that can do it, the best.
    public internal(set) var best: [Trial]
    /// The smallest image among those that need too much memory, if it is smaller than the best.
    public internal(set) var smallerWithMoreMemory: Trial?
    /// How many images were tried.
    public internal(set) var count: Int
    /// Whether the trials had the whole tree: then their sizes are those of real images.
    public internal(set) var isExact: Bool
    /// Whether there was time for all that was to be tried.
    public internal(set) var isComplete: Bool
  }

  private let goal: ImageGoal
  private let base: BuildOptions
  private let path: FilePath
  private var trials: [ImageCandidate: Trial] = [:]
  private let clock = ContinuousClock.now
  private var isComplete = true

  /// Bytes of contents in the trial images of a large tree.
  static let sampleBytes: UInt64 = 4 << 20

  /// - Parameters:
  ///   - base: all options that are not searched.
  ///   - path: where the image will be; trial images are in the same directory, without names.
  public init(_ goal: ImageGoal, base: BuildOptions, at path: FilePath) {
    self.goal = goal
    self.base = base
    self.path = path
  }

  /// - Throws: ``SearchError`` if no image is small enough for the memory, and what a build throws.
  public consuming func run(_ tree: Tree, progress: (Trial) -> Bool = { _ in true }) throws -> Outcome {
    let sample = try SampleTree(of: tree, bytes: Self.sampleBytes)
    var sorted = sample.tree
    sorted.sort()
    var bests: [Trial] = []
    for algorithm in goal.encodings {
      if let start = try start(algorithm, sorted, progress) { bests.append(start) }
    }
    bests.sort(by: isBetter)
    // What starts much larger does not become the smallest by what is changed now, unless the image is tiny.
    let bound = bests.map { max($0.imageBytes / 100 * 110, $0.imageBytes + 256 << 10) }.min() ?? 0
    for place in bests.indices where bests[place].imageBytes <= bound || goal.imageBytes != nil {
      bests[place] = try refine(bests[place], sorted, progress)
    }
    bests.sort(by: isBetter)
    guard let best = bests.first else {
      guard isComplete else { throw SearchError.time(seconds: goal.seconds) }
      throw SearchError.memory(
        goal.readerMemory?.bytes ?? 0, least: trials.values.map(\.readerBytes).min() ?? 0)
    }
    if sample.isWhole, let limit = goal.imageBytes, best.imageBytes > limit {
      throw SearchError.size(limit, least: best.imageBytes)
    }
    let smaller = trials.values.filter { !fits($0) && $0.imageBytes < best.imageBytes }
      .min { ($0.imageBytes, $0.readerBytes) < ($1.imageBytes, $1.readerBytes) }
    return Outcome(
      best: bests, smallerWithMoreMemory: smaller, count: trials.count, isExact: sample.isWhole, isComplete: isComplete)
  }

  // MARK: The way

  private func fits(_ trial: Trial) -> Bool { goal.readerMemory.map { trial.readerBytes <= $0.bytes } ?? true }

  /// Whether the first is better than the second; both fit the memory.
  private func isBetter(_ first: Trial, _ second: Trial) -> Bool {
    let byMemory = (first.readerBytes, first.imageBytes) < (second.readerBytes, second.imageBytes)
    let bySize = (first.imageBytes, first.readerBytes) < (second.imageBytes, second.readerBytes)
    guard let limit = goal.imageBytes else { return bySize }
    switch (first.imageBytes <= limit, second.imageBytes <= limit) {
    case (true, true): return byMemory
    case (false, false): return bySize
    case (let isFirst, _): return isFirst
    }
  }

  private var isLate: Bool { ContinuousClock.now - clock > .seconds(goal.seconds) }

  private var triesCompressedMetadata: Bool { goal.triesCompressedMetadata && base.index != .full }

  private static let limits = (9...20).reversed().map { 1 << $0 }

  /// The longest extents that fit; nil if none do.
  private mutating func start(
    _ algorithm: Encoding.Algorithm, _ tree: Tree, _ progress: (Trial) -> Bool
  ) throws -> Trial? {
    var limits: [Int?] = [nil]
    // No extent is longer than all the memory that there is.
    if let memory = goal.readerMemory {
      limits = Self.limits.filter { UInt64($0) <= memory.bytes && $0 >= goal.blockSizes.last! }
    }
    for limit in limits {
      // An extent has a block at least.
      let block = goal.blockSizes.first { $0 <= limit ?? .max }!
      // Stored bytes are in memory too.
      let cluster = min(goal.largestCluster, max(block, limit.map { $0 / 2 } ?? 1 << 20))
      let candidate = ImageCandidate(
        algorithm: algorithm, blockSize: block, clusterSize: cluster, extentLimit: limit,
        packing: goal.packings.last!, dedupes: true, compressesMetadata: triesCompressedMetadata)
      for bits in algorithm == .lzma ? [3, 1, 0] : [3] {
        var own = candidate
        own.contextBits = bits
        if let trial = try evaluate(own, tree, progress), fits(trial) { return trial }
      }
      if isLate, !trials.isEmpty {
        isComplete = false
        break
      }
    }
    return nil
  }

  private mutating func refine(_ start: Trial, _ tree: Tree, _ progress: (Trial) -> Bool) throws -> Trial {
    var best = start
    var hasMoved = true
    while hasMoved {
      hasMoved = false
      for candidate in neighbours(of: best.candidate) {
        guard let trial = try evaluate(candidate, tree, progress) else { return best }
        if fits(trial), isBetter(trial, best) {
          best = trial
          hasMoved = true
        }
      }
    }
    return best
  }

  /// All that differ from `candidate` in one thing.
  private func neighbours(of candidate: ImageCandidate) -> [ImageCandidate] {
    var found: [ImageCandidate] = []
    func add(_ change: (inout ImageCandidate) -> Void) {
      var other = candidate
      change(&other)
      if other != candidate { found.append(other) }
    }
    if let limit = candidate.extentLimit, goal.readerMemory != nil {
      add { $0.extentLimit = limit / 2 * 3 }
      if goal.imageBytes != nil, limit / 2 >= candidate.blockSize { add { $0.extentLimit = limit / 2 } }
    } else if goal.imageBytes != nil {
      let half = min(candidate.extentLimit ?? 1 << 20, 1 << 20) / 2
      if half >= candidate.blockSize { add { $0.extentLimit = half } }
    }
    for size in [candidate.clusterSize * 2, candidate.clusterSize / 2, candidate.clusterSize / 4]
    where (candidate.blockSize...goal.largestCluster).contains(size) {
      add { $0.clusterSize = size }
    }
    for packing in goal.packings { add { $0.packing = packing } }
    add { $0.dedupes.toggle() }
    if triesCompressedMetadata { add { $0.compressesMetadata.toggle() } }
    if candidate.algorithm == .lzma {
      for bits in [3, 2, 1, 0] { add { $0.contextBits = bits } }
      // What the tables no longer take, or take more, is for stored bytes.
      let half = candidate.clusterSize / 2
      if candidate.contextBits < 3, half >= candidate.blockSize {
        add { ($0.contextBits, $0.clusterSize) = (3, half) }
      }
    }
    for size in goal.blockSizes where candidate.clusterSize % size == 0 { add { $0.blockSize = size } }
    return found
  }

  // MARK: Trials

  /// - Returns: nil if there is no time for another trial.
  private mutating func evaluate(
    _ candidate: ImageCandidate, _ tree: Tree, _ progress: (Trial) -> Bool
  ) throws -> Trial? {
    if let known = trials[candidate] { return known }
    if isLate, !trials.isEmpty {
      isComplete = false
      return nil
    }
    var options = try candidate.options(base)
    options.verifies = false
    (options.readerMemory, options.imageLimit) = (nil, nil)
    options.offset = 0
    (options.blockList, options.blobDevice, options.diskDescriptor) = (nil, nil, nil)
    let output = try OutputFile(trialBeside: path)
    let summary = try Build(options, tree, output) { _ in true }.make()
    let need = try goal.reader.need(of: ImageFile(output, nil, offset: 0))
    let trial = Trial(candidate: candidate, imageBytes: summary.imageBytes, readerBytes: need.bytes)
    trials[candidate] = trial
    if !progress(trial) { throw BuildError.cancelled }
    return trial
  }
}

/// Why there are no options that serve a goal.
public enum SearchError: Error, Sendable, CustomStringConvertible {
  /// No image can be read in so many bytes; `least` is what the trials needed at least.
  case memory(UInt64, least: UInt64)
  /// None of the images that could be tried in so many seconds can be read in the memory.
  case time(seconds: Double)
  /// No image that can be read in the memory has at most so many bytes; `least` is the size of the smallest.
  case size(UInt64, least: UInt64)

  public var description: String {
    switch self {
    case .memory(let bytes, 0): "\(bytes) bytes of memory hold no block of an image, which has 512 bytes at least"
    case .time(let seconds):
      "none of the trial images of \(Int(seconds)) seconds can be read in the memory: give the search more time"
    case .memory(let bytes, let least):
      "no image can be read in \(bytes) bytes of memory: at least \(least) are needed"
    case .size(let bytes, let least):
      "no image that can be read in the memory has at most \(bytes) bytes: the smallest has \(least)"
    }
  }
}
