// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import FuzzKit
import PageVectors

func imageTarget() -> any FuzzTarget { ImageTarget() }

/// A whole image, from its superblock to the bytes of its files. All is read twice: from a device that has to be read,
/// through scattered frames in steps, and from memory, at once; both must say the same.
///
/// A sum over the input picks steps and frames.
final class ImageTarget: FuzzTarget {
  let name = "image"
  private let bench = ReaderBench()
  private let output = GuardedMemory(capacity: most)
  /// How much is read of a file, how many inodes and entries are looked at.
  private static let most = 1 << 16
  private static let mostInodes = 48
  private static let mostEntries = 256
  private static let mostExtents = 512

  func samples() -> [[UInt8]] { [] }

  /// What came of reading an image: what each step gave, in order, so that two readings can be compared.
  private struct Findings: Equatable {
    var words: [String] = []
    var first: String?
    /// Names and values, in order.
    var content: [UInt64] = []
    /// The bytes of each file that could be read.
    var files: [UInt64: UInt64] = [:]
    var violation: String?
    /// What is being done, to tell where two readings differ.
    var place = "superblock"

    mutating func note(_ error: EROFSError) {
      words.append("\(place): \(reason(error))")
      fail(error)
    }

    mutating func fail(_ error: EROFSError) {
      first = first ?? reason(error)
      if case .memory(let need, let bytes) = error {
        violation = violation ?? "the plan was too small: \(need) needs \(bytes)"
      }
    }
  }

  func run(_ input: [UInt8]) -> Outcome {
    guard input.count <= ReaderBench.largestImage else { return .refused("too long") }
    let salt = Int(truncatingIfNeeded: input.reduce(5381 as UInt64) { ($0 &* 33) ^ UInt64($1) } & 0xFFFF)
    let image = bench.place(input, atEnd: salt & 1 == 0)
    let shifts = [3, 6, 8, 9, 10, 11, 12, 12]
    let steps = [61, 256, 500, 512, 1000, 3000, 4096, Self.most]
    let one = read(Unmapped(image: image), shift: shifts[salt >> 1 & 7], step: steps[salt >> 4 & 7])
    if let violation = one.violation { return .violation("read: " + violation) }
    let other = read(image, shift: nil, step: Self.most)
    if let violation = other.violation { return .violation("in memory: " + violation) }
    if one.words != other.words {
      let differing = zip(one.words + ["nothing"], other.words + ["nothing"]).first { $0 != $1 }
      return .violation("read: \(differing?.0 ?? "more"); in memory: \(differing?.1 ?? "more")")
    }
    if one.content != other.content { return .violation("other names or values in memory") }
    for (nid, bytes) in one.files where bytes != other.files[nid] ?? bytes {
      return .violation("other bytes of \(nid) in memory")
    }
    return one.first.map { .refused($0) } ?? .accepted
  }

  private func read<Source: Storage>(_ storage: Source, shift: Int?, step: Int) -> Findings {
    var findings = Findings()
    do throws(EROFSError) {
      let superblock = try Superblock(reading: storage)
      _ = try superblock.checksumMatches(in: storage)
      var volume = Volume(storage, superblock: superblock, memory: ReaderMemory())
      guard let blocks = bench.memory(.blocks, for: volume.blocks, shift: shift) else { return findings }
      volume.supply(blocks)
      let plan = try volume.basicPlan()
      guard let basic = bench.memory(.basic, for: plan, shift: shift) else {
        findings.words.append("plan")
        return findings
      }
      volume.supply(basic)
      var pending = [superblock.rootNID]
      var seen = Set<UInt64>()
      while let nid = pending.popLast(), seen.count < Self.mostInodes {
        guard seen.insert(nid).inserted else { continue }
        do throws(EROFSError) {
          findings.place = "inode \(nid)"
          let inode = try volume.inode(nid)
          if inode.kind == .directory { pending += list(inode, &volume, &findings).reversed() }
          attributes(inode, &volume, &findings)
          findings.place = "plan of \(nid)"
          guard let memory = bench.memory(.file, for: try volume.plan(for: inode), shift: shift) else {
            findings.words.append("plan")
            continue
          }
          volume.supply(memory)
          do throws(EROFSError) {
            try content(inode, &volume, step, &findings)
          } catch {
            // How far one gets in a broken file depends on where one starts, so this is no word to compare.
            findings.fail(error)
          }
          volume.supply(basic)
        } catch {
          findings.note(error)
          volume.supply(basic)
        }
      }
    } catch {
      findings.note(error)
    }
    if !bench.isIntact() { findings.violation = "written outside the frames" }
    return findings
  }

  private func list<Source: Storage>(
    _ inode: Inode, _ volume: inout Volume<Source>, _ findings: inout Findings
  ) -> [UInt64] {
    var nids: [UInt64] = []
    var cursor = DirectoryCursor()
    findings.place = "entries of \(inode.nid)"
    do throws(EROFSError) {
      while nids.count < Self.mostEntries, let entry = try volume.nextEntry(of: inode, &cursor) {
        findings.content.append(hash(entry.name))
        nids.append(entry.nid)
      }
    } catch {
      findings.note(error)
    }
    return nids
  }

  private func attributes<Source: Storage>(
    _ inode: Inode, _ volume: inout Volume<Source>, _ findings: inout Findings
  ) {
    let room = output.bytes(512, atEnd: true)
    let target = MutablePageVector(unsafeContiguous: room)
    var cursor = AttributeCursor()
    var count = 0
    findings.place = "attributes of \(inode.nid)"
    do throws(EROFSError) {
      while count < Self.mostEntries, let attribute = try volume.nextAttribute(of: inode, &cursor) {
        count += 1
        let name = try volume.copyName(of: attribute, into: target)
        findings.content.append(hash(target.readOnly.prefix(name)))
        let value = try volume.copyValue(of: attribute, into: target)
        findings.content.append(hash(target.readOnly.prefix(value)))
      }
    } catch {
      findings.note(error)
    }
  }

  private func content<Source: Storage>(
    _ inode: Inode, _ volume: inout Volume<Source>, _ step: Int, _ findings: inout Findings
  ) throws(EROFSError) {
    switch inode.kind {
    case .regular, .symbolicLink, .directory: break
    default: return
    }
    var extents = 0
    var end: UInt64 = 0
    while extents < Self.mostExtents, end < inode.size, let extent = try volume.extent(of: inode, at: end) {
      if extent.end <= end {
        findings.violation = "an extent that does not go on from \(end)"
        return
      }
      end = extent.end
      extents += 1
    }
    let length = Int(min(inode.size, UInt64(Self.most)))
    let pages = MutablePageVector(unsafeContiguous: output.bytes(length, atEnd: true))
    var position = 0
    while position < length {
      let part = pages.slice(at: position, count: step)
      let count = try volume.read(inode, at: UInt64(position), into: part)
      if count != part.count {
        findings.violation = "\(count) bytes of \(part.count) at \(position) of \(inode.size)"
        return
      }
      position += count
    }
    let whole = hash(pages.readOnly)
    // Once more from somewhere in the middle, backwards in blocks.
    var from = length
    while from > 0 {
      let start = max(0, from - max(step, 512))
      let part = pages.slice(at: start, count: from - start)
      part.fill(0xEE)
      _ = try volume.read(inode, at: UInt64(start), into: part)
      from = start
    }
    if hash(pages.readOnly) == whole {
      findings.files[inode.nid] = whole
    } else {
      // An index can be so wrong that the way to an extent decides what it is; counted, for mkfs must never make one.
      findings.first = findings.first ?? "other bytes when read backwards"
    }
  }

  /// FNV-1a.
  private func hash(_ bytes: PageVector) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    bytes.forEachRun { run in
      for byte in run { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    return hash
  }
}
