// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A list in which equal elements in a row take the room of one: a file of terabytes of holes has millions of them.
///
/// Where no element is like the one before, it takes no more than an array.
struct RunList<Element: Equatable & Sendable>: Sendable {
  /// The element of each run, however short.
  private(set) var values: [Element] = []
  /// The runs of two and more, in order.
  private var repeats: [Repeat] = []
  private(set) var count = 0

  private struct Repeat {
    /// Place in ``values``.
    let value: Int
    var elements: Range<Int>
  }

  init() {}

  init(_ elements: some Sequence<Element>) { for element in elements { append(element) } }

  /// Entries that are kept in memory.
  var storedCount: Int { values.count + repeats.count }

  mutating func append(_ element: Element, count added: Int = 1) {
    guard added > 0 else { return }
    let end = count + added
    let isNew = values.last != element
    if isNew { values.append(element) }
    if let last = repeats.last, last.value == values.count - 1 {
      repeats[repeats.count - 1].elements = last.elements.lowerBound..<end
    } else if !isNew || added > 1 {
      repeats.append(Repeat(value: values.count - 1, elements: (isNew ? count : count - 1)..<end))
    }
    count = end
  }

  /// Removes all elements from that one on.
  mutating func removeAll(from start: Int) {
    while count > start {
      guard let last = repeats.last, last.value == values.count - 1 else {
        values.removeLast()
        count -= 1
        continue
      }
      let first = last.elements.lowerBound
      count = max(first, start)
      if count <= first + 1 { repeats.removeLast() } else { repeats[repeats.count - 1].elements = first..<count }
      if count == first { values.removeLast() }
    }
  }

  /// The run that has an element: its place in ``values``, and among ``repeats`` that of it or of the next one.
  private func place(of element: Int) -> (value: Int, repeat: Int) {
    var (low, high) = (0, repeats.count)
    while low < high {
      let middle = (low + high) / 2
      if repeats[middle].elements.upperBound <= element { low = middle + 1 } else { high = middle }
    }
    // Between runs of two and more there are only runs of one.
    var value = element
    if low > 0 {
      let before = repeats[low - 1]
      value = before.value + 1 + (element - before.elements.upperBound)
    }
    if low < repeats.count { value = min(value, repeats[low].value) }
    return (value, low)
  }

  /// Equal elements in a row, and how many there are of them.
  struct Runs: Sequence, IteratorProtocol {
    private let list: RunList
    private var element: Int
    private let end: Int
    private var value = 0
    private var nextRepeat = 0

    fileprivate init(_ list: RunList, _ range: Range<Int>) {
      self.list = list
      (element, end) = (range.lowerBound, range.upperBound)
      if !range.isEmpty { (value, nextRepeat) = list.place(of: element) }
    }

    mutating func next() -> (element: Element, count: Int)? {
      guard element < end else { return nil }
      var stop = element + 1
      if nextRepeat < list.repeats.count, list.repeats[nextRepeat].value == value {
        let last = list.repeats[nextRepeat].elements.upperBound
        stop = last < end ? last : end
        nextRepeat += 1
      }
      defer { (element, value) = (stop, value + 1) }
      return (list.values[value], stop - element)
    }
  }

  /// Some of the elements; it keeps the list.
  struct Part: RandomAccessCollection, Sendable {
    fileprivate let list: RunList
    let startIndex: Int
    let endIndex: Int

    subscript(element: Int) -> Element {
      precondition(element >= startIndex && element < endIndex)
      return list.values[list.place(of: element).value]
    }

    subscript(range: Range<Int>) -> Part {
      precondition(range.lowerBound >= startIndex && range.upperBound <= endIndex)
      return Part(list: list, startIndex: range.lowerBound, endIndex: range.upperBound)
    }

    var runs: Runs { Runs(list, startIndex..<endIndex) }

    /// The element of each run.
    var values: ArraySlice<Element> {
      if isEmpty { return [] }
      return list.values[list.place(of: startIndex).value...list.place(of: endIndex - 1).value]
    }

    func makeIterator() -> Iterator { Iterator(runs: runs) }
  }

  struct Iterator: IteratorProtocol {
    fileprivate var runs: Runs
    private var element: Element?
    /// How many more of it there are.
    private var left = 0

    fileprivate init(runs: Runs) { self.runs = runs }

    mutating func next() -> Element? {
      if left == 0, let run = runs.next() { (element, left) = run }
      guard left > 0 else { return nil }
      left -= 1
      return element
    }
  }

  subscript(range: Range<Int>) -> Part { all[range] }

  var all: Part { Part(list: self, startIndex: 0, endIndex: count) }
}
