// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A finite state entropy code (RFC 8878, 4.1), in both directions.
///
/// State `s` stands for a symbol. A decoder in it goes on to state `base + (the next bits)`. The other way round, an encoder
/// that knows the state `x` which follows looks for the one state of a symbol from which it can be reached: with n
/// states of the symbol, numbered r = 0 ..< n in the order of the table, that is the one with
/// (x + size) >> bits == n + r.
final class ZstandardStateCode {
  static let largestLog = 9
  private static let mostSymbols = 256

  /// log2 of the number of states.
  private(set) var log = 0
  // Of each state.
  private let symbols = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << largestLog)
  private let widths = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << largestLog)
  private let bases = UnsafeMutablePointer<UInt16>.allocate(capacity: 1 << largestLog)
  /// States by symbol, and of each symbol in their order.
  private let ordered = UnsafeMutablePointer<UInt16>.allocate(capacity: 1 << largestLog)
  // Of each symbol: how many states it has, and where in `ordered` they begin, less that number.
  private let counts = UnsafeMutablePointer<Int16>.allocate(capacity: mostSymbols)
  private let starts = UnsafeMutablePointer<Int16>.allocate(capacity: mostSymbols)

  init() {
    symbols.initialize(repeating: 0, count: 1 << Self.largestLog)
    widths.initialize(repeating: 0, count: 1 << Self.largestLog)
    bases.initialize(repeating: 0, count: 1 << Self.largestLog)
    ordered.initialize(repeating: 0, count: 1 << Self.largestLog)
    counts.initialize(repeating: 0, count: Self.mostSymbols)
    starts.initialize(repeating: 0, count: Self.mostSymbols)
  }

  deinit {
    symbols.deallocate()
    widths.deallocate()
    bases.deallocate()
    ordered.deallocate()
    counts.deallocate()
    starts.deallocate()
  }

  // MARK: Making

  /// One state, which stands for `symbol` and takes no bits.
  func setSingle(_ symbol: UInt8) {
    counts.update(repeating: 0, count: Self.mostSymbols)
    counts[Int(symbol)] = 1
    build(log: 0, highest: Int(symbol))
  }

  /// A code with given counts, as a description has them: -1 for less than one state.
  func set(_ given: [Int16], log: Int) {
    counts.update(repeating: 0, count: Self.mostSymbols)
    for (symbol, count) in given.enumerated() { counts[symbol] = count }
    build(log: log, highest: given.count - 1)
  }

  /// Reads a description (RFC 8878, 4.1.1) from `bytes`; returns how many it took, or nil when it is not one.
  func read(_ bytes: UnsafeRawBufferPointer, highestLog: Int) -> Int? {
    var at = 0
    /// The next bits, without taking them; those after the end are 0.
    func peek(_ count: Int) -> Int {
      var word = 0
      for i in 0..<4 where at >> 3 + i < bytes.count { word |= Int(bytes[at >> 3 + i]) << (8 * i) }
      return word >> (at & 7) & (1 << count - 1)
    }
    let log = peek(4) + 5
    at = 4
    guard log <= highestLog, log <= Self.largestLog else { return nil }
    counts.update(repeating: 0, count: Self.mostSymbols)
    // Values 0 ... left + 1 are possible next; the lowest of them take a bit less.
    var left = 1 << log
    var symbol = 0
    while left > 0 {
      guard symbol < Self.mostSymbols else { return nil }
      let width = Int.bitWidth - (left + 1).leadingZeroBitCount
      let short = 1 << width - 2 - left
      var value = peek(width - 1)
      if value < short {
        at += width - 1
      } else {
        value = peek(width)
        at += width
        if value >= 1 << (width - 1) { value -= short }
      }
      let count = value - 1
      counts[symbol] = Int16(count)
      left -= abs(count)
      symbol += 1
      guard count == 0 else { continue }
      var more = 3
      while more == 3 {
        more = peek(2)
        at += 2
        symbol += more
        guard symbol < Self.mostSymbols else { return nil }
      }
    }
    let taken = (at + 7) >> 3
    guard left == 0, taken <= bytes.count else { return nil }
    build(log: log, highest: symbol - 1)
    return taken
  }

  private func build(log: Int, highest: Int) {
    self.log = log
    let size = 1 << log
    var last = size - 1
    for symbol in 0...highest where counts[symbol] < 0 {
      symbols[last] = UInt8(symbol)
      last -= 1
    }
    let step = size >> 1 + size >> 3 + 3
    var position = 0
    for symbol in 0...highest where counts[symbol] > 0 {
      for _ in 0..<counts[symbol] {
        symbols[position] = UInt8(symbol)
        repeat { position = (position + step) & (size - 1) } while position > last && last >= 0
      }
    }
    var start: Int16 = 0
    for symbol in 0...highest {
      counts[symbol] = abs(counts[symbol])
      // Ranks begin at the count, so that one addition finds a state.
      starts[symbol] = start
      start += counts[symbol]
    }
    for state in 0..<size {
      let symbol = Int(symbols[state])
      let begin = starts[symbol]
      ordered[Int(begin)] = UInt16(state)
      starts[symbol] += 1
    }
    for symbol in 0...highest { starts[symbol] -= 2 * counts[symbol] }
    for symbol in 0...highest {
      let count = Int(counts[symbol])
      for rank in count..<2 * count {
        let state = Int(ordered[Int(starts[symbol]) + rank])
        let width = log - (Int.bitWidth - 1 - rank.leadingZeroBitCount)
        widths[state] = UInt8(width)
        bases[state] = UInt16(rank << width - size)
      }
    }
  }

  // MARK: Decoding

  @inline(__always) func symbol(_ state: Int) -> UInt8 { symbols[state] }
  @inline(__always) func width(_ state: Int) -> Int { Int(widths[state]) }
  @inline(__always) func base(_ state: Int) -> Int { Int(bases[state]) }

  // MARK: Encoding

  func has(_ symbol: UInt8) -> Bool { counts[Int(symbol)] > 0 }

  /// A state of the symbol that comes last; of those that it has, any will do.
  @inline(__always)
  func lastState(_ symbol: UInt8) -> Int {
    Int(ordered[Int(starts[Int(symbol)]) + Int(counts[Int(symbol)])])
  }

  /// Steps back from `state` to the one of `symbol` before it, and writes the bits between.
  @inline(__always)
  func stepBack(_ state: inout Int, _ symbol: UInt8, _ writer: inout ZstandardBitWriter) {
    let count = Int(counts[Int(symbol)])
    let whole = state + 1 << log
    // The width that leaves count ..< 2 * count.
    var width = count.leadingZeroBitCount - whole.leadingZeroBitCount
    if whole >> width < count { width -= 1 }
    let previous = Int(ordered[Int(starts[Int(symbol)]) + whole >> width])
    writer.write(whole & (1 << width - 1), width)
    state = previous
  }

  /// Bits that a symbol takes on average, in 1/256.
  func cost(_ symbol: UInt8) -> Int {
    let count = Int(counts[Int(symbol)])
    guard count > 0 else { return 1 << 20 }
    // log2 of the count by linear interpolation, which is at most 0.09 too low.
    let floor = Int.bitWidth - 1 - count.leadingZeroBitCount
    return (log - floor) << 8 - ((count << 8) >> floor - 256)
  }
}
