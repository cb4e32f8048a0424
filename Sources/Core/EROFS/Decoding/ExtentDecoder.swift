// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// An extent that is being decoded, and the memory for it: the one sequence of padding, begin, decode and
/// verdict. `Volume.read` has it decode from stored bytes that it fetched or that are mapped, `Volume.decode` from those
/// that a caller brings.
///
/// Decoded bytes are kept (all of them, or the window of a ring). So a file that is read in steps decodes each extent once,
/// and a read that ends inside an extent decodes no more than the bytes up to there.
struct ExtentDecoder: ~Copyable {
  var frames = MutablePageVector()
  var state = WorkingMemory()
  private var room = DecoderRoom()
  /// The stored bytes, and where the decoded ones go.
  var input = PageVector()
  var output = MutablePageVector()
  /// The inode's key, 0 where there is no extent; and where in the file it starts.
  private var key: FileOffset = 0
  private var start: FileOffset = 0
  private var length = 0
  private var produced = 0
  private var algorithm = Algorithm.lz4
  /// Whether the stream has to end where the extent does.
  var mustFinish = false

  /// Gives it other memory.
  mutating func supply(_ memory: ReaderMemory.Decoding) {
    frames = memory.frames
    state = memory.state
    reset()
  }

  /// Forgets the extent.
  mutating func reset() { key = 0 }

  /// Bytes that the output keeps after what has been produced.
  private var kept: Int {
    @inline(__always) get { output.count < length ? output.count &- ExtentArrangement.ringSlack : length }
  }

  /// Whether the extent's bytes from `skip` on can be read without starting again.
  mutating func canServe(_ extent: inout Extent, of key: FileOffset, from skip: Int) -> Bool {
    self.key == key && start == extent.start && length == Int(truncatingIfNeeded: extent.length)
      && skip >= produced &- kept
  }

  /// Has the first `count` bytes of the frames take the decoded bytes.
  mutating func takeOutput(_ count: Int) { output = frames.cut(at: 0, count: count) }

  /// Has `count` bytes of the frames take the stored bytes, and returns them.
  mutating func takeInput(at place: Int, _ count: Int) -> MutablePageVector {
    let bytes = frames.cut(at: place, count: count)
    input = bytes.readOnly
    return bytes
  }

  /// Starts on an extent whose stored bytes are `input`.
  @inline(never)
  mutating func begin(
    _ extent: inout Extent, of key: FileOffset, _ features: IncompatibleFeatures, _ blockMask: FileOffset
  ) throws(DecodeError) {
    reset()
    start = extent.start
    length = Int(truncatingIfNeeded: extent.length)
    produced = 0
    algorithm = extent.form.algorithm
    mustFinish = extent.mustFinish(features)
    let padding = try extent.padding(of: input, features, blockMask)
    input = input.cut(at: padding, count: input.count)
    try room.begin(algorithm, input, output, length, state)
    self.key = key
  }

  /// Copies decoded bytes from `skip` on; the caller has made sure that they can be served.
  @inline(never)
  mutating func copy(from skip: Int, into destination: MutablePageVector) throws(DecodeError) {
    var done = 0
    while done < destination.count {
      let at = skip &+ done
      if at >= produced {
        // A ring decodes only so far that no byte is overwritten before it has been copied.
        try advance(to: min(at > produced ? at : skip &+ destination.count, produced &+ kept))
        continue
      }
      var place = at
      while place >= output.count { place &-= output.count }
      let count = min(produced &- at, output.count &- place)
      done &+= destination.cut(at: done, count: count).copy(from: output.readOnly.cut(at: place, count: count))
    }
  }

  /// Decodes the whole extent into the caller's own pages.
  mutating func decodeAll() throws(DecodeError) {
    try advance(to: length)
    reset()
  }

  @inline(never)
  private mutating func advance(to end: Int) throws(DecodeError) {
    let before = produced
    let key = self.key
    // An error leaves nothing to go on from.
    reset()
    produced = try DecoderRoom.decode(&room, algorithm, to: end, finishing: mustFinish && end == length)
    guard produced > before else { throw DecodeError(.invalid, at: 0) }
    self.key = key
  }
}

/// How an extent's bytes share the frames of its decoder: the one place that knows what a decode needs.
struct ExtentArrangement {
  /// Bytes of a ring that wide copies may run over.
  static var ringSlack: Int { 64 }

  /// Decoded bytes.
  let length: Int
  /// Stored bytes that need a place: none where the storage maps them.
  let stored: Int
  /// Bytes of frames with which all of the extent is kept.
  let whole: Int
  /// The fewest bytes of frames with which the extent can be read.
  let least: Int

  /// - Parameters:
  ///   - isMapped: whether the stored bytes are in memory already.
  ///   - inPlace: whether the stream allows the stored bytes in the tail of the output, if its codec does.
  ///   - window: bytes of history that the codec can reach.
  @inline(never)
  init(_ extent: inout Extent, isMapped: Bool, inPlace: Bool, window: Int) {
    length = Int(truncatingIfNeeded: extent.length)
    stored = isMapped ? 0 : Int(truncatingIfNeeded: extent.storedLength)
    var whole = length &+ stored
    if inPlace, !isMapped, let margin = extent.form.algorithm.marginInPlace(storedBytes: stored) {
      whole = min(whole, max(length &+ margin, stored))
    }
    self.whole = whole
    least = length > window &+ Self.ringSlack ? min(whole, window &+ Self.ringSlack &+ stored) : whole
  }

  /// Bytes of the output in `available` (`least` or more) bytes of frames. With fewer than all of them, as large a ring
  /// as there is: the farther back a later read can go without starting again.
  func output(in available: Int) -> Int { available >= whole ? length : min(length, available &- stored) }

  /// Where in the frames the stored bytes go.
  func storedPlace(in available: Int) -> Int {
    available >= whole ? whole &- stored : output(in: available)
  }
}

extension Extent {
  /// Whether the stream must end with the extent. It continues if another file uses more of it; and if the padding
  /// comes last, only the extent's length says where the stream ends.
  func mustFinish(_ features: IncompatibleFeatures) -> Bool { !isPartial && features.contains(.zeroPadding) }

  /// The zeros in front of the stored bytes; they are looked for in the first block only (Format.md, section 10.9).
  @inline(never)
  mutating func padding(
    of input: PageVector, _ features: IncompatibleFeatures, _ blockMask: FileOffset
  ) throws(DecodeError) -> Int {
    guard features.contains(.zeroPadding), space == .device else { return 0 }
    let limit = min(input.count, Int(truncatingIfNeeded: blockMask &+ 1 &- (address & blockMask)))
    let zeros = input.leadingZeros(upTo: limit)
    guard zeros < limit else { throw DecodeError(.inputEnded, at: zeros) }
    return zeros
  }

  /// Why decoding failed: an error of the stream, or too little memory for the tables, whose ``Need`` has number
  /// `stateNeed`.
  func failure(_ error: DecodeError, _ stateNeed: UInt8) -> FaultRecord {
    var failure = FaultRecord()
    if error.reason == .memory {
      failure.set(.memory, stateNeed, 0, 0)
      failure.value = UInt32(truncatingIfNeeded: form.algorithm.workingBytes)
      return failure
    }
    failure.set(
      .undecodable, error.reason.rawValue,
      space == .metabox && Role.count > 1 ? -1 : Int32(space == .device ? device : 0), address)
    failure.algorithm = form.algorithm
    failure.value = UInt32(truncatingIfNeeded: error.inputOffset)
    return failure
  }
}
