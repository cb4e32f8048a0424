// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// One state of a finite state entropy decoder, with what its symbol means already looked up.
struct FSEEntry {
  /// The symbol's value before its extra bits are added.
  var base: UInt32
  /// The next state before its bits are added.
  var next: UInt16
  /// Extra bits of the value.
  var extra: UInt8
  /// Bits of the next state.
  var bits: UInt8
}

/// What a table's symbols stand for.
enum FSEKind: Int {
  case literalLength, offset, matchLength, weight

  /// Highest symbol of the kind. Weights that are too high are refused where they are used.
  @inline(__always) var highestSymbol: Int {
    switch self {
    case .literalLength: 35
    case .offset: 31
    case .matchLength: 52
    case .weight: 255
    }
  }

  /// Highest accuracy (log2 of the number of states).
  @inline(__always) var highestLog: Int {
    switch self {
    case .literalLength, .matchLength: 9
    case .offset: 8
    case .weight: 6
    }
  }

  /// Value of symbol 0; that of every other follows from the extra bits of those before it.
  @inline(__always) var lowestValue: UInt32 {
    switch self {
    case .literalLength, .weight: 0
    case .offset: 1
    case .matchLength: 3
    }
  }

  /// Extra bits of a symbol's value (RFC 8878, 3.1.1.3.2.1.1).
  func extraBits(_ symbol: Int) -> Int {
    switch self {
    case .weight: return 0
    case .offset: return symbol
    case .literalLength, .matchLength:
      let isMatch = self == .matchLength
      let k = symbol &- (isMatch ? 32 : 16)
      if k < 0 { return 0 }
      if k < (isMatch ? 11 : 9) { return max(1, k &>> 1) }
      return k &- (isMatch ? 4 : 3)
    }
  }
}

/// The decoder's working memory: where each table is.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 4096 | literal lengths, 512 states |
/// | 4096 | 4096 | match lengths, 512 states |
/// | 8192 | 2048 | offsets, 256 states |
/// | 10240 | 4096 | Huffman codes, 2048 of 11 bits: symbol << 8, length |
/// | 14336 | 2048 | scratch while tables are built, then literals that are decoded on demand |
@safe
struct ZstandardTables {
  /// Longest Huffman code; every table is built for this length.
  static var huffmanLog: Int { 11 }
  static var scratchBytes: Int { 2016 }

  private let memory: MutableBytes

  init(unsafeStart memory: MutableBytes) { unsafe self.memory = memory }

  @inline(__always) var huffman: UnsafeMutablePointer<UInt16> {
    unsafe (memory + 10240).assumingMemoryBound(to: UInt16.self)
  }
  @inline(__always) var scratch: MutableBytes { unsafe memory + 14336 }
  @inline(__always) var lanes: UnsafeMutablePointer<UInt64> {
    unsafe (memory + 16352).assumingMemoryBound(to: UInt64.self)
  }
  // The scratch memory while tables are built: 256 counts, 53 meanings, 256 weights, 64 states of the weights' table.
  private var counts: UnsafeMutablePointer<Int16> { unsafe scratch.assumingMemoryBound(to: Int16.self) }
  private var meanings: UnsafeMutablePointer<FSEEntry> { unsafe (scratch + 512).assumingMemoryBound(to: FSEEntry.self) }
  private var weights: UnsafeMutablePointer<UInt8> { unsafe (scratch + 1024).assumingMemoryBound(to: UInt8.self) }

  @inline(__always)
  func states(_ kind: FSEKind) -> UnsafeMutablePointer<FSEEntry> {
    let offset =
      switch kind {
      case .literalLength: 0
      case .matchLength: 4096
      case .offset: 8192
      case .weight: 14336 + 1280
      }
    return unsafe (memory + offset).assumingMemoryBound(to: FSEEntry.self)
  }

  // MARK: Finite state entropy

  /// A table of one state, which stands for `symbol` and takes no bits; false where there is no such symbol.
  func buildSingle(_ kind: FSEKind, symbol: Int) -> Bool {
    guard symbol <= kind.highestSymbol else { return false }
    var base = kind.lowestValue
    for i in 0..<symbol { base &+= 1 &<< UInt32(truncatingIfNeeded: kind.extraBits(i)) }
    let extra = UInt8(truncatingIfNeeded: kind.extraBits(symbol))
    unsafe states(kind)[0] = FSEEntry(base: base, next: 0, extra: extra, bits: 0)
    return true
  }

  /// The predefined table of the kind (RFC 8878, 3.1.1.3.2.2); returns its accuracy.
  func buildPredefined(_ kind: FSEKind) -> Int {
    let counts = unsafe self.counts
    var log = 6
    var highest = kind.highestSymbol
    switch kind {
    case .literalLength:
      for s in 0...highest { unsafe counts[s] = s >= 32 ? -1 : (s >= 13 && s < 16) || s >= 27 ? 1 : 2 }
      unsafe counts[0] = 4
      unsafe counts[1] = 3
      unsafe counts[25] = 3
    case .matchLength:
      for s in 0...highest { unsafe counts[s] = s >= 46 ? -1 : s >= 9 ? 1 : 2 }
      unsafe counts[0] = 1
      unsafe counts[1] = 4
      unsafe counts[2] = 3
    case .offset, .weight:
      log = 5
      highest = 28
      for s in 0...highest { unsafe counts[s] = s >= 24 ? -1 : s >= 6 && s < 9 ? 2 : 1 }
    }
    build(kind, log: log, highest: highest)
    return log
  }

  /// Reads a table description (RFC 8878, 4.1.1) that ends at or before stored offset `limit`, and builds its table;
  /// `input` is then after it. Returns the accuracy, or -1 where it is invalid.
  func readTable(_ kind: FSEKind, _ input: inout InputCursor, limit: Int) -> Int {
    guard input.offset < limit else { return -1 }
    let counts = unsafe self.counts
    let start = input.offset
    var container = UInt32(truncatingIfNeeded: input.byte())
    let log = Int(container & 15) &+ 5
    guard log <= kind.highestLog else { return -1 }
    container &>>= 4
    var available = 4
    var taken = 4

    let highest = kind.highestSymbol
    var remaining = (1 &<< log) &+ 1
    var threshold = 1 &<< log
    var width = log &+ 1
    var symbol = 0
    var isRepeat = false
    while remaining > 1 {
      if symbol > highest { return -1 }
      // Bits past the limit read as 0; that they were needed shows at the end.
      while available < width {
        let byte = input.offset < limit ? input.byte() : 0
        container |= UInt32(truncatingIfNeeded: byte & 255) &<< UInt32(truncatingIfNeeded: available)
        available &+= 8
      }
      let low = Int(truncatingIfNeeded: container & 0xFFFF)
      var bits = 2
      if isRepeat {
        // Two bits say how many more symbols have no probability; 3 means that two more bits follow.
        let more = low & 3
        for i in 0..<more where symbol &+ i <= highest { unsafe counts[symbol &+ i] = 0 }
        symbol &+= more
        isRepeat = more == 3
      } else {
        let small = 2 &* threshold &- 1 &- remaining
        var value = low & (threshold &- 1)
        bits = width
        if value < small {
          bits &-= 1
        } else {
          value = low & (2 &* threshold &- 1)
          if value >= threshold { value &-= small }
        }
        // 0 stands for a probability below 1, which takes one state.
        let count = value &- 1
        remaining &-= count < 0 ? 1 : count
        unsafe counts[symbol] = Int16(truncatingIfNeeded: count)
        symbol &+= 1
        isRepeat = count == 0
        if remaining < 1 { return -1 }
        while remaining < threshold {
          width &-= 1
          threshold &>>= 1
        }
      }
      container &>>= UInt32(truncatingIfNeeded: bits)
      available &-= bits
      taken &+= bits
    }
    let end = start &+ (taken &+ 7) &>> 3
    guard end <= limit, input.seek(to: end) else { return -1 }
    build(kind, log: log, highest: symbol &- 1)
    return log
  }

  /// Builds the table for the counts (RFC 8878, 4.1.1), whose sum, with 1 for each -1, is `1 << log`.
  private func build(_ kind: FSEKind, log: Int, highest: Int) {
    let counts = unsafe self.counts
    let states = unsafe self.states(kind)
    let meanings = unsafe self.meanings
    let size = 1 &<< log
    var last = size &- 1
    var base = kind.lowestValue
    for s in 0...highest {
      if kind != .weight {
        let extra = kind.extraBits(s)
        unsafe meanings[s] = FSEEntry(base: base, next: 0, extra: UInt8(truncatingIfNeeded: extra), bits: 0)
        base &+= 1 &<< UInt32(truncatingIfNeeded: extra)
      }
      if unsafe counts[s] < 0 {
        unsafe states[last].base = UInt32(truncatingIfNeeded: s)
        last &-= 1
      }
    }
    let step = (size &>> 1) &+ (size &>> 3) &+ 3
    var position = 0
    for s in 0...highest {
      var count = unsafe Int(counts[s])
      if count < 0 {
        unsafe counts[s] = 1
        continue
      }
      while count > 0 {
        unsafe states[position].base = UInt32(truncatingIfNeeded: s)
        repeat { position = (position &+ step) & (size &- 1) } while position > last
        count &-= 1
      }
    }
    for i in 0..<size {
      let symbol = unsafe Int(states[i].base)
      let rank = unsafe UInt16(bitPattern: counts[symbol])
      unsafe counts[symbol] &+= 1
      let bits = log &- (15 &- rank.leadingZeroBitCount)
      var entry =
        unsafe kind == .weight
        ? FSEEntry(base: UInt32(truncatingIfNeeded: symbol), next: 0, extra: 0, bits: 0) : meanings[symbol]
      entry.bits = UInt8(truncatingIfNeeded: bits)
      entry.next = (rank &<< UInt16(truncatingIfNeeded: bits)) &- UInt16(truncatingIfNeeded: size)
      unsafe states[i] = entry
    }
  }

  // MARK: Huffman

  /// Reads a Huffman tree description (RFC 8878, 4.2.1) that ends at or before stored offset `limit`, and builds its
  /// table; `input` is then after it. False where it is invalid.
  func readHuffman(_ input: inout InputCursor, limit: Int) -> Bool {
    guard input.offset < limit else { return false }
    let weights = unsafe self.weights
    let header = input.byte()
    var count = 0
    if header >= 128 {
      count = header &- 127
      let end = input.offset &+ (count &+ 1) &>> 1
      guard end <= limit else { return false }
      var i = 0
      while i < count {
        let pair = input.byte()
        unsafe weights[i] = UInt8(truncatingIfNeeded: pair &>> 4)
        unsafe weights[i &+ 1] = UInt8(truncatingIfNeeded: pair & 15)
        i &+= 2
      }
    } else {
      let end = input.offset &+ header
      guard end <= limit else { return false }
      count = readWeights(&input, end: end)
      guard count > 0, input.seek(to: end) else { return false }
    }
    return buildHuffman(count: count)
  }

  /// Decodes weights with a table of their own; two states take turns until the bits are used up. Returns how many
  /// there are, at most 255, or 0 where it is invalid.
  private func readWeights(_ input: inout InputCursor, end: Int) -> Int {
    let log = readTable(.weight, &input, limit: end)
    guard log > 0 else { return 0 }
    let states = unsafe self.states(.weight)
    let weights = unsafe self.weights
    var bits = ReverseBits()
    let start = input.offset
    guard bits.begin(input.bytes, start: start, count: end &- start) else { return 0 }
    var state = bits.read(log)
    var other = bits.read(log)
    if bits.isOverrun { return 0 }
    var count = 0
    while count < 254 {
      let entry = unsafe states[state]
      unsafe weights[count] = UInt8(truncatingIfNeeded: entry.base)
      count &+= 1
      bits.refill()
      state = other
      other = Int(entry.next) &+ bits.read(Int(entry.bits))
      if bits.isOverrun {
        unsafe weights[count] = UInt8(truncatingIfNeeded: states[state].base)
        return count &+ 1
      }
    }
    return 0
  }

  /// Builds the table for `count` weights; that of the last symbol is what completes the sum to a power of two.
  private func buildHuffman(count: Int) -> Bool {
    let weights = unsafe self.weights
    // How many symbols have each weight, then where the codes of each begin.
    let ranks = unsafe counts
    for w in 0...Self.huffmanLog &+ 1 { unsafe ranks[w] = 0 }
    var sum: UInt32 = 0
    for i in 0..<count {
      let weight = unsafe Int(weights[i])
      guard weight <= Self.huffmanLog else { return false }
      unsafe ranks[weight] &+= 1
      sum &+= (1 &<< UInt32(truncatingIfNeeded: weight)) &>> 1
    }
    guard sum > 0, sum < 1 &<< UInt32(truncatingIfNeeded: Self.huffmanLog) else { return false }
    let log = 32 &- sum.leadingZeroBitCount
    let rest = (1 &<< UInt32(truncatingIfNeeded: log)) &- sum
    guard rest & (rest &- 1) == 0 else { return false }
    let lastWeight = 32 &- rest.leadingZeroBitCount
    unsafe weights[count] = UInt8(truncatingIfNeeded: lastWeight)
    unsafe ranks[lastWeight] &+= 1
    // By construction a full code has two longest members.
    guard unsafe ranks[1] >= 2 else { return false }
    let spread = Self.huffmanLog &- log
    var begin: Int16 = 0
    for w in 1...log {
      let symbols = unsafe ranks[w]
      unsafe ranks[w] = begin
      begin &+= symbols &<< Int16(truncatingIfNeeded: w &- 1 &+ spread)
    }
    let table = unsafe huffman
    for symbol in 0...count {
      let weight = unsafe Int(weights[symbol])
      if weight == 0 { continue }
      let entry = UInt16(truncatingIfNeeded: symbol &<< 8 | (log &+ 1 &- weight))
      let size = 1 &<< (weight &- 1 &+ spread)
      let at = unsafe Int(ranks[weight])
      unsafe ranks[weight] = Int16(truncatingIfNeeded: at &+ size)
      unsafe Self.fill(table + at, entry, count: size)
    }
    return true
  }

  /// Writes `entry` `count` times, a power of two.
  @inline(__always)
  private static func fill(_ to: UnsafeMutablePointer<UInt16>, _ entry: UInt16, count: Int) {
    if Machine.copiesWide, count >= 4 {
      let four = UInt64(entry) &* 0x0001_0001_0001_0001
      var i = 0
      while i < count {
        unsafe MutableBytes(to + i).storeBytes(of: four, as: UInt64.self)
        i &+= 4
      }
    } else {
      for i in 0..<count { unsafe to[i] = entry }
    }
  }
}
