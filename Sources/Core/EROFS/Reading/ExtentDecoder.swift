// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// One extent in the middle of being decoded, and the memory for it.
///
/// What has been decoded stays at hand (all of it, or the window that a ring keeps), so that a file read in steps
/// decodes each extent once, and a read in its middle decodes no more than what lies before.
struct ExtentDecoder: ~Copyable {
  let memory: ReaderMemory.Decoding
  let framesNeed: Need
  let stateNeed: Need
  private var decoder = AnyDecoder.none
  private var output = MutablePageVector()
  private var nid: UInt64 = .max
  private var start: UInt64 = 0
  private var length = 0
  private var produced = 0
  private var mustFinish = false

  init(_ memory: ReaderMemory.Decoding, needs framesNeed: Need, _ stateNeed: Need) {
    self.memory = memory
    self.framesNeed = framesNeed
    self.stateNeed = stateNeed
  }

  /// Forgets the extent.
  mutating func reset() {
    decoder = .none
    nid = .max
    length = 0
    produced = 0
  }

  private var isRing: Bool { output.count < length }

  /// Whether the extent's bytes from `skip` on can be had without starting anew.
  func canServe(_ extent: Extent, of nid: UInt64, from skip: Int) -> Bool {
    self.nid == nid && start == extent.start && UInt64(length) == extent.length
      && (!isRing || skip >= produced - (output.count - ExtentArrangement.ringSlack))
  }

  /// Starts on an extent whose stored bytes are `input`.
  mutating func begin(
    _ extent: Extent, of nid: UInt64, _ algorithm: Algorithm, input: PageVector, output: MutablePageVector,
    mustFinish: Bool
  ) throws(DecodeError) {
    reset()
    let length = Int(truncatingIfNeeded: extent.length)
    decoder = try AnyDecoder(algorithm, input: input, output: output, length: length, memory: memory.state)
    self.output = output
    self.nid = nid
    start = extent.start
    self.length = length
    self.mustFinish = mustFinish
  }

  /// Copies decoded bytes from `skip` on; the caller has made sure that they can be served.
  mutating func copy(from skip: Int, into destination: MutablePageVector) throws(DecodeError) {
    do throws(DecodeError) {
      var done = 0
      while done < destination.count {
        let at = skip + done
        if at >= produced {
          // A ring goes on by what it can take without losing what nobody has copied yet.
          let step = isRing ? output.count - ExtentArrangement.ringSlack : length
          let wanted = skip + destination.count
          try advance(to: at > produced ? min(at, produced + step) : min(wanted, produced + step))
          continue
        }
        var place = at
        while place >= output.count { place -= output.count }
        let count = min(destination.count - done, min(produced - at, output.count - place))
        destination.slice(at: done, count: count).copy(from: output.readOnly.slice(at: place, count: count))
        done += count
      }
    } catch {
      reset()
      throw error
    }
  }

  private mutating func advance(to end: Int) throws(DecodeError) {
    let before = produced
    produced = try decoder.decode(to: end, finishing: mustFinish && end == length)
    guard produced > before else { throw DecodeError(.invalid, at: 0) }
  }
}

/// How an extent's bytes share the frames of its decoder: the one place that knows what a decode needs.
struct ExtentArrangement {
  /// Bytes of a ring that wide copies may run over.
  static let ringSlack = 64

  /// Bytes of frames for the output.
  let output: Int
  /// Where in the frames the stored bytes go; nil where the storage maps them.
  let stored: Int?

  /// - Parameters:
  ///   - available: bytes of frames.
  ///   - isMapped: whether the stored bytes lie in memory already.
  ///   - canDecodeInPlace: whether the codec and the stream allow the stored bytes in the tail of the output.
  ///   - window: bytes of history that the codec can reach.
  /// - Returns: nil where the frames are too few: see ``least(length:storedLength:isMapped:canDecodeInPlace:window:)``.
  init?(available: Int, length: Int, storedLength: Int, isMapped: Bool, canDecodeInPlace: Bool, window: Int) {
    let whole = Self.whole(
      length: length, storedLength: storedLength, isMapped: isMapped, canDecodeInPlace: canDecodeInPlace)
    if available >= whole {
      output = length
      stored = isMapped ? nil : whole - storedLength
      return
    }
    let separate = isMapped ? 0 : storedLength
    if length > window + Self.ringSlack, available >= window + Self.ringSlack + separate {
      // As large a ring as there is: the farther back a later read can go without starting anew.
      output = min(length, available - separate)
      stored = isMapped ? nil : output
      return
    }
    // Not in place where that takes more than apart.
    guard available >= length + separate else { return nil }
    output = length
    stored = isMapped ? nil : length
  }

  /// Bytes of frames with which all of the extent stays at hand.
  static func whole(length: Int, storedLength: Int, isMapped: Bool, canDecodeInPlace: Bool) -> Int {
    if isMapped { return length }
    let apart = length + storedLength
    guard canDecodeInPlace else { return apart }
    return min(apart, max(length + LZ4Decoder.inPlaceMargin(storedBytes: storedLength), storedLength))
  }

  /// The fewest bytes of frames with which the extent can be read.
  static func least(
    length: Int, storedLength: Int, isMapped: Bool, canDecodeInPlace: Bool, window: Int
  ) -> Int {
    let whole = whole(
      length: length, storedLength: storedLength, isMapped: isMapped, canDecodeInPlace: canDecodeInPlace)
    guard length > window + ringSlack else { return whole }
    return min(whole, window + ringSlack + (isMapped ? 0 : storedLength))
  }
}
