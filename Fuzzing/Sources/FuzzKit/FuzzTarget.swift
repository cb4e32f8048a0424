// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What came of an input.
public enum Outcome: Sendable, Equatable {
  case accepted
  /// Refused, as hostile input should be; the reasons are counted.
  case refused(String)
  /// Something that must not be: a wrong verdict, other bytes by another way, a write outside.
  case violation(String)
}

/// Something that takes any bytes at all. A trap, an access outside its memory, or a hang ends the process, with the
/// input kept; everything else is an ``Outcome``.
public protocol FuzzTarget: AnyObject {
  var name: String { get }
  /// Streams or images made by others, to start a corpus from; need not be the same everywhere.
  func samples() -> [[UInt8]]
  /// Runs one input and checks all that can be checked about it.
  func run(_ input: [UInt8]) -> Outcome
  /// Which inputs are alike: one of a new kind is kept, and mutated further.
  func kind(_ input: [UInt8], _ outcome: Outcome) -> Int
}

extension FuzzTarget {
  public func kind(_ input: [UInt8], _ outcome: Outcome) -> Int {
    switch outcome {
    case .accepted: 1
    case .refused(let reason): reason.utf8.reduce(2) { ($0 &* 31) &+ Int($1) }
    case .violation: 0
    }
  }
}

/// A small generator, the same everywhere for the same seed.
public struct FuzzRandom {
  var state: UInt64
  public init(_ seed: UInt64) { state = seed }

  @inline(__always)
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number in 0 ..< `limit`, which is positive.
  @inline(__always)
  public mutating func below(_ limit: Int) -> Int { Int(truncatingIfNeeded: (next() >> 33) % UInt64(limit)) }
}
