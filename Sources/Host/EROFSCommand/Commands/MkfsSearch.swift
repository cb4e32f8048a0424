// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTools
import Encoders

/// The options that have an image searched.
struct MkfsSearch {
  var blockSize: Int?
  private var purpose: ImageGoal.Purpose?
  private var memory: UInt64?
  private var limit: UInt64?
  private var seconds: UInt64?

  mutating func take(_ option: MkfsOption, _ value: String) throws(MkfsError) {
    switch option {
    case .purpose:
      guard let purpose = ImageGoal.Purpose(rawValue: value) else {
        let known = ImageGoal.Purpose.allCases.map(\.rawValue).joined(separator: ", ")
        throw .usage("--for: \"\(MkfsParser.path(value))\" is none of \(known)")
      }
      self.purpose = purpose
    case .machineMemory: memory = try Self.bytes(option, value)
    case .imageLimit: limit = try Self.bytes(option, value)
    case .searchTime: seconds = try MkfsParser.number(option, value, limit: 1_000_000)
    default: preconditionFailure("an option that nothing takes")
    }
  }

  private static func bytes(_ option: MkfsOption, _ value: String) throws(MkfsError) -> UInt64 {
    guard let size = ByteCount(argument: value), size.bytes > 0 else { throw MkfsParser.invalid(option, value) }
    return size.bytes
  }

  /// The option that has an image searched, as it is written.
  var name: String { purpose != nil ? "--for" : memory != nil ? "--ram" : "--fit" }

  /// nil if nothing is to be searched.
  func goal(compressions: [MkfsRequest.Compression]) throws(MkfsError) -> ImageGoal? {
    guard purpose != nil || memory != nil || limit != nil else {
      if seconds != nil { throw .usage("--search-time needs --for, --ram or --fit") }
      return nil
    }
    let small: UInt64 = 1 << 20
    var goal = ImageGoal(purpose ?? (memory.map { $0 < small } ?? true ? .bareMetal : .noMMU))
    if memory == nil, limit == nil, goal.purpose == .noMMU || goal.purpose == .bareMetal {
      throw .usage("--for=\(goal.purpose.rawValue) needs --ram or --fit: a limit of the memory, or of the image")
    }
    (goal.memory, goal.imageBytes, goal.blockSize) = (memory, limit, blockSize)
    if let seconds { goal.seconds = Double(seconds) }
    if !compressions.isEmpty {
      for compression in compressions where compression != MkfsRequest.Compression(algorithm: compression.algorithm) {
        throw .usage("-z: with \(name), algorithms have no parameters: a search decides on those")
      }
      goal.algorithms = compressions.map(\.algorithm)
    }
    return goal
  }
}

extension ImageBuilder.Result {
  private func line(_ trial: ImageSearch.Trial) -> String { trial.candidate.arguments.joined(separator: " ") }

  private func difference(_ trial: ImageSearch.Trial) -> String {
    let base = Double(outcome.best[0].imageBytes)
    let share = (Double(trial.imageBytes) - base) / base * 100
    return "\(share < 0 ? "-" : "+")\(abs(share).decimal(1)) %"
  }

  /// What was chosen, and what else there was, for people.
  var text: String {
    var text = "\nchosen from \(outcome.count) trial images"
    if !outcome.isExact { text += " of a part of the files" }
    if !outcome.isComplete { text += " (the time ended the search)" }
    text += ":\n  \(candidate.arguments.joined(separator: " "))\n"
    var table = TextTable([("", .left), ("image", .right), ("memory", .right)])
    table.append("this image", summary.imageBytes.grouped, summary.readerBytes?.grouped ?? "")
    for trial in outcome.best.dropFirst() {
      table.append("or \(line(trial))", difference(trial), trial.readerBytes.grouped)
    }
    if let more = outcome.smallerWithMoreMemory {
      table.append("with more memory \(line(more))", difference(more), more.readerBytes.grouped)
    }
    return text + table.text
  }

  var json: JSON {
    func json(_ trial: ImageSearch.Trial) -> JSON {
      [
        "options": .array(trial.candidate.arguments.map { .string($0) }), "image_bytes": JSON(trial.imageBytes),
        "reader_bytes": JSON(trial.readerBytes),
      ]
    }
    return [
      "options": .array(candidate.arguments.map { .string($0) }), "trials": JSON(outcome.count),
      "whole_tree": .bool(outcome.isExact), "complete": .bool(outcome.isComplete),
      "best": .array(outcome.best.map(json)),
      "smaller_with_more_memory": outcome.smallerWithMoreMemory.map(json) ?? .null,
    ]
  }
}
