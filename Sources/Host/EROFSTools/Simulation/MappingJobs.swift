// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import NoMMUMachine
import PageVectors

/// The part of an extent that a request wants.
struct ExtentPart {
  let request: PageRequest
  let inode: Inode
  let extent: Extent
  /// First byte in the file, and end.
  let start: UInt64
  let end: UInt64

  var destination: MutablePageVector { request.bytes(from: start, to: end) }
}

/// An LZ4 extent: decoded from one mapping to another.
final class MappedJob: SimulatedJob {
  private enum Stage { case read, mapOutput, mapInput, decode, unmapInput, unmapOutput }

  private let mount: MappingMount
  private let part: ExtentPart
  private let algorithm: Algorithm
  private var stage = Stage.read
  private var stored: MachinePages?
  private var shortLived: MachinePages?
  private var output: (address: UnsafeMutableRawPointer, isMapped: Bool)?
  private var input: (address: UnsafeMutableRawPointer, isMapped: Bool)?

  init(_ mount: MappingMount, _ part: ExtentPart, _ algorithm: Algorithm) {
    self.mount = mount
    self.part = part
    self.algorithm = algorithm
  }

  func step() throws(SimulationFault) -> StepOutcome {
    switch stage {
    case .read:
      stored = try mount.readStored(part.extent)
      guard stored != nil else { return .blocked(.frames, bytes: Int(part.extent.storedLength)) }
      stage = .mapOutput
    case .mapOutput:
      let shift = UInt64(mount.machine.pageShift)
      let first = part.extent.start >> shift
      let before = max(first, part.request.start >> shift) - first
      // A match reaches back lz4_max_distance bytes, so a page farther back may be used again.
      let window = UInt64(mount.superblock.compression.window(of: algorithm)) >> shift + 2
      let ring = Int(min(before, window))
      shortLived = mount.machine.allocatePages(ring)
      guard let shortLived else { return .blocked(.frames, bytes: ring << mount.machine.pageShift) }
      var frames = (0..<Int(before)).map { shortLived.frames[$0 % ring] }
      let last = (part.end - 1) >> shift
      let firstWanted = part.request.start >> shift
      frames += part.request.pages.frames[Int(first + before - firstWanted)...Int(last - firstWanted)]
      guard let address = mount.address(of: frames) else {
        self.shortLived = nil
        return .blocked(.outputRun, bytes: frames.count << mount.machine.pageShift)
      }
      output = (address, frames.count > 1)
      stage = .mapInput
    case .mapInput:
      guard let stored else { return .done }
      guard let address = mount.address(of: stored.frames) else {
        return .blocked(.inputRun, bytes: stored.byteCount)
      }
      input = (address, stored.frames.count > 1)
      stage = .decode
    case .decode:
      guard let input, let output else { return .done }
      let extent = part.extent
      let offset = Int(extent.start & UInt64(mount.machine.pageSize - 1))
      try mount.decode(
        extent, PageVector(unsafeContiguous: UnsafeRawPointer(input.address), count: Int(extent.storedLength)),
        into: MutablePageVector(unsafeContiguous: output.address + offset, count: Int(part.end - extent.start)))
      stage = .unmapInput
    case .unmapInput:
      releaseInput()
      stage = .unmapOutput
    case .unmapOutput:
      releaseOutput()
      stored = nil
      return .done
    }
    return .more
  }

  private func releaseInput() {
    if let input, input.isMapped { mount.map.unmap(input.address) }
    input = nil
  }

  private func releaseOutput() {
    if let output, output.isMapped { mount.map.unmap(output.address) }
    output = nil
    shortLived = nil
  }

  func abandon() {
    releaseInput()
    releaseOutput()
    stored = nil
    stage = .read
  }
}

/// An extent of a codec that Linux decodes page by page through a private stream.
final class StreamJob: SimulatedJob {
  private let mount: MappingMount
  private let part: ExtentPart
  private var stored: MachinePages?

  init(_ mount: MappingMount, _ part: ExtentPart) {
    self.mount = mount
    self.part = part
  }

  func step() throws(SimulationFault) -> StepOutcome {
    guard let stored else {
      stored = try mount.readStored(part.extent)
      return stored == nil ? .blocked(.frames, bytes: Int(part.extent.storedLength)) : .more
    }
    let extent = part.extent
    let bytes = try mount.decodePrivately(
      extent, stored.vector.readOnly.prefix(Int(extent.storedLength)), Int(part.end - extent.start))
    part.destination.copy(from: bytes.dropFirst(Int(part.start - extent.start)))
    self.stored = nil
    return .done
  }

  func abandon() { stored = nil }
}

/// What is stored as it is, and holes.
final class CopyJob: SimulatedJob {
  private let mount: MappingMount
  private let part: ExtentPart

  init(_ mount: MappingMount, _ part: ExtentPart) {
    self.mount = mount
    self.part = part
  }

  func step() throws(SimulationFault) -> StepOutcome {
    do throws(EROFSError) {
      _ = try mount.metadata.volume.read(
        part.inode, part.extent, from: part.start - part.extent.start, into: part.destination)
    } catch { throw .image(error) }
    return .done
  }

  func abandon() {}
}

/// A fragment, one stretch of the packed inode's pages at each step.
final class FragmentJob: SimulatedJob {
  private let mount: MappingMount
  private let part: ExtentPart
  /// Where the part begins in the packed inode.
  private let place: UInt64
  private var done: UInt64 = 0
  private static let stretch: UInt64 = 128 << 10

  init(_ mount: MappingMount, _ part: ExtentPart, at place: UInt64) {
    self.mount = mount
    self.part = part
    self.place = place
  }

  func step() throws(SimulationFault) -> StepOutcome {
    let packed: Inode?
    do throws(EROFSError) { packed = try mount.metadata.volume.packedInode() } catch { throw .image(error) }
    guard let packed else { throw .image(.corrupt(.noPackedInode, at: part.inode.position)) }
    let mask = UInt64(mount.machine.pageSize - 1)
    let from = place + done
    let start = from & ~mask
    let end = min(place + (part.end - part.start), start + max(Self.stretch, mask + 1))
    // Whole pages, as far as the packed inode has them.
    let filled = min(packed.size, (end + mask) & ~mask)
    guard let request = PageRequest(mount.machine, from: start, to: filled) else {
      return .blocked(.frames, bytes: Int(filled - start))
    }
    do throws(SimulationFault) {
      try mount.fillAlone(request, packed)
    } catch {
      guard case .memory(let shortage, let bytes) = error else { throw error }
      return .blocked(shortage, bytes: bytes)
    }
    part.destination.dropFirst(Int(done)).copy(from: request.bytes(from: from, to: end).readOnly)
    done += end - from
    return done < part.end - part.start ? .more : .done
  }

  func abandon() { done = 0 }
}
