// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// A decoder that can continue after its stored bytes were moved, so that they may be in frames of its output.
///
/// Zstandard's is none: it reads the bytes of a block from several places at once, and from the block's end.
public protocol InPlaceDecoder: Decoder, ~Copyable {
  /// Stored bytes before this position are not read any more.
  var consumed: Int { get }

  /// From now on the input's frames, from the one with ``consumed`` on, are those that the table of its vector names
  /// now. They hold the same bytes as those did that it named before.
  mutating func inputMoved()
}

/// Stored bytes in frames of one extent's output, at any places and in any order, as a reader has them that reads into the
/// pages that it is about to fill.
///
/// Code that makes one promises what `PageVector` requires of the two tables, and that a frame in both tables is in
/// each of them only once.
@safe
public struct SharedFrames {
  /// Addresses of the frames with stored bytes; those that have to give way are replaced.
  let input: UnsafeMutablePointer<UnsafeMutableRawPointer>
  let inputOffset: Int
  let inputCount: Int
  let output: UnsafePointer<UnsafeMutableRawPointer>
  let outputOffset: Int
  let outputCount: Int
  let pageShift: Int

  /// - Parameters:
  ///   - input: addresses of the stored bytes' frames.
  ///   - inputOffset: where the first stored byte is, counted from the start of the first frame.
  ///   - inputCount: stored bytes.
  ///   - output: addresses of the extent's frames.
  ///   - outputOffset: where the extent begins, counted from the start of the first frame.
  ///   - outputCount: bytes of the extent.
  ///   - pageShift: log2 of the frames' size, 0 ..< 30.
  public init(
    unsafeInput input: UnsafeMutablePointer<UnsafeMutableRawPointer>, inputOffset: Int, inputCount: Int,
    unsafeOutput output: UnsafePointer<UnsafeMutableRawPointer>, outputOffset: Int, outputCount: Int, pageShift: Int
  ) {
    unsafe self.input = input
    self.inputOffset = inputOffset
    self.inputCount = inputCount
    unsafe self.output = output
    self.outputOffset = outputOffset
    self.outputCount = outputCount
    self.pageShift = pageShift
  }

  /// The stored bytes, where they are at the time that they are looked up.
  public var stored: PageVector {
    unsafe PageVector(unsafeFrames: input, pageShift: pageShift, offset: inputOffset, count: inputCount)
  }

  /// Pages of the output.
  var outputPages: Int { (outputOffset &+ outputCount &+ pageMask) &>> pageShift }
  private var pageMask: Int { (1 &<< pageShift) &- 1 }

  /// Which of the stored bytes' frames is that of a page of the output; nil where none is, or none that holds what is
  /// still to be read.
  func find(page: Int, consumed: Int) -> Int? {
    var place = (inputOffset &+ consumed) &>> pageShift
    let end = (inputOffset &+ inputCount &+ pageMask) &>> pageShift
    while place < end {
      if unsafe input[place] == output[page] { return place }
      place &+= 1
    }
    return nil
  }

  /// Moves a page's stored bytes out of the output; false where there were none, or none that are still to be read.
  @inline(never)
  func clear(page: Int, consumed: Int, spare: () -> UnsafeMutableRawPointer?) throws(DecodeError) -> Bool {
    guard let place = find(page: page, consumed: consumed) else { return false }
    guard let frame = unsafe spare() else { throw DecodeError(.memory, at: consumed) }
    unsafe frame.copyMemory(from: input[place], byteCount: 1 &<< pageShift)
    unsafe input[place] = frame
    return true
  }

  /// How far the output can go on from the start of a page before something has to be moved, and the page that is then.
  @inline(never)
  func stretch(from page: Int, consumed: Int) -> (end: Int, page: Int) {
    let pages = outputPages
    var page = page
    repeat { page &+= 1 } while page < pages && find(page: page, consumed: consumed) == nil
    // Copies run over their end by less than a ring's slack: not into the next frame.
    let end = page < pages ? page &<< pageShift &- outputOffset &- OutputWindow.ringSlack : outputCount
    return (end, page)
  }

  /// Moves all stored bytes out of the output, for a decoder that cannot continue after they are moved.
  ///
  /// - Parameter spare: an unused frame, or nil.
  /// - Throws: ``DecodeError/Reason/memory`` where there is none.
  public func moveAll(spare: () -> UnsafeMutableRawPointer?) throws(DecodeError) {
    for page in 0..<outputPages { _ = unsafe try clear(page: page, consumed: 0, spare: spare) }
  }
}

extension InPlaceDecoder where Self: ~Copyable {
  /// Decodes all of `frames`, from which this decoder was made: whatever of the stored bytes is still to be read where the
  /// output comes to it moves out of the way first, a frame at a time. Of an extent that was read to its own end that is
  /// the last frame or two, since the output grows as the input is used up.
  ///
  /// - Parameters:
  ///   - frames: what this decoder's input and output were made from.
  ///   - spare: an unused frame, or nil.
  /// - Throws: what ``Decoder/decode(to:)`` throws, and ``DecodeError/Reason/memory`` where `spare` has none.
  public mutating func decodeInPlace(
    _ frames: SharedFrames, spare: () -> UnsafeMutableRawPointer?
  ) throws(DecodeError) {
    var page = 0
    while page < frames.outputPages {
      if unsafe try frames.clear(page: page, consumed: consumed, spare: spare) { inputMoved() }
      let stretch = frames.stretch(from: page, consumed: consumed)
      if stretch.end > produced { try decode(to: stretch.end) }
      page = stretch.page
    }
  }
}
