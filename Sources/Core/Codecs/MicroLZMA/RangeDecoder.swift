// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// LZMA's binary arithmetic decoder over one run of input, and the shapes that LZMA builds of its bits.
///
/// It reads without asking whether there is input: the caller has made sure of ``symbolBytes`` for each symbol.
/// A copy lives in local variables for the length of a run; nothing here may be called on a stored property in a loop.
///
/// A bit that the branch predictor will guess (is it a match?) is decoded with a branch, one that it cannot guess (the
/// bits of a literal) with selects, and then its successors' probabilities are both loaded before it is known which of
/// them will be needed, so that the load is off the critical path.
@safe
struct RangeDecoder {
  /// Bytes that one symbol can take at most: 22 modelled bits, each of which shrinks the range by no more than 2048/31,
  /// and 26 direct ones make fewer than 160 bits.
  static var symbolBytes: Int { 20 }

  /// A probability is that of a 0 in 1/2048; it starts at one half.
  typealias Model = UnsafeMutablePointer<UInt16>
  static var evenOdds: UInt16 { 1024 }

  var range: UInt32
  var code: UInt32
  var next: Bytes

  @inline(always)
  mutating func normalize() {
    if range < 1 << 24 {
      range = range &<< 8
      code = unsafe code &<< 8 | UInt32(truncatingIfNeeded: next.load(as: UInt8.self))
      unsafe next += 1
    }
  }

  /// A bit decoded with a branch.
  @inline(always)
  mutating func bit(_ model: Model) -> Bool {
    normalize()
    let odds = unsafe UInt32(truncatingIfNeeded: model.pointee)
    let bound = (range &>> 11) &* odds
    if code < bound {
      range = bound
      unsafe model.pointee = UInt16(truncatingIfNeeded: odds &+ ((2048 &- odds) &>> 5))
      return false
    }
    range = range &- bound
    code = code &- bound
    unsafe model.pointee = UInt16(truncatingIfNeeded: odds &- (odds &>> 5))
    return true
  }

  /// A bit of the rarer kinds, which share one copy of the code in builds for size.
  @inline(always)
  mutating func rareBit(_ model: Model) -> Bool { unsafe Machine.selectsBits ? bit(model) : sharedBit(model) }

  @inline(never)
  private mutating func sharedBit(_ model: Model) -> Bool { unsafe bit(model) }

  /// A bit decoded without a branch; `odds` is what `model` holds. Gives whether the bit is 0.
  @inline(always)
  mutating func select(_ model: Model, odds: UInt32) -> Bool {
    normalize()
    let bound = (range &>> 11) &* odds
    let (rest, isZero) = code.subtractingReportingOverflow(bound)
    code = isZero ? code : rest
    range = pick(isZero, bound, range &- bound)
    // One shift serves both: down by odds / 32, or up by (2048 - odds) / 32, rounded down.
    let step = pick(isZero, odds &- (2048 - 31), odds)
    unsafe model.pointee = UInt16(truncatingIfNeeded: odds &- UInt32(bitPattern: Int32(bitPattern: step) &>> 5))
    return isZero
  }

  /// One level of a tree: `symbol` names the node, `odds` is what it holds; both go on to the child.
  @inline(always)
  mutating func level(_ tree: Model, _ symbol: inout Int, _ odds: inout UInt32) {
    let node = unsafe tree + symbol
    let zero = unsafe UInt32(truncatingIfNeeded: tree[symbol &* 2])
    // Odds are small enough to be read as signed. Read as unsigned like the other, they would be chosen as 16 bits and
    // widened after that, which is one step more from bit to bit.
    let one = unsafe UInt32(truncatingIfNeeded: Int16(bitPattern: tree[symbol &* 2 &+ 1]))
    let isZero = unsafe select(node, odds: odds)
    odds = pick(isZero, zero, one)
    symbol = symbol &* 2 &+ 1 &- number(isZero)
  }

  /// The last level of a tree.
  @inline(always)
  mutating func leaf(_ tree: Model, _ symbol: Int, _ odds: UInt32) -> Int {
    unsafe symbol &* 2 &+ 1 &- number(select(tree + symbol, odds: odds))
  }

  /// A tree of `bits` levels, the highest bit first; gives `1 << bits` more than the number.
  @inline(always)
  mutating func tree(_ tree: Model, bits: Int) -> Int {
    if Machine.selectsBits {
      var symbol = 1
      var odds = unsafe UInt32(truncatingIfNeeded: tree[1])
      if bits >= 8 { unsafe level(tree, &symbol, &odds) }
      if bits >= 7 { unsafe level(tree, &symbol, &odds) }
      if bits >= 6 { unsafe level(tree, &symbol, &odds) }
      if bits >= 5 { unsafe level(tree, &symbol, &odds) }
      if bits >= 4 { unsafe level(tree, &symbol, &odds) }
      if bits >= 3 { unsafe level(tree, &symbol, &odds) }
      if bits >= 2 { unsafe level(tree, &symbol, &odds) }
      return unsafe leaf(tree, symbol, odds)
    }
    return unsafe sharedTree(tree, end: 1 &<< bits)
  }

  /// The same for all trees, one bit after the other, so that there is but one copy of it.
  @inline(never)
  private mutating func sharedTree(_ tree: Model, end: Int) -> Int {
    var symbol = 1
    repeat {
      symbol = unsafe symbol &* 2 &+ (bit(tree + symbol) ? 1 : 0)
    } while symbol < end
    return symbol
  }
}

/// 1 for true, and 0 for false.
@inline(always)
func number(_ condition: Bool) -> Int { unsafe Int(truncatingIfNeeded: unsafeBitCast(condition, to: UInt8.self)) }

/// `condition ? yes : no`, of which the optimizer would make a branch; this never becomes one.
@inline(always)
func pick(_ condition: Bool, _ yes: UInt32, _ no: UInt32) -> UInt32 {
  let mask = UInt32(truncatingIfNeeded: 0 &- number(condition))
  return yes & mask | no & ~mask
}
