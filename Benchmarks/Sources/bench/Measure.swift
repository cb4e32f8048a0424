// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// CPU time of this thread in seconds: what others do on the machine is not in it, though their use of caches is.
func threadTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

extension Array where Element == Double {
  /// The value at `fraction` of the sorted values.
  func quantile(_ fraction: Double) -> Double {
    let sorted = self.sorted()
    return sorted.isEmpty ? .nan : sorted[Int((Double(sorted.count - 1) * fraction).rounded())]
  }
  var median: Double { quantile(0.5) }
}

/// Times of two ways to do the same work, in pairs.
struct Paired {
  /// Seconds of each round.
  var first: [Double] = []
  var second: [Double] = []

  /// How many times faster the second is, round by round.
  var ratios: [Double] { zip(first, second).map { $0 / $1 } }

  /// Measures both in the same rounds. Each round goes through all `slices` of the work and gives every slice to both,
  /// now to one first and now to the other, so that whatever disturbs the machine disturbs both.
  ///
  /// - Parameters:
  ///   - rounds: measured rounds; one more goes before them and is not counted.
  ///   - seconds: how long one way should take in a round; the work is repeated as often as that needs.
  static func measure(
    slices: Int, rounds: Int, seconds: Double, first: (Int) -> Void, second: (Int) -> Void
  ) -> Paired {
    var paired = Paired()
    var repeats = 1
    for round in 0...rounds {
      var times = (0.0, 0.0)
      for turn in 0..<repeats {
        for slice in 0..<slices {
          let isFirstLeading = (round + turn + slice) % 2 == 0
          let start = threadTime()
          isFirstLeading ? first(slice) : second(slice)
          let middle = threadTime()
          isFirstLeading ? second(slice) : first(slice)
          let end = threadTime()
          times.0 += isFirstLeading ? middle - start : end - middle
          times.1 += isFirstLeading ? end - middle : middle - start
        }
      }
      if round == 0 {
        repeats = max(1, Int((seconds / max(1e-6, min(times.0, times.1))).rounded(.up)))
      } else {
        paired.first.append(times.0 / Double(repeats))
        paired.second.append(times.1 / Double(repeats))
      }
    }
    return paired
  }
}
