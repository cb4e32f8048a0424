// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CodecPeers
import Codecs
import FuzzKit
import PageVectors

/// A decoder, called in ways that have to agree: contiguous, over scattered frames in steps, through a ring, as a
/// prefix, and the C library.
final class DecoderTarget<Codec: Decoder & ~Copyable>: FuzzTarget {
  let name: String
  private let codec: CodecPeer
  /// Bytes of working memory for a stream.
  private let workingBytes: (ArraySlice<UInt8>) -> Int
  /// Whether ours may refuse a stream that the C library takes; never the other way round.
  private let mayBeStricter: (StreamInput) -> Bool

  private let input = GuardedMemory(capacity: 1 << 17)
  private let output = GuardedMemory(capacity: StreamInput.longest)
  private let memory = GuardedMemory(capacity: 1 << 17)
  private let inputFrames = GuardedFrames()
  private let outputFrames = GuardedFrames()
  private let peer: PeerDecoder
  private let peerOutput = UnsafeMutableRawPointer.allocate(byteCount: StreamInput.longest, alignment: 64)
  private let gathered = UnsafeMutableRawPointer.allocate(byteCount: StreamInput.longest, alignment: 64)
  /// Where the error of the last contiguous run was noticed, or the length where there was none.
  private var reached = 0
  private var poison: UInt8 = 0

  init(
    _ name: String, _ codec: CodecPeer, _: Codec.Type,
    mayBeStricter: @escaping (StreamInput) -> Bool = { _ in false },
    workingBytes: @escaping (ArraySlice<UInt8>) -> Int
  ) {
    self.name = name
    self.codec = codec
    self.mayBeStricter = mayBeStricter
    self.workingBytes = workingBytes
    peer = PeerDecoder(codec)
  }

  deinit {
    peerOutput.deallocate()
    gathered.deallocate()
  }

  func samples() -> [[UInt8]] {
    var random = FuzzRandom(1)
    var samples: [[UInt8]] = []
    for data in SampleData.allCases {
      for (count, level) in [(1, 1), (40, 9), (700, 3), (5000, 6)] {
        let bytes = data.bytes(count, &random)
        samples.append(StreamInput.make(codec.compress(bytes, level: level), length: count, &random))
      }
    }
    return samples
  }

  /// What came of it, and how far it got.
  func kind(_ input: [UInt8], _ outcome: Outcome) -> Int {
    let size = Int.bitWidth - reached.leadingZeroBitCount
    switch outcome {
    case .accepted: return size
    case .refused(let reason): return reason.utf8.reduce(size + 100) { ($0 &* 31) &+ Int($1) }
    case .violation: return -1
    }
  }

  // MARK: One input

  private enum Verdict {
    case decoded
    case refused(DecodeError)
    case wrong(String)
  }

  func run(_ bytes: [UInt8]) -> Outcome {
    reached = 0
    guard let call = StreamInput(bytes), call.stream.count <= 1 << 17 else { return .refused("no header") }
    let state = workingBytes(call.stream)
    let stored = input.bytes(call.stream.count, atEnd: call.streamAtEnd)
    call.stream.withUnsafeBytes { stored.copyMemory(from: $0) }
    let whole = output.bytes(call.length, atEnd: call.outputAtEnd)

    let contiguous = decode(
      PageVector(unsafeContiguous: UnsafeRawBufferPointer(stored)), MutablePageVector(unsafeContiguous: whole),
      call.length, state, step: .max)
    if case .wrong(let what) = contiguous { return .violation("contiguous: " + what) }
    if let what = differsFromPeer(contiguous, call, stored, whole)
      ?? differsWhenScattered(contiguous, call, state, whole) ?? differsInRing(contiguous, call, state, stored, whole)
      ?? differsAsPrefix(contiguous, call, state, stored, whole)
    {
      return .violation(what)
    }
    if case .refused(let error) = contiguous {
      reached = error.inputOffset
      return .refused("\(error.reason)")
    }
    reached = call.length
    return .accepted
  }

  /// Decodes in steps, with working memory full of rubbish.
  private func decode(
    _ stored: PageVector, _ pages: MutablePageVector, _ length: Int, _ state: Int, step: Int, finishes: Bool = true,
    afterStep: (Range<Int>) -> Void = { _ in }
  ) -> Verdict {
    let lent = memory.bytes(state, atEnd: true, alignment: 8)
    poison &+= 0x35
    lent.initializeMemory(as: UInt8.self, repeating: poison)
    do throws(DecodeError) {
      var decoder = try Codec(
        input: stored, output: pages, length: length,
        memory: state == 0 ? WorkingMemory() : WorkingMemory(unsafeStart: lent.baseAddress!, count: state))
      var position = 0
      while position < length {
        let end = step < length - position ? position + step : length
        try decoder.decode(to: end)
        guard decoder.produced == end else { return .wrong("asked for \(end) bytes, has \(decoder.produced)") }
        afterStep(position..<end)
        position = end
      }
      if finishes { try decoder.finish() }
      return .decoded
    } catch {
      guard error.inputOffset >= 0, error.inputOffset <= stored.count else {
        return .wrong("error at byte \(error.inputOffset) of \(stored.count)")
      }
      return .refused(error)
    }
  }

  private func differsFromPeer(
    _ ours: Verdict, _ call: StreamInput, _ stored: UnsafeMutableRawBufferPointer,
    _ whole: UnsafeMutableRawBufferPointer
  ) -> String? {
    // What the libraries say about nothing differs between them.
    guard call.length > 0, !call.stream.isEmpty else { return nil }
    let theirs = peer.decode(
      UnsafeRawBufferPointer(stored), into: UnsafeMutableRawBufferPointer(start: peerOutput, count: call.length))
    switch ours {
    case .decoded:
      guard theirs else { return "\(codec.library) refuses what we accept" }
      return isEqual(whole.baseAddress!, peerOutput, call.length) ? nil : "other bytes than \(codec.library)"
    case .refused(let error):
      if theirs, error.reason != .unsupported, !mayBeStricter(call) {
        return "\(codec.library) accepts; we say \(error.reason)"
      }
      return nil
    case .wrong(let what): return what
    }
  }

  private func differsWhenScattered(
    _ expected: Verdict, _ call: StreamInput, _ state: Int, _ whole: UnsafeMutableRawBufferPointer
  ) -> String? {
    inputFrames.setUp(bytes: call.inputOffset + call.stream.count, shift: call.inputShift, salt: call.stream.count)
    let stored = MutablePageVector(
      unsafeFrames: UnsafePointer(inputFrames.table), pageShift: inputFrames.shift, offset: call.inputOffset,
      count: call.stream.count)
    call.stream.withUnsafeBytes { _ = stored.copy(from: PageVector(unsafeContiguous: $0)) }
    outputFrames.setUp(bytes: call.length, shift: call.outputShift, salt: call.length)
    let pages = MutablePageVector(
      unsafeFrames: UnsafePointer(outputFrames.table), pageShift: outputFrames.shift, count: call.length)
    let verdict = decode(stored.readOnly, pages, call.length, state, step: max(call.step, call.length / 256))
    var what: String?
    switch (expected, verdict) {
    case (.decoded, .decoded):
      if !pages.readOnly.elementsEqual(PageVector(unsafeContiguous: UnsafeRawBufferPointer(whole))) {
        what = "other bytes over frames"
      }
    case (.refused, .refused): break
    default: what = "contiguous: \(expected), over frames: \(verdict)"
    }
    let areIntact = [inputFrames.canariesAreIntact(), outputFrames.canariesAreIntact()]
    return areIntact == [true, true] ? what : "written outside the frames"
  }

  private func differsInRing(
    _ expected: Verdict, _ call: StreamInput, _ state: Int, _ stored: UnsafeMutableRawBufferPointer,
    _ whole: UnsafeMutableRawBufferPointer
  ) -> String? {
    guard call.ring < call.length else { return nil }
    outputFrames.setUp(bytes: call.ring, shift: call.outputShift, salt: call.ring)
    let pages = MutablePageVector(
      unsafeFrames: UnsafePointer(outputFrames.table), pageShift: outputFrames.shift, count: call.ring)
    let verdict = decode(
      PageVector(unsafeContiguous: UnsafeRawBufferPointer(stored)), pages, call.length, state,
      step: min(max(call.step, call.length / 256), call.ring)
    ) { range in
      var at = range.lowerBound
      while at < range.upperBound {
        let part = pages.readOnly.slice(at: at % call.ring, count: range.upperBound - at)
        part.copyBytes(into: UnsafeMutableRawBufferPointer(start: gathered + at, count: part.count))
        at += part.count
      }
    }
    guard outputFrames.canariesAreIntact() else { return "written outside the ring" }
    switch (expected, verdict) {
    case (.decoded, .decoded):
      return isEqual(gathered, whole.baseAddress!, call.length) ? nil : "other bytes from a ring"
    case (.refused, .refused): return nil
    // A ring does not keep everything, so it may refuse what is right.
    case (.decoded, .refused(let error)) where error.reason == .distance || error.reason == .memory: return nil
    default: return "contiguous: \(expected), through a ring of \(call.ring): \(verdict)"
    }
  }

  private func differsAsPrefix(
    _ expected: Verdict, _ call: StreamInput, _ state: Int, _ stored: UnsafeMutableRawBufferPointer,
    _ whole: UnsafeMutableRawBufferPointer
  ) -> String? {
    guard case .decoded = expected, call.length > 1 else { return nil }
    let length = 1 + (call.length &* 7 &+ call.ring) % (call.length - 1)
    let verdict = decode(
      PageVector(unsafeContiguous: UnsafeRawBufferPointer(stored)),
      MutablePageVector(unsafeContiguous: gathered, count: length), length, state, step: .max, finishes: false)
    guard case .decoded = verdict else { return "a prefix of \(length) of \(call.length) bytes: \(verdict)" }
    return isEqual(gathered, whole.baseAddress!, length) ? nil : "other bytes in a prefix"
  }

  private func isEqual(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
    PageVector(unsafeContiguous: a, count: count).elementsEqual(PageVector(unsafeContiguous: b, count: count))
  }
}
