// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// Raw DEFLATE (RFC 1951), as EROFS stores it: no wrapper, no preset dictionary, an empty history in front of each
/// extent.
///
/// It is strict. Besides streams that libdeflate and zlib both refuse, it refuses those that one of them refuses and no
/// encoder makes:
/// - a block of more than 286 literal/length or 30 distance codes, and the symbols 286, 287, 30 and 31 (zlib);
/// - a block without a code for its end (zlib);
/// - an incomplete code, but for one or no distance of one bit, or the end of block alone (zlib); a bit that such a
///   code does not have (zlib; libdeflate takes it for the one it has).
///
/// Bits of the last byte after the final block may have any value, as in both. Whole bytes after it are refused by
/// ``finish()``.
public struct DeflateDecoder: InPlaceDecoder, ~Copyable {
  /// Bytes of working memory.
  public static let workingBytes = DeflateTables.bytes

  enum State {
    /// In front of a block.
    case header
    /// In a stored block, of which `pendingLength` bytes are to come.
    case stored
    /// In a block of codes, whose tables are made.
    case codes
    /// After the final block.
    case ended
  }

  var input: InputCursor
  var output: OutputWindow
  let tables: DeflateTables
  /// Bits of the stream, next one lowest. Above `bitCount` there may be more that also follow in `input`, or zeros.
  var bits: UInt = 0
  /// Bits that `input` has given to `bits`, fewer than the word holds.
  var bitCount: UInt = 0
  var state = State.header
  private var isLastBlock = false
  /// Whether `tables` hold the fixed codes.
  private var tablesAreFixed = false
  /// Bytes still to come of a match that did not fit, or of a stored block.
  var pendingLength = 0
  var pendingDistance = 0

  /// As ``Decoder/init(input:output:length:memory:)``; of `memory` it uses ``workingBytes`` and no more.
  /// - Throws: ``DecodeError/Reason/memory`` where that is missing, or where `output` is too small for a ring.
  public init(
    input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory
  ) throws(DecodeError) {
    self.input = InputCursor(before: input)
    self.output = OutputWindow(output, length: length)
    guard let base = unsafe memory.unsafeStart(of: Self.workingBytes), self.output.isUsable else {
      throw DecodeError(.memory, at: 0)
    }
    tables = unsafe DeflateTables(base)
  }

  public var produced: Int { output.position }

  /// Bytes in the bit buffer may have to be read again, as stored ones.
  public var consumed: Int { max(0, input.offset &- MemoryLayout<UInt>.size) }
  public mutating func inputMoved() { input.seek(to: input.offset) }

  @inline(never)
  public mutating func decode(to end: Int) throws(DecodeError) {
    let end = min(end, output.length)
    while produced < end {
      switch state {
      case .header: try readHeader()
      case .stored: try appendStored(to: end)
      case .codes: try decodeCodes(to: end)
      case .ended: throw error(.outputShort)
      }
    }
  }

  /// Checks that the final block ends where the extent does, and that the stored bytes are used up.
  ///
  /// Blocks without content may follow the extent's last byte, as the format allows.
  @inline(never)
  public mutating func finish() throws(DecodeError) {
    guard produced == output.length else { throw error(.outputShort) }
    while state != .ended {
      if pendingLength > 0 { throw error(.outputLong) }
      switch state {
      case .header: try readHeader()
      case .codes:
        if Machine.isSmall {
          var reason = decodeShort(to: output.length)
          if reason == nil, state == .codes { reason = .outputLong }
          if let reason { throw error(reason) }
        } else {
          guard try nextSymbol() == DeflateTables.endOfBlock else { throw error(.outputLong) }
          endBlock()
        }
      case .stored, .ended: endBlock()
      }
    }
    guard input.left &+ Int(bitPattern: bitCount &>> 3) == 0 else { throw error(.trailingInput) }
  }

  /// An error at the first byte that has not been used.
  @inline(never)
  func error(_ reason: DecodeError.Reason) -> DecodeError {
    DecodeError(reason, at: input.offset &- Int(bitPattern: bitCount &>> 3))
  }

  // MARK: Blocks

  func blockAfterEnd() -> State { isLastBlock ? .ended : .header }

  mutating func endBlock() { state = blockAfterEnd() }

  @inline(never)
  private mutating func readHeader() throws(DecodeError) {
    let header = try take(3)
    isLastBlock = header & 1 != 0
    switch header &>> 1 {
    case 0: try readStoredHeader()
    case 1: readFixedCodes()
    case 2: try readCodes()
    default: throw error(.invalid)
    }
  }

  /// RFC 1951, 3.2.4: on from the next byte, LEN and its complement.
  private mutating func readStoredHeader() throws(DecodeError) {
    bits = bits &>> (bitCount & 7)
    bitCount &= ~7
    let length = try take(16)
    guard try take(16) == ~length & 0xFFFF else { throw error(.invalid) }
    // What has been read ahead goes back: the content is copied from the input itself.
    input.seek(to: input.offset &- Int(bitPattern: bitCount &>> 3))
    bits = 0
    bitCount = 0
    state = .stored
    pendingLength = Int(bitPattern: length)
    if length == 0 { endBlock() }
  }

  /// RFC 1951, 3.2.6. All 288 and 32 symbols take part in the codes; six of them stand for nothing.
  private mutating func readFixedCodes() {
    state = .codes
    if tablesAreFixed { return }
    tablesAreFixed = true
    var i = 0
    while i < 320 {
      let length: UInt8 = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : i < 288 ? 8 : 5
      unsafe tables.base.storeBytes(of: length, toByteOffset: DeflateTables.codeLengths &+ i, as: UInt8.self)
      i &+= 1
    }
    _ = buildTables(literals: 288, distances: 32)
  }

  private func buildTables(literals: Int, distances: Int) -> Bool {
    tables.build(
      .literals, lengths: DeflateTables.codeLengths, count: literals, scratch: DeflateTables.distances)
      && tables.build(
        .distances, lengths: DeflateTables.codeLengths &+ literals, count: distances,
        scratch: DeflateTables.codeLengths)
  }

  /// RFC 1951, 3.2.7.
  private mutating func readCodes() throws(DecodeError) {
    tablesAreFixed = false
    let literals = Int(bitPattern: try take(5)) &+ 257
    let distances = Int(bitPattern: try take(5)) &+ 1
    var count = Int(bitPattern: try take(4)) &+ 4
    guard literals <= 286, distances <= 30 else { throw error(.invalid) }

    let order: StaticString =
      "\u{10}\u{11}\u{12}\u{0}\u{8}\u{7}\u{9}\u{6}\u{A}\u{5}\u{B}\u{4}\u{C}\u{3}\u{D}\u{2}\u{E}\u{1}\u{F}"
    for i in 0..<19 {
      let length: UInt
      if i < count { length = try take(3) } else { length = 0 }
      unsafe tables.base.storeBytes(
        of: UInt8(truncatingIfNeeded: length),
        toByteOffset: DeflateTables.codeLengthLengths &+ Int(order.utf8Start[i]), as: UInt8.self)
    }
    guard
      tables.build(
        .codeLengths, lengths: DeflateTables.codeLengthLengths, count: 19, scratch: DeflateTables.distances)
    else { throw error(.invalid) }

    let lengths = unsafe tables.base + DeflateTables.codeLengths
    count = literals &+ distances
    var i = 0
    while i < count {
      // A code of up to 7 bits and up to 7 extra bits.
      need(14)
      let entry = tables.entry(DeflateTables.literals, bits & 127)
      var used = DeflateTables.taken(entry)
      let symbol = DeflateTables.value(entry)
      if symbol < 16 {
        try drop(used)
        unsafe lengths.storeBytes(of: UInt8(truncatingIfNeeded: symbol), toByteOffset: i, as: UInt8.self)
        i &+= 1
        continue
      }
      // 16: the length before, 3 to 6 times; 17 and 18: zeros, 3 to 10 and 11 to 138.
      let extra: UInt = symbol == 16 ? 2 : symbol == 17 ? 3 : 7
      var times = Int(bitPattern: (bits &>> used) & ((1 &<< extra) &- 1)) &+ (symbol == 18 ? 11 : 3)
      used &+= extra
      try drop(used)
      guard times <= count &- i, symbol != 16 || i > 0 else { throw error(.invalid) }
      let length = unsafe symbol == 16 ? lengths.load(fromByteOffset: i &- 1, as: UInt8.self) : 0
      repeat {
        unsafe lengths.storeBytes(of: length, toByteOffset: i, as: UInt8.self)
        i &+= 1
        times &-= 1
      } while times > 0
    }
    guard unsafe lengths.load(fromByteOffset: 256, as: UInt8.self) != 0,
      buildTables(literals: literals, distances: distances)
    else { throw error(.invalid) }
    state = .codes
  }

  private mutating func appendStored(to end: Int) throws(DecodeError) {
    let count = min(pendingLength, end &- produced)
    // As for a match, a ring's bytes after `end` may not have been taken yet; a wide copy writes up to 15 there.
    let exact = Machine.copiesWide && output.isRing ? min(count, 16) : 0
    guard output.appendLiterals(from: &input, count: count &- exact) else { throw error(.inputEnded) }
    for _ in 0..<exact {
      let byte = input.byte()
      guard byte >= 0 else { throw error(.inputEnded) }
      _ = output.append(UInt8(truncatingIfNeeded: byte))
    }
    pendingLength &-= count
    if pendingLength == 0 { endBlock() }
  }

  // MARK: Bits

  /// Has at least `count` (at most 16) bits in `bits`, or all that are left and zeros after them.
  @inline(__always)
  mutating func need(_ count: UInt) {
    if bitCount < count { refill() }
  }

  @inline(never)
  mutating func refill() {
    if Machine.copiesWide, input.inRun >= 8 {
      bits |= UInt(truncatingIfNeeded: unsafe input.next.loadUnaligned(as: UInt64.self).littleEndian) &<< bitCount
      unsafe input.next += Int(bitPattern: (63 &- bitCount) &>> 3)
      bitCount |= 56
      return
    }
    while bitCount <= UInt(UInt.bitWidth &- 8) {
      let byte = input.byte()
      if byte < 0 { return }
      bits |= UInt(bitPattern: byte) &<< bitCount
      bitCount &+= 8
    }
  }

  /// Drops `count` bits, of which the stream must have as many.
  @inline(__always)
  mutating func drop(_ count: UInt) throws(DecodeError) {
    guard count <= bitCount else { throw error(.inputEnded) }
    bits = bits &>> count
    bitCount &-= count
  }

  /// The next `count` (at most 16) bits.
  @inline(never)
  mutating func take(_ count: UInt) throws(DecodeError) -> UInt {
    need(count)
    let value = bits & ((1 &<< count) &- 1)
    try drop(count)
    return value
  }
}
