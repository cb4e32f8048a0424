// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import Foundation
import PageVectors
import TestSupport
import Testing

@testable import EROFSTools

@Suite struct PlanReportTests {
  /// The plan of a whole image is enough for the file that asks for most of each part, and a byte less of what that
  /// file asks for is not: nothing in the plan is more than what the reader uses.
  @Test(arguments: ReferenceImages.oneOfEachKind, [false, true])
  func isExact(name: String, isMapped: Bool) throws {
    let reader = try ReferenceImages.reader(name)
    let report = try PlanReport(of: reader, isMapped: isMapped)
    let storage = TestStorage(
      [try ReferenceImages.image(name)] + [ReferenceImages.blob(name)].compactMap { $0 }, isMapped: isMapped)
    for part in PlanPart.allCases {
      guard let file = report.asking[part] else { continue }
      #expect(part.bytes(file.plan) == part.bytes(report.plan))
      #expect(try read(file.nid, storage, report.plan) == nil)
      #expect(try read(file.nid, storage, file.plan) == nil)
      // MicroLZMA's tables are as large as their parameters make them, and an image may use smaller ones than it could.
      if part == .fileState, reader.superblock.compression.announces(.microLZMA) { continue }
      guard let smaller = part.lessOne(file.plan) else { continue }
      guard case .memory = try read(file.nid, storage, smaller) else {
        Issue.record("\(part) of \(file.path.printable) could be smaller")
        continue
      }
    }
    let hasCompressedFiles = reader.superblock.incompatible.contains(.zeroPadding)
    #expect(!hasCompressedFiles || report.asking[.fileOutput] != nil || report.plan.packed.frames > 0)
    #expect(PlanPart.allCases.reduce(0) { $0 + $1.bytes(report.plan) } + 24 >= report.plan.totalBytes)
    #expect(PlanPart.allCases.reduce(0) { $0 + $1.bytes(report.plan) } <= report.plan.totalBytes)
    #expect(report.largest.first?.plan.totalBytes == report.largest.map(\.plan.totalBytes).max())
    #expect(report.largest.allSatisfy { $0.plan.totalBytes <= report.plan.totalBytes })
  }

  /// Reads a file from its start to its end; returns the error that stopped that.
  private func read(_ nid: UInt64, _ storage: TestStorage, _ plan: MemoryPlan) throws -> EROFSError? {
    let memory = PlannedMemory(plan)
    defer { #expect(memory.guardsAreIntact) }
    let piece = ScatteredPages(count: 3000, pageShift: 9)
    do throws(EROFSError) {
      var volume = try Volume(storage, memory: memory.memory)
      let inode = try volume.inode(nid)
      var offset: UInt64 = 0
      while offset < inode.size { offset += UInt64(try volume.read(inode, at: offset, into: piece.vector)) }
      return nil
    } catch { return error }
  }

  @Test(arguments: ReferenceImages.among("lz4hc-1m", "zstd-64k", "zstd-48bit-64k", "lz4hc-16k-full-index"))
  func depthAndStorageChangeWhatIsAskedFor(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    let least = try PlanReport(of: reader).plan
    let whole = try PlanReport(of: reader, depth: .wholeExtents).plan
    let mapped = try PlanReport(of: reader, isMapped: true).plan
    #expect(least.totalBytes <= whole.totalBytes)
    // A ring of 64 KiB is less than these images' longest extents.
    #expect(least.totalBytes < whole.totalBytes || !name.hasPrefix("lz4hc"))
    #expect(mapped.totalBytes < least.totalBytes)
    #expect(mapped.file.stored == 0 && mapped.metadata == 0)
  }

  @Test func aFileOrADirectoryHasItsOwnPlan() throws {
    let reader = try ReferenceImages.reader(ReferenceImages.among("lz4hc-64k", "lz4hc-16k-full-index")[0])
    let all = try PlanReport(of: reader)
    let file = try PlanReport(of: reader, files: try reader.files(below: Array("/contents/text-150000".utf8)))
    let folder = try PlanReport(of: reader, files: try reader.files(below: Array("contents//".utf8)))
    #expect(file.inodes == 1)
    #expect(file.largest[0].path == Array("/contents/text-150000".utf8))
    #expect(folder.inodes > 5 && folder.inodes < all.inodes)
    #expect(folder.largest.allSatisfy { $0.path.starts(with: Array("/contents".utf8)) })
    #expect(file.plan.totalBytes <= folder.plan.totalBytes && folder.plan.totalBytes <= all.plan.totalBytes)
  }

  // MARK: What stands beside it

  /// Measured on Linux 7.2, in thousands of bytes, for windows of 4, 16, 64 and 1024 KiB.
  @Test(arguments: [(4, 112), (16, 161), (64, 358), (1024, 1537)])
  func zstandardWorkspace(kibibytes: Int, thousands: Int) {
    let bytes = LinuxDecoders.zstandardWorkspaceBytes(window: kibibytes << 10)
    #expect(abs(bytes - thousands * 1000) <= 600)
  }

  @Test func otherStreams() throws {
    #expect(LinuxDecoders.lzmaStateBytes == MicroLZMADecoder.workingBytes(literalBits: 4))
    #expect(LinuxDecoders.inflateWorkspaceBytes > 32768 + DeflateDecoder.workingBytes)
    for name in ReferenceImages.among(
      "lzma-1k-64k-tail", "libdeflate-32k-tail", "zstd-48bit-64k", "lz4hc-16k-full-index")
    {
      let reader = try ReferenceImages.reader(name)
      let limits = reader.superblock.compression
      for algorithm in Algorithm.allCases where limits.announces(algorithm) && algorithm != .lz4 {
        #expect(LinuxDecoders.streamBytes(algorithm, limits) > limits.window(of: algorithm))
      }
      #expect(LinuxDecoders.streamBytes(.lz4, limits) == 0)
    }
  }

  @Test(
    arguments: ReferenceImages.among("lz4hc-64k", "lz4hc", "lz4hc-16k-full-index", "plain-512", "zstd-64k"),
    [4096, 65536])
  func mappingsAreAsLongAsTheLongestExtent(name: String, pageSize: Int) throws {
    let reader = try ReferenceImages.reader(name)
    let report = try PlanReport(of: reader, pageSize: pageSize)
    var output = 0
    var input = 0
    for file in try reader.files() {
      for extent in try reader.extents(of: file.inode) where extent.encoding == .compressed(.lz4) {
        output = max(output, Set((extent.start..<extent.end).map { $0 / UInt64(pageSize) }).count)
        input = max(input, (Int(extent.storedLength) + pageSize - 1) / pageSize)
      }
    }
    let lz4 = report.linux.filter { $0.algorithm == "lz4" }.map(\.bytes)
    #expect(lz4.dropFirst() == (output == 0 ? [] : [output * pageSize, input * pageSize]))
    #expect(report.linux.contains { $0.algorithm == "zstd" } == name.hasPrefix("zstd"))
  }

  // MARK: Pictures

  @Test func barsAreInProportion() {
    let picture = BarChart(
      title: "bytes",
      bars: [
        .init(label: "a", value: 1000, group: .parts), .init(label: "b", value: 500, group: .beside),
        .init(label: "none", value: 0, group: .parts), .init(label: "tiny", value: 1, group: .total),
      ])
    let lines = picture.text(width: 10).split(separator: "\n").dropFirst()
    #expect(lines.map { line in line.count { $0 == "#" || $0 == "=" } } == [10, 5, 0, 1])
    #expect(lines.first == "a     1,000  ##########")
    let svg = picture.svg(heading: "a < b & \"c\"")
    #expect(svg.contains("a &lt; b &amp; &quot;c&quot;"))
    #expect(svg.components(separatedBy: "<rect").count == 6)
  }

  @Test(arguments: [
    (0, "0", "0"), (999, "999", "999"), (1000, "1,000", "1000"), (1024, "1,024", "1K"),
    (524288, "524,288", "512K"), (1 << 30, "1,073,741,824", "1G"), (-1234567, "-1,234,567", "-1234567"),
  ])
  func numbers(value: Int, grouped: String, units: String) {
    #expect(value.grouped == grouped)
    #expect(value.inUnits == units)
  }

  @Test(arguments: [(1.005, 1, "1.0"), (99.95, 1, "100.0"), (0.05, 1, "0.1"), (-2.25, 1, "-2.3"), (26.187, 2, "26.19")])
  func decimals(value: Double, places: Int, text: String) { #expect(value.decimal(places) == text) }
}

extension PlanPart {
  /// The plan with a byte less of this part; nil for whole blocks, and for the packed inode and the metabox, of which a
  /// file needs what its own part of them needs.
  fileprivate func lessOne(_ plan: MemoryPlan) -> MemoryPlan? {
    var plan = plan
    switch self {
    case .fileOutput: plan.file.frames -= 1
    case .fileState: plan.file.state -= 1
    default: return nil
    }
    return plan
  }
}
