// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import PageVectors
import SystemPackage

/// What reading takes in memory: as planned, as used, and as Linux's decoders take it.
enum MemoryTable: Table {
  static let name = "memory"
  static let summary = "memory for reading, planned and used, by codec and cluster size"

  static func report(_ settings: Settings) throws -> Report {
    let maker = try ImageMaker(settings, subtree: settings.isQuick ? "usr/sbin" : "usr/bin")
    let codecs = settings.peers == nil ? ["lz4hc"] : ["lz4hc", "lzma", "deflate,9", "zstd"]
    let clusters = settings.isQuick ? [65536] : [4096, 16384, 65536, 1 << 20]
    var section = Report.Section(
      title:
        "bytes for the file of the image that asks for most, read in steps of 4 KiB from storage that is not mapped",
      columns: [
        "codec", "cluster", "tables", "used", "stored", "output", "used both", "in all", "whole extents", "Linux",
        "of it contiguous",
      ])
    for codec in codecs {
      for cluster in clusters {
        let image = try ImageFile(FilePath(try maker.image(["-z" + codec, "-C\(cluster)"])))
        let reader = try ImageReader(image)
        let least = try PlanReport(of: reader, depth: .least)
        let whole = try PlanReport(of: reader, depth: .wholeExtents)
        guard let file = least.largest.first else { throw BenchError("an image without files") }
        let used = try measure(file.plan, nid: file.nid, image)
        let plan = file.plan
        section.rows.append(
          [.text(codec), .text("\(cluster >> 10) KiB")]
            + [
              plan.file.state, used.state, plan.file.stored, plan.file.frames - plan.file.stored, used.frames,
              plan.totalBytes, whole.plan.totalBytes, least.linux.reduce(0) { $0 + $1.bytes },
              least.linux.filter(\.isContiguous).map(\.bytes).max() ?? 0,
            ].map { .number(Double($0), digits: 0) })
      }
    }
    return Report(
      name: name, sections: [section],
      method: [
        "data: \(maker.treeDescription), by mkfs.erofs; no fragments, so one decoder is in use",
        "tables: the codec's state; stored and output: the frames of the decoder, which LZ4 shares between the two",
        "used: bytes that reading wrote to, found by reading twice over different patterns",
        "in all: with a block each of metadata and of a directory; whole extents: where going back is to cost nothing",
        "Linux: what fs/erofs of 7.2 allocates on one processor for this image, besides the pages of the file; the last"
          + " column is the longest run that has to be contiguous without an MMU",
      ])
  }

  /// Reads a file with the memory of its plan and no more; returns the bytes of frames and tables that changed.
  private static func measure(_ plan: MemoryPlan, nid: UInt64, _ image: ImageFile) throws -> (frames: Int, state: Int) {
    var touched: (frames: Set<Int>, state: Set<Int>) = ([], [])
    for pattern in [0xA5, 0x5A] as [UInt8] {
      let frames = UnsafeMutableRawBufferPointer.allocate(byteCount: plan.frameBytes, alignment: 4096)
      let state = UnsafeMutableRawBufferPointer.allocate(byteCount: max(8, plan.stateBytes), alignment: 16)
      defer {
        frames.deallocate()
        state.deallocate()
      }
      for buffer in [frames, state] { buffer.initializeMemory(as: UInt8.self, repeating: pattern) }
      guard let memory = ReaderMemory(for: plan, frames: MutablePageVector(unsafeContiguous: frames), state: state)
      else {
        throw BenchError("a plan that does not hold itself")
      }
      var volume = try Volume(UnmappedStorage(image), memory: memory)
      let inode = try volume.inode(nid)
      var step = [UInt8](repeating: 0, count: 4096)
      var offset: UInt64 = 0
      while offset < inode.size {
        let count = try step.withUnsafeMutableBytes {
          try volume.read(inode, at: offset, into: MutablePageVector(unsafeContiguous: $0))
        }
        offset += UInt64(count)
      }
      let first = plan.metadata + plan.metaboxBlock + plan.directory
      for i in 0..<plan.file.frames where frames[first + i] != pattern { touched.frames.insert(i) }
      for i in 0..<plan.file.state where state[i] != pattern { touched.state.insert(i) }
    }
    return (touched.frames.count, touched.state.count)
  }
}
