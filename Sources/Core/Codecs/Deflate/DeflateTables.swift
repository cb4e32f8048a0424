// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The decoding tables of one block, and where they are in the 4024 bytes of working memory.
///
///     0     bases of the length symbols, 30 of 32 bits
///     120   bases of the distance symbols, 30 of 32 bits
///     240   distance codes: 256 root entries of 16 bits, then up to 144 of subtables
///     1040  literal/length codes: 1024 root entries of 16 bits, then up to 308 of subtables
///     3704  code lengths of the block being set up, 320 bytes
///
/// The sizes with subtables are the worst over all complete codes of 286 symbols with a root of 10 bits (1332
/// entries) and of 30 symbols with one of 8 bits (400), as zlib's program `enough` counts them; codes up to 15 bits.
/// Memory serves twice while a block is set up: the code length code is where the literal/length codes go
/// afterwards, and the sorting that comes before each table is in one that is not yet, or no longer, needed.
///
/// An entry is 16 bits: how many bits it takes (5), what it is (3), and a value (8). The first bit of the stream is the
/// lowest of the index.
///
///     literal          code length                                          the byte
///     length symbol    code length + extra bits   symbol                    4 * (symbol - 257)
///     distance symbol  code length + extra bits   symbol                    4 * symbol
///     end of block     code length                symbol, exception, final  0
///     refused          code length, or 0          symbol, exception, final  1
///     subtable         its index bits             symbol, exception         its distance from the root table's end,
///                                                                           in pairs of entries
///
/// One look-up is thus all that a literal takes, and one shift drops a symbol together with its extra bits. In the wide
/// loop that is a shift by the whole entry, of which a 64-bit register uses the low six bits: there the number of bits is
/// lowest, with "final" (clear then) above it, and the value highest. In builds for size the number of bits is highest,
/// where one shift brings it down, and the value is lowest, where a byte is stored without a shift.
@safe
struct DeflateTables {
  static let bytes = 4024

  static let literalRoot = 10
  static let distanceRoot = 8
  static let codeLengthRoot = 7

  /// Entries of the whole tables.
  static let literalEntries = 1332
  static let distanceEntries = 400

  static let lengthBases = 0
  static let distanceBases = 120
  static let distances = 240
  static let literals = 1040
  static let codeLengths = 3704

  /// Where the 19 lengths of the code length code are, after the room for its sorting.
  static let codeLengthLengths = distances + 128

  @inline(__always) static var isSymbol: UInt { Machine.isSmall ? 0x200 : 0x80 }
  @inline(__always) static var isException: UInt { Machine.isSmall ? 0x400 : 0x40 }
  @inline(__always) static var isFinal: UInt { Machine.isSmall ? 0x100 : 0x20 }
  @inline(__always) static var endOfBlock: UInt { isSymbol | isException | isFinal }
  /// The bit that tells a refused entry from the end of a block.
  @inline(__always) static var isRefused: UInt { Machine.isSmall ? 1 : 0x100 }

  /// Which code a table decodes.
  enum Code {
    case codeLengths, literals, distances
  }

  let base: MutableBytes

  /// Writes the bases, which no block changes.
  init(_ base: MutableBytes) {
    unsafe self.base = base
    var length = 3
    var distance = 1
    for i in 0..<30 {
      // RFC 1951, 3.2.5: after eight lengths without extra bits, four lengths for each count of them; 258 stands
      // alone. After four distances, two for each count.
      var extra = i < 8 ? 0 : (i &>> 2) &- 1
      if i == 28 {
        length = 258
        extra = 0
      }
      storeBase(Self.lengthBases, i, length, extra)
      length &+= 1 &<< extra
      extra = i < 4 ? 0 : (i &>> 1) &- 1
      storeBase(Self.distanceBases, i, distance, extra)
      distance &+= 1 &<< extra
    }
  }

  /// A base has the value in bits 8-31, and 63 less the extra bits in 0-7.
  private func storeBase(_ table: Int, _ i: Int, _ value: Int, _ extra: Int) {
    unsafe base.storeBytes(
      of: UInt32(truncatingIfNeeded: value &<< 8 | (63 &- extra)), toByteOffset: table &+ i &* 4, as: UInt32.self)
  }

  /// Entry `index` of the table at `table`.
  @inline(__always)
  func entry(_ table: Int, _ index: UInt) -> UInt {
    UInt(
      truncatingIfNeeded: unsafe base.load(
        fromByteOffset: table &+ Int(bitPattern: index) &* 2, as: UInt16.self))
  }

  /// Entry of the subtable that `pointer` names, in the table at `table` with a root of `root` bits.
  @inline(__always)
  func entry(_ table: Int, root: Int, subtable pointer: UInt, bits: UInt) -> UInt {
    let index = Self.value(pointer) &* 2 &+ (bits & ((1 &<< (Self.taken(pointer) & 7)) &- 1))
    return entry(table &+ 2 &<< root, index)
  }

  /// The base that a length or distance entry stands on; `bases` is ``lengthBases`` or ``distanceBases``.
  @inline(__always)
  func symbolBase(_ bases: Int, _ entry: UInt) -> UInt {
    UInt(
      truncatingIfNeeded: unsafe base.load(
        fromByteOffset: bases &+ Int(bitPattern: Self.value(entry)), as: UInt32.self))
  }

  /// How many extra bits a symbol has.
  @inline(__always)
  static func extraBits(_ base: UInt) -> UInt { 63 &- base & 63 }

  /// The bits that an entry takes; those of a subtable's index, likewise.
  @inline(__always)
  static func taken(_ entry: UInt) -> UInt { Machine.isSmall ? entry &>> 11 : entry & 31 }

  @inline(__always)
  static func value(_ entry: UInt) -> UInt { Machine.isSmall ? entry & 0xFF : entry &>> 8 }

  // MARK: Building

  /// Makes the table of one code from its code lengths.
  ///
  /// - Parameters:
  ///   - lengths: where `count` code lengths are, one byte each, 0 ... 15.
  ///   - scratch: where 64 + 2 * `count` bytes may be overwritten.
  /// - Returns: false where the lengths are no code that is allowed: an over-subscribed one, or an incomplete one that
  ///   is more than a single symbol of one bit. That is what zlib allows, and no encoder makes anything else.
  ///   libdeflate also allows that in the code length code, and decodes the missing half as if it were the symbol.
  @inline(never)
  func build(_ code: Code, lengths: Int, count: Int, scratch: Int) -> Bool {
    let table = code == .distances ? Self.distances : Self.literals
    let root = code == .codeLengths ? Self.codeLengthRoot : code == .literals ? Self.literalRoot : Self.distanceRoot
    // Symbols in the order of their codes, after how many there are of each length and where those begin.
    let counts = unsafe (base + scratch).assumingMemoryBound(to: UInt16.self)
    let starts = unsafe counts + 16
    let sorted = unsafe starts + 16
    var lengthOf = unsafe Bytes(base) + lengths
    let lengthsEnd = unsafe lengthOf + count
    unsafe UnsafeMutableRawPointer(counts).initializeMemory(as: UInt8.self, repeating: 0, count: 32)
    while unsafe lengthOf < lengthsEnd {
      unsafe counts[Int(lengthOf.load(as: UInt8.self))] &+= 1
      unsafe lengthOf += 1
    }
    var space = 1
    var longest = 0
    var start = unsafe counts[0]
    unsafe starts[0] = 0
    for length in 1..<16 {
      unsafe starts[length] = start
      let used = unsafe counts[length]
      start &+= used
      space = space &* 2 &- Int(used)
      if space < 0 { return false }
      if used != 0 { longest = length }
    }
    if space > 0, longest > 1 || code == .codeLengths { return false }
    unsafe lengthOf = Bytes(base) + lengths
    var symbol: UInt16 = 0
    while unsafe lengthOf < lengthsEnd {
      let start = unsafe starts + Int(lengthOf.load(as: UInt8.self))
      unsafe sorted[Int(start.pointee)] = symbol
      unsafe start.pointee &+= 1
      unsafe lengthOf += 1
      symbol &+= 1
    }

    let entries = unsafe (base + table).assumingMemoryBound(to: UInt16.self)
    // Symbols without a code are in front.
    var next = unsafe sorted + Int(counts[0])
    var length = 1
    if space > 0 {
      // One code of one bit, or none: bits without a code are refused when they occur.
      unsafe entries[0] = Self.refused(1)
      if longest > 0 { unsafe entries[0] = entry(code, symbol: UInt(next.pointee), length: 1) }
      unsafe entries[1] = Self.refused(1)
      longest = 0
      length = 2
    }

    // Codes come in ascending order, bits reversed; while they grow to the root's width, what is there already is
    // doubled, so that each symbol is written once.
    var reversed: UInt = 0
    while length <= root {
      if length > 1 { double(table, from: length &- 1) }
      if length <= longest {
        let end = unsafe next + Int(counts[length])
        while unsafe next < end {
          unsafe entries[Int(bitPattern: reversed)] = entry(
            code, symbol: UInt(next.pointee), length: UInt(bitPattern: length))
          unsafe next += 1
          reversed = Self.successor(reversed, length: length)
        }
      }
      length &+= 1
    }

    let rootMask = (1 as UInt) &<< UInt(bitPattern: root) &- 1
    var prefix = UInt.max
    var begin = 0
    var end = 1 &<< root
    while length <= longest {
      var left = unsafe Int(counts[length])
      while left > 0 {
        if reversed & rootMask != prefix {
          // The subtable is as wide as it takes to hold the codes that follow in its prefix.
          prefix = reversed & rootMask
          var width = length &- root
          var codes = left
          while codes < 1 &<< width, root &+ width < longest {
            width &+= 1
            codes = unsafe codes &* 2 &+ Int(counts[root &+ width])
          }
          begin = end
          end &+= 1 &<< width
          // Cannot be, by the count above; a table that is too large is refused all the same.
          if end > (code == .distances ? Self.distanceEntries : Self.literalEntries) { return false }
          let pairs = UInt(bitPattern: (begin &- (1 &<< root)) &>> 1)
          unsafe entries[Int(bitPattern: prefix)] = Self.make(
            Self.isSymbol | Self.isException, pairs, UInt(bitPattern: width))
        }
        let made = unsafe entry(code, symbol: UInt(next.pointee), length: UInt(bitPattern: length &- root))
        unsafe next += 1
        var at = begin &+ Int(bitPattern: reversed &>> UInt(bitPattern: root))
        while at < end {
          unsafe entries[at] = made
          at &+= 1 &<< (length &- root)
        }
        reversed = Self.successor(reversed, length: length)
        left &-= 1
      }
      length &+= 1
    }
    return true
  }

  /// The code after `reversed`, both with their first bit lowest; after the last code of this length, 0.
  @inline(__always)
  private static func successor(_ reversed: UInt, length: Int) -> UInt {
    let clear = reversed ^ ((1 as UInt) &<< UInt(bitPattern: length) &- 1)
    if clear == 0 { return 0 }
    // Adding one from the far end: the highest clear bit is set, and all above it are cleared.
    var bit: UInt
    if Machine.copiesWide {
      bit = 1 &<< UInt(bitPattern: UInt.bitWidth &- 1 &- clear.leadingZeroBitCount)
    } else {
      // Not every small machine can count leading zeros; two turns on average.
      bit = 1 &<< UInt(bitPattern: length &- 1)
      while clear & bit == 0 { bit = bit &>> 1 }
    }
    return reversed & (bit &- 1) | bit
  }

  /// Repeats the first `1 << bits` entries after themselves.
  @inline(__always)
  private func double(_ table: Int, from bits: Int) {
    let bytes = 2 &<< bits
    let from = unsafe base + table
    if Machine.copiesWide {
      unsafe wildCopy16(from + bytes, Bytes(from), bytes)
    } else if Machine.isSmall {
      unsafe copyRepeating(from + bytes, Bytes(from), bytes)
    } else {
      unsafe copyForward(from + bytes, Bytes(from), bytes)
    }
  }

  @inline(__always)
  private func entry(_ code: Code, symbol: UInt, length: UInt) -> UInt16 {
    if code != .distances, symbol < 256 { return Self.make(0, symbol, length) }
    return symbolEntry(code, symbol, length)
  }

  @inline(__always)
  private static func make(_ flags: UInt, _ value: UInt, _ taken: UInt) -> UInt16 {
    UInt16(truncatingIfNeeded: Machine.isSmall ? taken &<< 11 | flags | value : value &<< 8 | flags | taken)
  }

  @inline(__always)
  private static func refused(_ length: UInt) -> UInt16 { make(endOfBlock, 1, Machine.isSmall ? length : 0) }

  /// The entry of a length, of a distance, or of the end of block.
  @inline(never)
  private func symbolEntry(_ code: Code, _ symbol: UInt, _ length: UInt) -> UInt16 {
    if code == .literals, symbol == 256 { return Self.make(Self.endOfBlock, 0, length) }
    let (bases, at, count) =
      code == .literals ? (Self.lengthBases, symbol &- 257, 29 as UInt) : (Self.distanceBases, symbol, 30)
    // 286, 287, 30 and 31 have codes in fixed blocks, and stand for nothing.
    if at >= count { return Self.refused(length) }
    let base = unsafe base.load(fromByteOffset: bases &+ Int(bitPattern: at &* 4), as: UInt32.self)
    return Self.make(Self.isSymbol, at &* 4, length &+ Self.extraBits(UInt(truncatingIfNeeded: base)))
  }
}
