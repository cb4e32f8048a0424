// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A pattern for paths, as shells have them.
///
/// In a name, `*` stands for any characters, `?` for one, `[a-z]` for one of a set and `[!a-z]` for one that is not in it;
/// `\` takes the meaning from the character after it. `**` between slashes stands for any number of directories, also none.
/// A name that starts with a dot needs nothing special. `/` at the start may be left out.
public struct PathPattern: Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let description: String
  private let parts: [Part]

  private enum Part: Sendable {
    /// `**`
    case anyDirectories
    case name([Element])
  }

  private enum Element: Sendable {
    case scalar(Unicode.Scalar)
    case byte(UInt8)
    case anyOne
    case anyNumber
    case set([ClosedRange<Unicode.Scalar>], isInverted: Bool)
  }

  /// Any text is a pattern: what begins a set that has no end stands for itself.
  ///
  /// - Parameter text: the pattern.
  public init(_ text: String) {
    description = text
    parts = text.unicodeScalars.split(separator: "/").map { name in
      name.elementsEqual("**".unicodeScalars) ? .anyDirectories : .name(Self.elements(Array(name)))
    }
  }

  public init(stringLiteral value: String) { self.init(value) }

  private static func elements(_ text: [Unicode.Scalar]) -> [Element] {
    var elements: [Element] = []
    var at = 0
    while at < text.count {
      let scalar = text[at]
      at += 1
      switch scalar {
      case "*":
        if case .anyNumber? = elements.last {} else { elements.append(.anyNumber) }
      case "?": elements.append(.anyOne)
      case "\\" where at < text.count:
        elements.append(.scalar(text[at]))
        at += 1
      case "[":
        if let (set, end) = set(text, at) {
          elements.append(set)
          at = end
        } else {
          elements.append(.scalar(scalar))
        }
      default: elements.append(.scalar(scalar))
      }
    }
    return elements
  }

  /// The set whose bracket is before `start`, and where the text goes on; nil if it has no end.
  private static func set(_ text: [Unicode.Scalar], _ start: Int) -> (Element, end: Int)? {
    var at = start
    let isInverted = at < text.count && (text[at] == "!" || text[at] == "^")
    if isInverted { at += 1 }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    let first = at
    /// The next member; a backslash takes the meaning from the one after it.
    func member() -> Unicode.Scalar {
      if text[at] == "\\", at + 1 < text.count { at += 1 }
      at += 1
      return text[at - 1]
    }
    while at < text.count {
      // A bracket that is the first member is one.
      if text[at] == "]", at > first { return (.set(ranges, isInverted: isInverted), at + 1) }
      let low = member()
      var high = low
      if at + 1 < text.count, text[at] == "-", text[at + 1] != "]" {
        at += 1
        high = member()
      }
      if low <= high { ranges.append(low...high) }
    }
    return nil
  }

  /// Whether the whole of `path` matches.
  ///
  /// - Parameter path: bytes; empty names in it count for nothing.
  public func matches(_ path: [UInt8]) -> Bool {
    var places = start
    for name in path.split(separator: 0x2F) { places = advance(places, over: Array(name)) }
    return accepts(places)
  }

  // MARK: Step by step, from directory to directory

  /// Where in the pattern a path may be: the numbers of the parts that come next, in order.
  typealias Places = [Int]

  var start: Places { closed([0]) }

  /// Whether the pattern is complete.
  func accepts(_ places: Places) -> Bool { places.last == parts.count }

  /// Where it may be behind one more name; empty if nothing below can match.
  func advance(_ places: Places, over name: [UInt8]) -> Places {
    var next: Places = []
    for place in places where place < parts.count {
      switch parts[place] {
      case .anyDirectories: next.append(place)
      case .name(let elements): if Self.matches(elements, name) { next.append(place + 1) }
      }
    }
    return closed(next)
  }

  /// With the places behind every `**`, which may stand for nothing; sorted, each once.
  private func closed(_ places: Places) -> Places {
    var all: Set<Int> = []
    for place in places {
      var place = place
      while all.insert(place).inserted, place < parts.count, case .anyDirectories = parts[place] { place += 1 }
    }
    return all.sorted()
  }

  /// Takes time in proportion to the lengths' product at most: only the last `*` is tried again.
  private static func matches(_ elements: [Element], _ name: [UInt8]) -> Bool {
    var characters: [Element] = []
    var rest = name[...]
    while let byte = rest.first {
      let scalar = rest.firstScalar
      characters.append(scalar.map { .scalar($0.scalar) } ?? .byte(byte))
      rest = rest.dropFirst(scalar?.count ?? 1)
    }
    var (element, character) = (0, 0)
    var star: (element: Int, character: Int)?
    while character < characters.count {
      if element < elements.count, case .anyNumber = elements[element] {
        star = (element, character)
        element += 1
      } else if element < elements.count, fits(elements[element], characters[character]) {
        element += 1
        character += 1
      } else if let last = star {
        star = (last.element, last.character + 1)
        (element, character) = (last.element + 1, last.character + 1)
      } else {
        return false
      }
    }
    while element < elements.count, case .anyNumber = elements[element] { element += 1 }
    return element == elements.count
  }

  private static func fits(_ element: Element, _ character: Element) -> Bool {
    switch (element, character) {
    case (.anyOne, _): true
    case (.scalar(let wanted), .scalar(let found)): wanted == found
    case (.set(let ranges, let isInverted), .scalar(let found)):
      ranges.contains { $0.contains(found) } != isInverted
    case (.set(_, let isInverted), _): isInverted
    default: false
    }
  }
}
