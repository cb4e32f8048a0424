// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// Runs a corpus, and then inputs made of it: the same ones for the same seed and corpus, everywhere.
public struct Driver {
  public struct Result {
    public var inputs = 0
    public var accepted = 0
    public var reasons: [String: Int] = [:]
    public var violations: [String] = []
    /// Seconds of processor time of the slowest input.
    public var slowest = 0.0
    public var seconds = 0.0
    public var kept = 0
  }

  /// Inputs that are kept besides the corpus because they were of a new kind.
  static let mostKept = 512
  static let mostViolations = 10

  let target: any FuzzTarget
  let corpus: [[UInt8]]
  let culprits: String

  /// - Parameters:
  ///   - corpus: what to start from; empty inputs are added.
  ///   - culprits: the folder where inputs go that show a fault.
  public init(_ target: any FuzzTarget, corpus: [[UInt8]], culprits: String) {
    self.target = target
    self.corpus = corpus
    self.culprits = culprits
  }

  /// - Parameter count: mutated inputs, after all of the corpus.
  public func run(count: Int, seed: UInt64) -> Result {
    var result = Result()
    try? FileManager.default.createDirectory(atPath: culprits, withIntermediateDirectories: true)
    Watch.start(file: "\(culprits)/\(target.name)-crash")
    var pool = corpus + [[]]
    var kinds = Set<Int>()
    var mutator = Mutator(seed: seed, longest: 1 << 17)
    let start = clock(CLOCK_MONOTONIC)
    for i in 0..<corpus.count + 1 + count {
      let input = i <= corpus.count ? pool[i] : mutator.next(from: pool)
      let began = clock(CLOCK_THREAD_CPUTIME_ID)
      let outcome = input.withUnsafeBufferPointer { bytes in
        Watch.input = bytes.baseAddress
        Watch.count = bytes.count
        Watch.number &+= 1
        return target.run(input)
      }
      result.slowest = max(result.slowest, clock(CLOCK_THREAD_CPUTIME_ID) - began)
      result.inputs += 1
      switch outcome {
      case .accepted: result.accepted += 1
      case .refused(let reason): result.reasons[reason, default: 0] += 1
      case .violation(let what):
        let file = "\(culprits)/\(target.name)-\(result.violations.count)"
        try? Data(input).write(to: URL(fileURLWithPath: file))
        result.violations.append("\(what); input kept: \(file)")
      }
      if result.violations.count >= Self.mostViolations { break }
      if kinds.insert(target.kind(input, outcome)).inserted, i > corpus.count, result.kept < Self.mostKept {
        pool.append(input)
        result.kept += 1
      }
    }
    Watch.input = nil
    result.seconds = clock(CLOCK_MONOTONIC) - start
    return result
  }

  private func clock(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
