// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// POSIX regular expressions, basic and extended, over bytes; with GNU's \+ \? \| \w \W \s \S \< \> \b \B.
///
/// A pattern becomes a program for a machine that is in many places of it at once, so that a line of n bytes takes at
/// most n times the program's length whatever the pattern is, and memory for two lists of places. Therefore there are
/// no back references.
struct Regex {
  /// Errno has words for them.
  enum Failure: Int, Error {
    case bracket = 1001, parenthesis, brace, backslash, reference, tooLarge, repetition
  }
  enum Operation: UInt8 {
    case byte, any, set, split, jump, lineStart, lineEnd, wordStart, wordEnd, boundary, noBoundary, match
  }
  struct Instruction {
    var operation: Operation
    var byte: UInt8 = 0
    /// Where to go on: jump and split, the first choice; set, where its 32 bytes are.
    var target: Int16 = 0
    var other: Int16 = 0
  }

  static let longest = 4000
  private(set) var code: UnsafeMutablePointer<Instruction>
  private(set) var count = 0
  private var sets = Buffer()
  let ignoreCase: Bool
  /// Only a match with no letter, digit or underscore beside it counts, however long it is.
  private let wholeWord: Bool
  // The machine: two lists of places, and at which step each place was last entered.
  private var now: UnsafeMutablePointer<Int16>
  private var later: UnsafeMutablePointer<Int16>
  private var stack: UnsafeMutablePointer<Int16>
  private var seen: UnsafeMutablePointer<UInt32>
  private var step: UInt32 = 0

  @inline(never)
  init(ignoreCase: Bool, wholeWord: Bool) {
    self.ignoreCase = ignoreCase
    self.wholeWord = wholeWord
    code = Regex.table(16)
    now = Regex.table(1)
    later = now
    stack = now
    seen = Regex.table(1)
  }
  @inline(never)
  private static func table<T>(_ count: Int) -> UnsafeMutablePointer<T> {
    UnsafeMutableRawPointer(mapped(count * MemoryLayout<T>.stride)).bindMemory(to: T.self, capacity: count)
  }

  // MARK: - Building

  @inline(never)
  mutating func emit(_ instruction: Instruction) throws(Failure) {
    guard count < Regex.longest else { throw .tooLarge }
    // Grows by pages: most patterns are short.
    let size = MemoryLayout<Instruction>.stride
    let perPage = pageSize / size
    if count > 0, count % perPage == 0 {
      let more: UnsafeMutablePointer<Instruction> = Regex.table(count + perPage)
      more.update(from: code, count: count)
      _ = linux_unmap(code, count * size)
      code = more
    }
    code[count] = instruction
    count &+= 1
  }
  mutating func emit(_ operation: Operation) throws(Failure) { try emit(Instruction(operation: operation)) }
  @inline(never)
  mutating func emit(byte: UInt8) throws(Failure) {
    try emit(Instruction(operation: .byte, byte: ignoreCase ? lowered(byte) : byte))
  }
  @inline(never)
  mutating func emit(set: ByteSet) throws(Failure) {
    // What {0} takes away again leaves its set behind.
    guard sets.count < 32 * Regex.longest else { throw .tooLarge }
    try emit(Instruction(operation: .set, target: Int16(sets.count / 32)))
    withUnsafeBytes(of: set) {
      sets.append(Text($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self), 32))
    }
  }
  /// Moves what begins at `place` up by one, for an instruction there.
  @inline(never)
  mutating func insert(_ instruction: Instruction, at place: Int) throws(Failure) {
    try emit(.match)
    var i = count - 1
    while i > place {
      code[i] = moved(code[i - 1], from: place, by: 1)
      i &-= 1
    }
    code[place] = instruction
  }
  /// A copy of what lies from `begin` to `end` behind all.
  @inline(never)
  mutating func duplicate(_ begin: Int, _ end: Int) throws(Failure) {
    let by = count - begin
    for i in begin..<end { try emit(moved(code[i], from: begin, by: by)) }
  }
  @inline(never)
  private func moved(_ instruction: Instruction, from place: Int, by: Int) -> Instruction {
    var result = instruction
    if instruction.operation == .split || instruction.operation == .jump {
      if Int(result.target) >= place { result.target += Int16(by) }
      if Int(result.other) >= place { result.other += Int16(by) }
    }
    return result
  }
  mutating func setTarget(_ place: Int, _ target: Int) { code[place].target = Int16(target) }
  mutating func setOther(_ place: Int, _ target: Int) { code[place].other = Int16(target) }
  mutating func cut(to length: Int) { count = length }

  // MARK: - Running

  @inline(never)
  mutating func finish() throws(Failure) {
    try emit(.match)
    now = Regex.table(count)
    later = Regex.table(count)
    stack = Regex.table(2 * count + 2)
    seen = Regex.table(count)
  }

  /// Where the leftmost, longest match begins and ends that starts at `from` or later; nil if there is none. If only
  /// `whether` there is one is asked, the end may be that of a shorter one.
  @inline(never)
  mutating func match(_ line: Text, from: Int, whether: Bool) -> (start: Int, end: Int)? {
    if whether { return run(line, from, everywhere: true).map { (from, $0) } }
    var start = from
    while start <= line.count {
      if let end = run(line, start, everywhere: false) { return (start, end) }
      start &+= 1
    }
    return nil
  }

  /// The end of the longest match from `start` on; of any match, and soon, where it may begin `everywhere`.
  @inline(never)
  private mutating func run(_ line: Text, _ start: Int, everywhere: Bool) -> Int? {
    var at = start
    var places = 0
    var end: Int?
    nextStep()
    begin(line, at, &places, now)
    while true {
      var coming = 0
      nextStep()
      let byte: UInt8? = at < line.count ? line.start[at] : nil
      for i in 0..<places {
        let place = Int(now[i])
        let instruction = code[place]
        if instruction.operation == .match {
          if wholeWord, isWord(line, at) { continue }
          end = at
          if everywhere { return end }
          continue
        }
        guard let byte, takes(instruction, byte) else { continue }
        enter(place + 1, line, at + 1, &coming, later)
      }
      if byte == nil { return end }
      at &+= 1
      if everywhere { begin(line, at, &coming, later) }
      if coming == 0, !everywhere { return end }
      swap(&now, &later)
      places = coming
    }
  }
  /// Enters the program's first place, if a match may begin here.
  private mutating func begin(
    _ line: Text, _ at: Int, _ count: inout Int, _ list: UnsafeMutablePointer<Int16>
  ) {
    if !wholeWord || !isWord(line, at - 1) { enter(0, line, at, &count, list) }
  }
  /// Whether there is a letter, digit or underscore at this place; beyond the line there is none.
  @inline(never)
  private func isWord(_ line: Text, _ at: Int) -> Bool { at >= 0 && at < line.count && isName(line.start[at]) }
  @inline(never)
  private mutating func nextStep() {
    step &+= 1
    if step == 0 {
      for i in 0..<count { seen[i] = 0 }
      step = 1
    }
  }

  @inline(never)
  private func takes(_ instruction: Instruction, _ byte: UInt8) -> Bool {
    switch instruction.operation {
    case .byte: return (ignoreCase ? lowered(byte) : byte) == instruction.byte
    case .any: return true
    default:
      let set = UnsafeMutableRawPointer(sets.start + 32 * Int(instruction.target))
        .assumingMemoryBound(to: ByteSet.self)
      return set.pointee.contains(byte)
    }
  }

  /// Adds a place, or those that it leads to without a byte.
  @inline(never)
  private mutating func enter(
    _ place: Int, _ line: Text, _ at: Int, _ count: inout Int, _ list: UnsafeMutablePointer<Int16>
  ) {
    var depth = 1
    stack[0] = Int16(place)
    while depth > 0 {
      depth &-= 1
      let place = Int(stack[depth])
      if seen[place] == step { continue }
      seen[place] = step
      let instruction = code[place]
      let before = isWord(line, at - 1)
      let after = isWord(line, at)
      let passes: Bool
      switch instruction.operation {
      case .split:
        stack[depth] = instruction.other
        stack[depth + 1] = instruction.target
        depth &+= 2
        continue
      case .jump:
        stack[depth] = instruction.target
        depth &+= 1
        continue
      case .lineStart: passes = at == 0
      case .lineEnd: passes = at == line.count
      case .wordStart: passes = !before && after
      case .wordEnd: passes = before && !after
      case .boundary: passes = before != after
      case .noBoundary: passes = before == after
      default:
        list[count] = Int16(place)
        count &+= 1
        continue
      }
      if passes {
        stack[depth] = Int16(place + 1)
        depth &+= 1
      }
    }
  }
}
