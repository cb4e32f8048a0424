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
    /// Whether the packed inode's index says one thing only; nil where that was not asked.
    var packedAgrees: Bool?
    /// Whether anything may be stored in LZ4. A hostile block that is decoded in place runs into its own stored bytes,
    /// and may then give other bytes than elsewhere.
    var mayHoldLZ4 = false
    /// What is being done, to tell where two readings differ.
    var place = "superblock"

    /// Where two readings of one image say different things.
    func difference(from other: Findings) -> String? {
      if words != other.words {
        let differing = zip(words + ["nothing"], other.words + ["nothing"]).first { $0 != $1 }
        return "read: \(differing?.0 ?? "more"); in memory: \(differing?.1 ?? "more")"
      }
      if content != other.content { return "other names or values in memory" }
      let file = files.first { $0.value != other.files[$0.key] ?? $0.value }
      return file.map { "other bytes of \($0.key) in memory" }
    }

    mutating func fail(_ error: EROFSError) { first = first ?? reason(error) }

    mutating func note(_ error: EROFSError) {
      words.append("\(place): \(reason(error))")
      fail(error)
      if case .memory(let need, let bytes) = error {
        violation = violation ?? "\(place): the plan was too small: \(need) needs \(bytes)"
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
    if let what = one.difference(from: other) {
      return one.mayHoldLZ4 ? .refused("LZ4 that decodes differently in place") : .violation(what)
    }
    return one.first.map { .refused($0) } ?? .accepted
  }

  private func read<Source: Storage>(_ storage: Source, shift: Int?, step: Int) -> Findings {
    var findings = Findings()
    do throws(EROFSError) {
      let superblock = try Superblock(reading: storage)
      findings.mayHoldLZ4 = superblock.compression.announces(.lz4)
      _ = try superblock.checksumMatches(in: storage)
      var volume = Volume(storage, superblock: superblock, memory: ReaderMemory())
      guard let blocks = bench.memory(.blocks, for: volume.blocks, shift: shift) else { return findings }
      volume.supply(blocks)
      let plan = try volume.basicPlan()
      guard let basic = bench.memory(.basic, for: plan, shift: shift) else {
        findings.violation = "a plan of more than any image may need"
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
          findings.place = "plan of \(nid)"
          guard let memory = bench.memory(.file, for: try volume.plan(for: inode), shift: shift) else {
            findings.violation = "a plan of more than any image may need"
            return findings
          }
          volume.supply(memory)
          if inode.kind == .directory { pending += list(inode, &volume, &findings).reversed() }
          attributes(inode, &volume, &findings)
          findings.place = "content of \(nid)"
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
    let length = Int(min(inode.size, UInt64(Self.most)))
    let back = max(step, 512)
    let forwards = Array(stride(from: 0, to: length, by: step))
    let backwards = Array(stride(from: length, to: 0, by: -back)).map { max(0, $0 - back) }
    // An index can be so wrong that the way to an extent decides what it is. Then the plan, which goes from one to the
    // next, cannot know what a reader in the middle will find, and nothing but safety is asked for.
    let agrees = try index(inode, &volume, agreesAt: forwards + backwards, &findings)
    guard agrees, try packedIndexAgrees(&volume, &findings) else {
      findings.first = findings.first ?? "an index that says different things"
      return _ = try? read(inode, &volume, forwards + backwards, length)
    }
    do throws(EROFSError) {
      let once = try read(inode, &volume, forwards, length)
      let again = try read(inode, &volume, backwards, length)
      if once != again { findings.violation = "\(findings.place): other bytes when read backwards" }
      findings.files[inode.nid] = once
    } catch {
      if case .memory(let need, let bytes) = error {
        findings.violation = "\(findings.place): the plan was too small: \(need) needs \(bytes)"
      }
      throw error
    }
  }

  /// Fragments lie anywhere in the packed inode, so all of its index has to agree.
  private func packedIndexAgrees<Source: Storage>(
    _ volume: inout Volume<Source>, _ findings: inout Findings
  ) throws(EROFSError) -> Bool {
    if let known = findings.packedAgrees { return known }
    findings.packedAgrees = false
    guard let packed = try volume.packedInode() else {
      findings.packedAgrees = true
      return true
    }
    let positions = Array(stride(from: 0, to: Int(min(packed.size, UInt64(Self.most))), by: 256))
    let agrees = try index(packed, &volume, agreesAt: positions, &findings)
    findings.packedAgrees = agrees
    return agrees
  }

  /// Goes through the extents of a file, and asks for each of `positions` whether it is found to lie in the same one.
  private func index<Source: Storage>(
    _ inode: Inode, _ volume: inout Volume<Source>, agreesAt positions: [Int], _ findings: inout Findings
  ) throws(EROFSError) -> Bool {
    var extents: [Extent] = []
    var end: UInt64 = 0
    while extents.count < Self.mostExtents, end < inode.size, let extent = try volume.extent(of: inode, at: end) {
      if extent.end <= end {
        findings.violation = "\(findings.place): an extent that does not go on from \(end)"
        return false
      }
      end = extent.end
      extents.append(extent)
    }
    for position in positions {
      let position = UInt64(position)
      guard let found = try volume.extent(of: inode, at: position),
        let expected = extents.first(where: { $0.start <= position && position < $0.end })
      else { return false }
      // What is stored as it is may be found in smaller pieces.
      if case .compressed = expected.encoding, found != expected { return false }
      if case .compressed = found.encoding, found != expected { return false }
    }
    return true
  }

  /// Reads a file's first `length` bytes in pieces that begin at `starts`, which all begin where others end; gives a sum
  /// of them.
  private func read<Source: Storage>(
    _ inode: Inode, _ volume: inout Volume<Source>, _ starts: [Int], _ length: Int
  ) throws(EROFSError) -> UInt64 {
    let pages = MutablePageVector(unsafeContiguous: output.bytes(length, atEnd: true))
    pages.fill(0xEE)
    let ends = (starts + [length]).sorted()
    for start in starts {
      let end = ends.first { $0 > start } ?? length
      _ = try volume.read(inode, at: UInt64(start), into: pages.slice(at: start, count: end - start))
    }
    return hash(pages.readOnly)
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
