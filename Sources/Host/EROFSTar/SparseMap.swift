// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// Which bytes of a sparse member the archive stores; all others are 0.
struct SparseMap {
  struct Run: Sendable {
    var offset: UInt64
    var length: UInt64
  }

  /// What memory can hold, and more than file systems make.
  static let mostRuns = 1 << 22

  var size: UInt64 = 0
  var runs: [Run] = []

  /// - Parameters:
  ///   - stored: bytes of the member in the archive.
  ///   - place: where the first of them is.
  func pieces(stored: UInt64, at place: UInt64) throws(TarFault) -> [ContentPiece] {
    guard size <= UInt64(Int64.max) else { throw TarFault(.sparseMap) }
    var pieces: [ContentPiece] = []
    var (end, used) = (UInt64(0), UInt64(0))
    for run in runs {
      guard run.offset >= end, run.offset <= size, run.length <= size - run.offset, run.length <= stored - used else {
        throw TarFault(.sparseMap)
      }
      if run.length > 0 { pieces.append(ContentPiece(offset: run.offset, length: run.length, place: place + used)) }
      end = run.offset + run.length
      used += run.length
    }
    return pieces
  }

  /// Of PAX 0.1: offsets and lengths by turns, with commas between.
  static func runs(list: ArraySlice<UInt8>) throws(TarFault) -> [Run] {
    var numbers: [UInt64] = []
    if !list.isEmpty {
      for word in list.split(separator: 0x2C, omittingEmptySubsequences: false) {
        numbers.append(try number(word))
      }
    }
    guard numbers.count % 2 == 0 else { throw TarFault(.sparseMap) }
    return stride(from: 0, to: numbers.count, by: 2).map { Run(offset: numbers[$0], length: numbers[$0 + 1]) }
  }

  /// A decimal number, to nearly 2^63.
  static func number(_ word: ArraySlice<UInt8>) throws(TarFault) -> UInt64 {
    var value: UInt64 = 0
    guard (1...20).contains(word.count) else { throw TarFault(.sparseMap) }
    for digit in word {
      guard (0x30...0x39).contains(digit), value <= (UInt64(Int64.max) - 9) / 10 else { throw TarFault(.sparseMap) }
      value = value * 10 + UInt64(digit - 0x30)
    }
    return value
  }
}

/// The map of PAX 1.0, which stands before the content, in lines: the number of runs, then offset and length of each. It is
/// padded to whole blocks.
struct SparseMapReader {
  private var numbers: [UInt64] = []
  private var line: [UInt8] = []
  private var count: UInt64?

  var isComplete: Bool { count.map { UInt64(numbers.count) == 2 * $0 } ?? false }

  mutating func take(_ block: ArraySlice<UInt8>) throws(TarFault) {
    for byte in block where !isComplete {
      if byte != 0x0A {
        line.append(byte)
        if line.count > 20 { throw TarFault(.sparseMap) }
        continue
      }
      let value = try SparseMap.number(line[...])
      line = []
      if count == nil { count = value } else { numbers.append(value) }
      if let count, count > UInt64(SparseMap.mostRuns) { throw TarFault(.sparseMap) }
    }
  }

  var runs: [SparseMap.Run] {
    stride(from: 0, to: numbers.count, by: 2).map { SparseMap.Run(offset: numbers[$0], length: numbers[$0 + 1]) }
  }
}
