// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// Where is the byte that is `distance` back? The one place that answers it. `OutputWindow` does so at any time and in any
// run. What comes after its extension is for loops that work inside one run of output with everything in registers: a
// `MatchHistory` for machines with 64-bit words, and two functions for small ones.

extension OutputWindow {
  /// Address of the byte `distance` (1 ... `reach`) back, and how many decoded bytes follow it in its run, at least 1.
  @inline(__always)
  func history(_ distance: Int) -> (start: Bytes, count: Int) {
    let inRun = historyInRun
    // The same address, without a check for distances of 0.
    if Machine.isSmall, distance <= inRun { return unsafe (Bytes(next) + (0 &- distance), distance) }
    if distance <= inRun { return unsafe (Bytes(next) - distance, distance) }
    var frame = frameOfRun &+ inRun &- distance
    if frame < 0 { frame &+= frames.count }
    let run = lookUp(frames.readOnly, frame)
    return unsafe (Bytes(run.start), min(run.count, distance))
  }

  /// The byte `distance` back; the caller knows that `distance` is 1 ... `reach`.
  @inline(__always)
  func byte(back distance: Int) -> UInt8 { unsafe history(distance).start.load(as: UInt8.self) }

  // MARK: Small machines

  /// Address of the byte `distance` (1 ... `reach`) back. Where it is in another run, `count` is cut to what follows it
  /// there; in this run a copy of more bytes than `distance` repeats them.
  @inline(__always)
  func source(_ distance: Int, _ count: inout Int) -> Bytes {
    if distance <= historyInRun { return unsafe Bytes(next) + (0 &- distance) }
    let history = unsafe history(distance)
    unsafe count = min(count, history.count)
    return unsafe history.start
  }

  /// The first byte of the current run that every later one in it may refer to, if no distance is over `reach`: the start of
  /// the run, unless it is longer than that, as in a ring of one run.
  @inline(__always)
  func firstInReach(_ reach: Int) -> MutableBytes { unsafe runStart + max(0, end - runStart &- reach) }
}

/// The byte `distance` back from `to`, which is in the window's current run, if it is in an earlier one, and at least `count`
/// bytes follow it there. Nil also if there is no such byte, or a ring no longer keeps it.
///
/// With pages of 4 KiB most matches are in another run; each would leave the loop. As a method it would not keep its
/// caller's r10 on ARM (`Tools/run registers`).
@inline(never)
func earlierRun(of output: inout OutputWindow, _ distance: Int, before to: MutableBytes, count: Int) -> Bytes? {
  let frame = unsafe output.frameOfRun &+ (to - output.runStart) &- distance
  guard frame >= 0, distance <= output.reachLimit else { return nil }
  let run = lookUp(output.frames.readOnly, frame)
  return unsafe run.count >= count ? Bytes(run.start) : nil
}

// MARK: 64-bit words

/// Where matches are copied from, for a loop that works inside one run of output.
protocol MatchHistory {
  /// The address of the byte `distance` (0 or more) before `to`, if that is history that it knows, and at least `count` bytes
  /// follow without a gap, counting what is still to be written before they are read; or nil.
  func find(_ distance: Int, before to: MutableBytes, count: Int) -> Bytes?
  /// Copies a match of exactly `count` bytes, which fit the run, whatever gaps are in its source; false, and nothing
  /// done, if it does not find the source.
  func copy(_ distance: Int, to: MutableBytes, count: Int) -> Bool
}

extension MatchHistory {
  @inline(__always)
  func copy(_ distance: Int, to: MutableBytes, count: Int) -> Bool { false }
}

/// History in the same run only.
@safe
struct RunHistory: MatchHistory {
  let start: MutableBytes

  @inline(__always)
  func find(_ distance: Int, before to: MutableBytes, count: Int) -> Bytes? {
    let source = unsafe Bytes(to) + (0 &- distance)
    // Signed, so that a distance over an address does not wrap.
    return unsafe _fastPath(Int(bitPattern: source) >= Int(bitPattern: start)) ? source : nil
  }
}

/// History in any frame, except what a ring keeps in the frames to come. It is always looked up: to ask first whether it
/// is the frame being filled would be a branch that no processor can predict.
@safe
struct FrameHistory: MatchHistory {
  let frames: MutablePageVector
  /// Position in `frames` of `start`.
  let frame: Int
  let start: MutableBytes
  /// The largest distance.
  let reach: Int

  @inline(__always)
  func find(_ distance: Int, before to: MutableBytes, count: Int) -> Bytes? {
    let position = unsafe frame &+ (to - start) &- distance
    guard _fastPath(position >= 0 && distance <= reach) else { return nil }
    let run = unsafe frames.unsafeRun(at: position)
    // A branch, not a conditional move: the copy does not wait for the comparison.
    guard _fastPath(run.count >= count) else { return nil }
    return unsafe Bytes(run.start)
  }
}

/// log2 of the page size, known to the compiler for the usual one.
protocol PageShift {
  var shift: Int { get }
}

struct Shift12: PageShift {
  @inline(__always) var shift: Int { 12 }
}

struct AnyShift: PageShift {
  let shift: Int
}

/// History in any page of a table, for a loop to which the look-up of a vector would be too slow; and always looked up, too.
@safe
struct PageHistory<Size: PageShift>: MatchHistory {
  let size: Size
  /// Where the table has the frame that is being filled.
  let frame: UnsafePointer<UnsafeMutableRawPointer>
  /// The start of that frame.
  let start: MutableBytes
  /// Bytes of history before it, negated.
  let first: Int

  @inline(__always)
  func find(_ distance: Int, before to: MutableBytes, count: Int) -> Bytes? {
    let position = unsafe (to - start) &- distance
    if _slowPath(position < first) { return nil }
    let page = 1 &<< size.shift
    let inPage = position & (page &- 1)
    if _slowPath(inPage > page &- count) { return nil }
    return unsafe Bytes(frame[position &>> size.shift]) + inPage
  }

  @inline(never)
  func copy(_ distance: Int, to: MutableBytes, count: Int) -> Bool {
    var to = unsafe to
    var position = unsafe (to - start) &- distance
    if distance == 0 || position < first { return false }
    var left = count
    while left > 0 {
      let page = 1 &<< size.shift
      let inPage = position & (page &- 1)
      // The page that is being filled holds the rest, or is still repeating it.
      let isHere = position >= 0
      let step = isHere ? left : min(left, page &- inPage)
      let source = unsafe Bytes(frame[position &>> size.shift]) + inPage
      if !Machine.copiesWide {
        unsafe copyForward(to, source, step)
      } else if !isHere || distance >= 16 {
        unsafe copyApart(to, source, step)
      } else {
        unsafe repeatNearExactly(to, distance: distance, step)
      }
      unsafe to += step
      position &+= step
      left &-= step
    }
    return true
  }
}
