// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Why a stream could not be decoded. It owns no memory, so throwing it costs nothing on any target.
@frozen
public struct DecodeError: Error, Equatable, Sendable {
  @frozen
  public enum Reason: UInt8, Sendable {
    /// The stream goes on where its stored bytes have ended.
    case inputEnded
    /// The stream breaks a rule of its format.
    case invalid
    /// A match reaches back before the first byte of the extent, or beyond what the window keeps.
    case distance
    /// The stream ended before the extent was complete.
    case outputShort
    /// The stream goes on where the extent is complete.
    case outputLong
    /// The stream has ended, and stored bytes are left over.
    case trailingInput
    /// The stream is of a kind that EROFS does not hold (a dictionary, a window over its limit).
    case unsupported
    /// The caller gave too little working memory.
    case memory
  }

  public let reason: Reason
  /// Stored bytes that had been taken when it was noticed: near the culprit, not a promise.
  public let inputOffset: Int

  @inlinable
  public init(_ reason: Reason, at inputOffset: Int) {
    self.reason = reason
    self.inputOffset = inputOffset
  }
}
