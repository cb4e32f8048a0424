// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// How a machine's free memory lies.
public enum Fragmentation: String, CaseIterable, Sendable {
  /// As after boot: all frames are free, and the lowest free one is handed out next.
  case none
  /// All frames are free, but single frames are handed out at random: runs are there, only not by chance.
  case shuffled
  /// As after some use: between the frames of the budget lie others, half as many, that somebody else holds for good,
  /// at random; single frames are handed out at random.
  case random
  /// As it can get: somebody else holds every second frame, so no two free frames are ever neighbours, and single
  /// frames are handed out at random. There is no run of two.
  case worst
}

/// Which of a machine's page frames are free. Frames are numbered in the order of their addresses.
struct FrameAllocator {
  /// Frames that may be handed out, and all frames, those that others hold for good included.
  let budget: Int
  let physicalCount: Int
  private let picksAtRandom: Bool
  private var isFree: [Bool]
  /// The free frames in no order, and where each of them stands there.
  private var free: [Int] = []
  private var place: [Int]
  /// No frame below it is free.
  private var lowest = 0
  private var random: UInt64

  init(budget: Int, fragmentation: Fragmentation, seed: UInt64) {
    self.budget = budget
    random = seed
    picksAtRandom = fragmentation != .none
    switch fragmentation {
    case .none, .shuffled: physicalCount = budget
    case .random: physicalCount = budget + budget / 2
    case .worst: physicalCount = max(0, budget * 2 - 1)
    }
    isFree = Array(repeating: true, count: physicalCount)
    place = Array(repeating: 0, count: physicalCount)
    switch fragmentation {
    case .none, .shuffled: break
    case .worst: for frame in stride(from: 1, to: physicalCount, by: 2) { isFree[frame] = false }
    case .random:
      var left = physicalCount - budget
      while left > 0 {
        let frame = pick(below: physicalCount)
        if isFree[frame] {
          isFree[frame] = false
          left -= 1
        }
      }
    }
    for frame in 0..<physicalCount where isFree[frame] {
      place[frame] = free.count
      free.append(frame)
    }
  }

  var freeCount: Int { free.count }

  private mutating func pick(below bound: Int) -> Int {
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return Int(random % UInt64(bound))
  }

  /// The first of `count` free frames in a row: the lowest such, or any frame where one is wanted and the machine is
  /// fragmented. Nil where there is none.
  mutating func take(_ count: Int) -> Int? {
    guard count > 0, count <= free.count else { return nil }
    if count == 1 && picksAtRandom {
      let frame = free[pick(below: free.count)]
      take(frame: frame)
      return frame
    }
    while lowest < physicalCount, !isFree[lowest] { lowest += 1 }
    var start = lowest
    var length = 0
    for frame in lowest..<physicalCount {
      if !isFree[frame] {
        length = 0
        continue
      }
      if length == 0 { start = frame }
      length += 1
      if length == count {
        for taken in start...frame { take(frame: taken) }
        return start
      }
    }
    return nil
  }

  private mutating func take(frame: Int) {
    isFree[frame] = false
    let last = free.removeLast()
    if last != frame {
      free[place[frame]] = last
      place[last] = place[frame]
    }
  }

  /// Takes back `count` frames from `start` on, which must be in use.
  mutating func give(_ start: Int, _ count: Int) {
    for frame in start..<start + count {
      precondition(!isFree[frame], "page frame \(frame) freed twice")
      isFree[frame] = true
      place[frame] = free.count
      free.append(frame)
    }
    lowest = min(lowest, start)
  }

  /// The most free frames in a row.
  var longestRun: Int {
    var longest = 0
    var length = 0
    for frame in isFree {
      length = frame ? length + 1 : 0
      longest = max(longest, length)
    }
    return longest
  }

  /// How many pairs of neighbours are both free.
  var freeNeighbours: Int { zip(isFree, isFree.dropFirst()).count { $0 && $1 } }
}
