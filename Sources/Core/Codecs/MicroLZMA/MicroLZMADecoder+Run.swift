// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

extension MicroLZMADecoder {
  /// Decodes symbols within one run of input and one of output, until the output reaches `until`, or a symbol begins
  /// after `through`, or a match cannot be written here; that one is left in `pending`.
  ///
  /// After `through` there must be ``RangeDecoder/symbolBytes`` bytes to read. All state is in locals on the way.
  @inline(never)
  mutating func decodeRun(
    from input: inout Bytes, through: Bytes, until: MutableBytes
  ) -> DecodeError.Reason? {
    let models = unsafe self.models
    let contextBits = properties.literalContextBits
    let positionMask = (1 &<< properties.positionBits) &- 1
    // Of (position << 8 | byte before): the bits that choose the literal's tree.
    let literalMask = (0x100 &<< properties.literalPositionBits) &- (0x100 &>> properties.literalContextBits)
    let runStart = unsafe window.runStart
    let runEnd = unsafe window.end
    let reachLimit = window.reachLimit
    var coder = unsafe RangeDecoder(range: range, code: code, next: input)
    var next = unsafe window.next
    var (rep0, rep1, rep2, rep3) = distances
    var state = self.state
    var position = window.position
    var before = position > 0 ? Int(truncatingIfNeeded: window.byte(back: 1)) : 0
    var refusal: DecodeError.Reason?
    var length = 0

    while unsafe next < until && coder.next <= through {
      let atPosition = position & positionMask
      if unsafe !coder.bit(models + (ModelLayout.isMatch &+ state &* 16 &+ atPosition)) {
        let context = (position &<< 8 &+ before) & literalMask
        let tree = unsafe models + (ModelLayout.literals &+ (context &* 3) &<< contextBits)
        if state < 7 {
          before = unsafe coder.tree(tree, bits: 8) & 0xFF
          state = state < 4 ? 0 : state &- 3
        } else {
          let distance = Int(truncatingIfNeeded: rep0) &+ 1
          let match: UInt8
          if unsafe _slowPath(distance > next - runStart) {
            match = unsafe farByte(distance, at: next)
          } else {
            match = unsafe (next - distance).load(as: UInt8.self)
          }
          before = unsafe coder.matchedLiteral(tree, match: Int(truncatingIfNeeded: match)) & 0xFF
          state = state < 10 ? state &- 3 : state &- 6
        }
        unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: before), as: UInt8.self)
        unsafe next += 1
        position = position &+ 1
        continue
      }

      var isNew = true
      if unsafe !coder.bit(models + (ModelLayout.isRepeat &+ state)) {
        rep3 = rep2
        rep2 = rep1
        rep1 = rep0
      } else {
        isNew = false
        if unsafe !coder.rareBit(models + (ModelLayout.isRepeat0 &+ state)) {
          if unsafe !coder.rareBit(models + (ModelLayout.isLongRepeat0 &+ state &* 16 &+ atPosition)) { length = 1 }
        } else {
          let distance: UInt32
          if unsafe !coder.rareBit(models + (ModelLayout.isRepeat1 &+ state)) {
            distance = rep1
          } else {
            if unsafe !coder.rareBit(models + (ModelLayout.isRepeat2 &+ state)) {
              distance = rep2
            } else {
              distance = rep3
              rep3 = rep2
            }
            rep2 = rep1
          }
          rep1 = rep0
          rep0 = distance
        }
      }
      if length == 0 {
        length = unsafe coder.length(models + (isNew ? ModelLayout.matchLength : ModelLayout.repeatLength), atPosition)
        if isNew {
          rep0 = unsafe coder.distance(models, length: length)
          state = state < 7 ? 7 : 10
        } else {
          state = state < 7 ? 8 : 11
        }
      } else {
        state = state < 7 ? 9 : 11
      }

      if _slowPath(UInt(truncatingIfNeeded: rep0) >= UInt(bitPattern: min(position, reachLimit))) {
        // No pointer remains that could be followed if the decoder is used again.
        refusal = .distance
        state = 0
        length = 0
        break
      }
      let distance = Int(truncatingIfNeeded: rep0) &+ 1
      if unsafe _slowPath(length > until - next) { break }
      if unsafe _slowPath(distance > next - runStart) {
        guard Machine.copiesWide, unsafe copyFar(distance, length, to: next) else { break }
      } else if Machine.copiesWide {
        if unsafe _slowPath(length &+ 32 > runEnd - next) { break }
        unsafe wildRepeat(next, distance: distance, length)
      } else {
        unsafe Machine.isSmall
          ? copyRepeating(next, Bytes(next) + (0 &- distance), length)
          : copyForward(next, Bytes(next) - distance, length)
      }
      unsafe next += length
      position = position &+ length
      before = unsafe Int(truncatingIfNeeded: (next - 1).load(as: UInt8.self))
      length = 0
    }

    range = coder.range
    code = coder.code
    unsafe input = coder.next
    unsafe window.next = next
    distances = (rep0, rep1, rep2, rep3)
    self.state = state
    pending = length
    return refusal
  }

  /// The byte `distance` before `next` where it is in another run.
  @inline(never)
  private mutating func farByte(_ distance: Int, at next: MutableBytes) -> UInt8 {
    // While `decodeRun` works, `window.next` is an earlier byte of the same run than `next`.
    unsafe window.byte(back: distance &- (next - window.next))
  }

  /// Copies a match whose source is in another run; false, and nothing copied, where one of the two is near the end
  /// of its run.
  @inline(never)
  private mutating func copyFar(_ distance: Int, _ length: Int, to next: MutableBytes) -> Bool {
    let from = unsafe window.history(distance &- (next - window.next))
    guard unsafe length &+ 16 <= from.count, unsafe length &+ 16 <= window.end - next else { return false }
    unsafe wildCopy16(next, from.start, length)
    return true
  }
}

extension RangeDecoder {
  /// A literal after a match: as long as its bits are those of `match`, the byte that the match would have gone on
  /// with, each comes from a tree of its own. Gives 256 more than the literal.
  @inline(always)
  mutating func matchedLiteral(_ tree: Model, match: Int) -> Int {
    var symbol = 1
    var match = match
    if Machine.selectsBits {
      // The bits are expected to be those of `match`, so that their models are known beforehand; at the first that is
      // not, which the branch predictor pays for once, the plain tree takes over.
      repeat {
        match = match &* 2
        let expected = match & 0x100
        let node = unsafe tree + (0x100 &+ expected &+ symbol)
        let isZero = unsafe select(node, odds: UInt32(truncatingIfNeeded: node.pointee))
        symbol = symbol &* 2 &+ expected &>> 8
        if isZero != (expected == 0) {
          symbol = symbol ^ 1
          if symbol < 0x100 {
            var odds = unsafe UInt32(truncatingIfNeeded: tree[symbol])
            while symbol < 0x80 { unsafe level(tree, &symbol, &odds) }
            symbol = unsafe leaf(tree, symbol, odds)
          }
          break
        }
      } while symbol < 0x100
      return symbol
    }
    // 0x100 while all bits so far were those of `match`, then 0.
    var alike = 0x100
    repeat {
      match = match &* 2
      let expected = match & alike
      if unsafe bit(tree + (alike &+ expected &+ symbol)) {
        symbol = symbol &* 2 &+ 1
        alike = expected
      } else {
        symbol = symbol &* 2
        alike = alike ^ expected
      }
    } while symbol < 0x100
    return symbol
  }

  /// The length of a match, 2 ... 273.
  @inline(always)
  mutating func length(_ models: Model, _ atPosition: Int) -> Int {
    let low = unsafe models + (2 &+ atPosition &* 8)
    if unsafe !rareBit(models) { return unsafe tree(low, bits: 3) &- (8 - 2) }
    if unsafe !rareBit(models + 1) { return unsafe tree(low + 128, bits: 3) &- (8 - 10) }
    return unsafe tree(models + 258, bits: 8) &- (256 - 18)
  }

  /// The distance, less 1, of a match that is no repetition.
  @inline(always)
  mutating func distance(_ models: Model, length: Int) -> UInt32 {
    let kind = min(length &- 2, 3)
    let slot = unsafe tree(models + (ModelLayout.distanceSlot &+ kind &* 64), bits: 6) &- 64
    if slot < 4 { return UInt32(truncatingIfNeeded: slot) }
    var count = slot &>> 1 &- 1
    var distance = UInt32(truncatingIfNeeded: 2 | slot & 1)
    var tail = unsafe models + ModelLayout.distanceAlign
    if slot < 14 {
      distance = distance &<< UInt32(truncatingIfNeeded: count)
      unsafe tail = models + (ModelLayout.distanceTail &+ Int(truncatingIfNeeded: distance) &- slot)
      if Machine.selectsBits { return unsafe distance &+ reverseTree(tail, bits: count) }
    } else {
      count &-= 4
      repeat {
        normalize()
        range = range &>> 1
        let rest = code &- range
        let isZero = Int32(bitPattern: rest) < 0
        code = isZero ? code : rest
        distance = distance &* 2 &+ 1 &- UInt32(truncatingIfNeeded: number(isZero))
        count &-= 1
      } while count > 0
      distance = distance &<< 4
      if Machine.selectsBits { return unsafe distance &+ reverseTree4(tail) }
      count = 4
    }
    return unsafe distance &+ reverseTree(tail, bits: count)
  }

  /// A tree of `bits` levels, the lowest bit first.
  @inline(always)
  private mutating func reverseTree(_ tree: Model, bits: Int) -> UInt32 {
    var symbol = 1
    var value: UInt32 = 0
    var bitValue: UInt32 = 1
    for _ in 0..<bits {
      unsafe reverseLevel(tree, &symbol, &value, bitValue)
      bitValue = bitValue &<< 1
    }
    return value
  }

  /// A tree of four levels, the lowest bit first.
  @inline(always)
  private mutating func reverseTree4(_ tree: Model) -> UInt32 {
    let path = unsafe self.tree(tree, bits: 4)
    // The bits of 0 ... 15 turned round, a nibble each.
    let turned = 0xF7B3_D591_E6A2_C480 as UInt64
    return UInt32(truncatingIfNeeded: turned &>> UInt64(truncatingIfNeeded: path &* 4) & 15)
  }

  @inline(always)
  private mutating func reverseLevel(_ tree: Model, _ symbol: inout Int, _ value: inout UInt32, _ bitValue: UInt32) {
    if Machine.selectsBits {
      let node = unsafe tree + symbol
      let isZero = unsafe select(node, odds: UInt32(truncatingIfNeeded: node.pointee))
      symbol = symbol &* 2 &+ 1 &- number(isZero)
      value = value &+ pick(isZero, 0, bitValue)
    } else if unsafe bit(tree + symbol) {
      symbol = symbol &* 2 &+ 1
      value = value &+ bitValue
    } else {
      symbol = symbol &* 2
    }
  }
}
