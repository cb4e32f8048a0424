// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// A codec for a test: the stored bytes are the decoded ones.
public struct StoredDecoder: Codec, ~Copyable {
  public static var workingBytes: Int { 0 }

  private let input: PageVector
  private let output: MutablePageVector
  private let length: Int
  public private(set) var produced = 0

  public init(input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory) throws(DecodeError) {
    guard length == 0 || output.count > 0 else { throw DecodeError(.outputLong, at: 0) }
    self.input = input
    self.output = output
    self.length = length
  }

  public mutating func decode(to end: Int) throws(DecodeError) {
    while produced < min(end, length) {
      let wanted = min(end, length) - produced
      let count = output.slice(at: produced % output.count, count: wanted).copy(from: input.dropFirst(produced))
      guard count > 0 else { throw DecodeError(.inputEnded, at: input.count) }
      produced += count
    }
  }

  public mutating func finish() throws(DecodeError) {
    guard produced == length else { throw DecodeError(.outputShort, at: produced) }
    guard input.count == length else { throw DecodeError(.trailingInput, at: produced) }
  }
}
