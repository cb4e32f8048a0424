// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// Stands for a codec that this build leaves out. Nothing makes one: a volume refuses images that announce its algorithm.
struct MissingDecoder: ImageCodec, ~Copyable {
  static var workingBytes: Int { 0 }
  static var recordBytes: Int { 0 }
  static func number(of record: UInt64) -> UInt32? { nil }
  static func window(_ number: UInt32) -> Int { 0 }

  init(input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory) throws(DecodeError) {
    throw DecodeError(.unsupported, at: 0)
  }

  var produced: Int { 0 }
  mutating func decode(to end: Int) throws(DecodeError) {}
  mutating func finish() throws(DecodeError) {}
}
