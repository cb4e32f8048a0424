// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A processor that firmware is built for, by the name of its toolset.
public enum FirmwareProcessor: String, CaseIterable, Sendable {
  case cortexM0 = "cortex-m0"
  case cortexM0plus = "cortex-m0plus"
  case nrf51 = "cortex-m0-nrf51"
  case cortexM3 = "cortex-m3"
  case cortexM4 = "cortex-m4"
  case cortexM4F = "cortex-m4f"
  case cortexM7 = "cortex-m7"
  case cortexM33 = "cortex-m33"
  case rv32imc = "rv32imc"
  case rv32 = "rv32"
  case rv64 = "rv64"

  /// Bytes of a pointer.
  public var wordBytes: Int { self == .rv64 ? 8 : 4 }

  /// Bytes for each level of directories while the image is looked through, as `TreeWalk.Level` has them.
  var levelBytes: Int { wordBytes == 8 ? 32 : 24 }

  /// Bytes at the start of the arena of a program in C for the file system itself, as `erofs.c` of a release has it, with
  /// whatever codecs. `EROFSForC` needs less with traits that leave something out.
  var stateBytes: Int { wordBytes == 8 ? 3456 : 2096 }
}

extension PlanReport {
  /// Bytes of arena that mounting the whole image asks for, in Swift. The file system itself is where its owner stores it.
  ///
  /// - Parameter processor: what the firmware is built for.
  public func arenaInSwift(on processor: FirmwareProcessor) -> Int {
    let walk = (directories.totalBytes + 7) & ~7 + deepest * processor.levelBytes
    return max(plan.totalBytes, walk)
  }

  /// The same in C, where the file system itself is in the arena: with `erofs.c` of a release.
  ///
  /// - Parameter processor: what the firmware is built for.
  public func arenaInC(on processor: FirmwareProcessor) -> Int {
    processor.stateBytes + arenaInSwift(on: processor)
  }

  /// A line for each of the two languages.
  ///
  /// - Parameter processor: what the firmware is built for.
  public func text(for processor: FirmwareProcessor) -> String {
    """

    Arena that firmware on \(processor.rawValue) asks for when it mounts the image
      Swift  \(arenaInSwift(on: processor).grouped) bytes, beside the FileSystem itself
      C      \(arenaInC(on: processor).grouped) bytes, with erofs.c of a release; EROFSForC with traits takes less

    """
  }

  package func arenaJSON(for processor: FirmwareProcessor) -> JSON {
    [
      "processor": .string(processor.rawValue), "swift": JSON(arenaInSwift(on: processor)),
      "c": JSON(arenaInC(on: processor)),
    ]
  }
}
