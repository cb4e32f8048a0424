// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import NoMMUMachine
import PageVectors

/// A mounted image on a simulated machine.
protocol SimulatedMount: AnyObject {
  func inode(_ nid: UInt64) throws(SimulationFault) -> Inode

  /// Before a file is read, and after.
  func open(_ inode: Inode) throws(SimulationFault)
  func close()

  /// Fills the pages of a request.
  func fill(_ request: PageRequest, _ inode: Inode) throws(SimulationFault)

  /// Bytes of codec states in use now, and of the largest.
  var stateBytes: Int { get }
  var largestState: Int { get }
}

/// Page frames that are to be filled with a range of a file: what a kernel's page cache asks a file system for.
final class PageRequest {
  /// The first byte of the file that is wanted, a multiple of the page size; and the end.
  let start: UInt64
  let end: UInt64
  let pages: MachinePages

  /// Nil where there are not enough frames.
  init?(_ machine: NoMMUMachine, from start: UInt64, to end: UInt64) {
    let count = (Int(end - start) + machine.pageSize - 1) >> machine.pageShift
    guard let pages = machine.allocatePages(count) else { return nil }
    // A byte that is not written must not be right by chance.
    pages.vector.fill(0xDB)
    self.start = start
    self.end = end
    self.pages = pages
  }

  /// Where bytes of the file go.
  func bytes(from first: UInt64, to last: UInt64) -> MutablePageVector {
    pages.vector(at: Int(first - start), count: Int(last - first))
  }
}

/// Memory of a simulated machine for a plan of the reader: frames for what may be scattered, records for codec states.
final class MachineMemory {
  let memory: ReaderMemory
  let stateBytes: Int
  private let pages: MachinePages
  private let state: UnsafeMutableRawPointer?

  /// Nil where the machine does not have as much.
  init?(_ machine: NoMMUMachine, _ plan: MemoryPlan) {
    guard let pages = machine.allocatePages((plan.frameBytes + machine.pageSize - 1) >> machine.pageShift) else {
      return nil
    }
    var state: UnsafeMutableRawPointer?
    if plan.stateBytes > 0 {
      state = machine.allocateRecord(bytes: plan.stateBytes)
      if state == nil { return nil }
    }
    self.pages = pages
    self.state = state
    stateBytes = plan.stateBytes
    let states = UnsafeMutableRawBufferPointer(start: state, count: state == nil ? 0 : plan.stateBytes)
    memory = ReaderMemory(for: plan, frames: pages.vector, state: states) ?? ReaderMemory()
  }

  deinit { if let state { pages.machine.freeRecord(state, bytes: stateBytes) } }
}

extension MemoryPlan {
  /// The largest codec state of the three.
  var largestState: Int { max(file.state, packed.state, metabox.state) }
}

/// A piece of work that a worker does step by step; between any two of its steps others may do some of theirs.
protocol SimulatedJob: AnyObject {
  /// Does the next step.
  func step() throws(SimulationFault) -> StepOutcome
  /// Gives back what it holds, and begins anew.
  func abandon()
}

enum StepOutcome {
  case more
  case done
  /// There is no memory now for the step.
  case blocked(Shortage, bytes: Int)
}

/// Lets workers do jobs, the next step of one or the other as a generator says: the same for the same seed.
struct Scheduler {
  let workers: Int
  private var random: UInt64

  init(workers: Int, seed: UInt64) {
    self.workers = workers
    random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  }

  private mutating func pick(below bound: Int) -> Int {
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return Int((random >> 11) % UInt64(bound))
  }

  /// Does all jobs, each worker taking the next one when it is through with its last.
  ///
  /// A step that finds no memory waits until the others have gone on. When all wait, all but the oldest job give back
  /// what they hold; what then still finds no memory fails, as it would with one worker.
  mutating func run(_ jobs: [any SimulatedJob]) throws(SimulationFault) {
    var next = 0
    var active: [any SimulatedJob] = []
    var waits: [Bool] = []
    var isAlone = false
    do throws(SimulationFault) {
      while true {
        while !isAlone, active.count < workers, next < jobs.count {
          active.append(jobs[next])
          waits.append(false)
          next += 1
        }
        if active.isEmpty { return }
        let ready = isAlone ? [0] : active.indices.filter { !waits[$0] }
        let chosen = ready[pick(below: ready.count)]
        switch try active[chosen].step() {
        case .more: waits = waits.map { _ in false }
        case .done:
          active.remove(at: chosen)
          waits.remove(at: chosen)
          waits = waits.map { _ in false }
          isAlone = false
        case .blocked(let shortage, let bytes):
          if isAlone || active.count == 1 { throw .memory(shortage, bytes: bytes) }
          waits[chosen] = true
          if waits.allSatisfy({ $0 }) {
            for job in active.dropFirst() { job.abandon() }
            isAlone = true
          }
        }
      }
    } catch {
      for job in active { job.abandon() }
      throw error
    }
  }
}
