// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import EROFSBuilder

@Suite struct RunListTests {
  /// A list and the same as an array, of runs and of what is not repeated.
  private func lists(_ random: inout Random) -> (RunList<Int>, [Int]) {
    var (list, array) = (RunList<Int>(), [Int]())
    for _ in 0..<random.below(40) {
      if random.isTrue(oneIn: 8) {
        let start = random.below(array.count + 1)
        list.removeAll(from: start)
        array.removeSubrange(start...)
      }
      // Two in a row may be of the same value.
      let (value, count) = (random.below(3), [0, 1, 1, 2, 3, 50][random.below(6)])
      if random.isTrue(oneIn: 2) {
        list.append(value, count: count)
      } else {
        for _ in 0..<count { list.append(value) }
      }
      array += [Int](repeating: value, count: count)
    }
    return (list, array)
  }

  @Test func isAnArray() {
    var random = Random(41)
    for _ in 0..<500 {
      let (list, array) = lists(&random)
      #expect(list.count == array.count)
      #expect(Array(list.all) == array)
      let start = random.below(array.count + 1)
      let range = start..<start + random.below(array.count - start + 1)
      let part = list[range]
      #expect(Array(part) == Array(array[range]))
      #expect(range.map { part[$0] } == Array(array[range]))
      #expect(part.dropFirst().elementsEqual(array[range].dropFirst()))
      #expect(part.runs.flatMap { [Int](repeating: $0.element, count: $0.count) } == Array(array[range]))
      #expect(Array(part.values) == part.runs.map(\.element))
      #expect(zip(part.values, part.values.dropFirst()).allSatisfy { $0 != $1 })
      #expect(part.first == array[range].first && part.last == array[range].last)
    }
  }

  @Test func repeatsTakeNoRoom() {
    var list = RunList<Int?>()
    for number in 0..<1000 {
      list.append(number)
      list.append(nil, count: 1 << 40)
    }
    #expect(list.count == 1000 + 1000 << 40)
    #expect(list.storedCount == 3000)
    #expect(RunList(0..<1000).storedCount == 1000)
    list.removeAll(from: 1 << 39)
    #expect(list.count == 1 << 39 && list.storedCount == 3)
  }
}
