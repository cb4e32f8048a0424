// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization
import Testing

@testable import HostSupport

@Suite struct OrderedWorkTests {
  struct Stop: Error {}

  @Test(arguments: [1, 2, 5, 16]) func resultsComeInOrderAndWeightStaysBelowTheLimit(threads: Int) throws {
    let underWay = Atomic<Int>(0)
    let most = Atomic<Int>(0)
    var number = 0
    var taken: [Int] = []
    try OrderedWork<Int, Int>.run(
      threads: threads, limit: 50,
      next: {
        guard number < 2000 else { return nil }
        number += 1
        let now = underWay.wrappingAdd(1 + number % 20, ordering: .relaxed).newValue
        most.max(now, ordering: .relaxed)
        return (number, 1 + number % 20)
      },
      worker: { { job in (0..<(job % 37) * 50).reduce(job) { $0 &+ $1 &* 0 } } },
      take: { result in
        taken.append(result)
        underWay.wrappingSubtract(1 + result % 20, ordering: .relaxed)
      })
    #expect(taken == Array(1...2000))
    // One job is asked for before it is known whether there is room for it.
    #expect(most.load(ordering: .relaxed) <= 50 + 20)
  }

  @Test func aJobOverTheLimitIsDoneAlone() throws {
    var jobs = [5, 1000, 5]
    var taken: [Int] = []
    try OrderedWork<Int, Int>.run(
      threads: 3, limit: 10, next: { jobs.isEmpty ? nil : { ($0, $0) }(jobs.removeFirst()) }, worker: { { $0 } },
      take: { taken.append($0) })
    #expect(taken == [5, 1000, 5])
  }

  @Test(arguments: [1, 4]) func theFirstFailureEndsIt(threads: Int) {
    var number = 0
    var taken: [Int] = []
    #expect(throws: Stop.self) {
      try OrderedWork<Int, Int>.run(
        threads: threads, limit: 8,
        next: {
          number += 1
          return (number, 1)
        }, worker: { { if $0 >= 100 { throw Stop() } else { return $0 } } }, take: { taken.append($0) })
    }
    #expect(taken == Array(1...99))
  }

  @Test(arguments: [1, 4]) func whatNextOrTakeThrowsEndsItToo(threads: Int) {
    #expect(throws: Stop.self) {
      try OrderedWork<Int, Int>.run(
        threads: threads, limit: 8, next: { throw Stop() }, worker: { { $0 } }, take: { _ in })
    }
    #expect(throws: Stop.self) {
      try OrderedWork<Int, Int>.run(
        threads: threads, limit: 8, next: { (1, 1) }, worker: { { $0 } }, take: { _ in throw Stop() })
    }
  }
}
