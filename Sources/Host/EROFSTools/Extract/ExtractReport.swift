// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Synchronization
import SystemPackage

/// Reported while an extraction runs.
public enum ExtractEvent: Sendable, CustomStringConvertible {
  /// A file that could not be extracted.
  case failure(path: [UInt8], ExtractFailure)
  /// A property that the system does not permit to set; reported for the first path only.
  case leftOut(ExtractPart, firstPath: [UInt8], Errno)

  public var description: String {
    switch self {
    case .failure(let path, let failure): "/\(path.printable): \(failure)"
    case .leftOut(let part, let path, let error): "/\(path.printable): \(part.text): \(error)"
    }
  }
}

public enum ExtractFailure: Error, Sendable, CustomStringConvertible {
  case image(Problem.Cause)
  case system(Errno, doing: String)
  /// Something of that name is in the target already; reported for the first path only.
  case exists
  /// All files together have more content than an image of this size can justify; nothing is written.
  case content(atLeast: UInt64, imageBytes: UInt64)
  /// The extraction was stopped; there is no event for this.
  case stopped

  public var description: String {
    switch self {
    case .image(let cause): cause.description
    case .system(let error, let doing): "\(doing) failed: \(error)"
    case .content(let bytes, let imageBytes):
      "the files contain at least \(bytes.grouped) bytes, far more than an image of \(imageBytes.grouped) bytes can "
        + "justify: nothing is written"
    case .exists: "exists already"
    case .stopped: "stopped before it was complete"
    }
  }
}

/// A property of an extracted file that the system may not permit to set.
public enum ExtractPart: Int, Sendable, CaseIterable {
  case owner, mode, attributes, device, time

  var text: String {
    switch self {
    case .owner: "the owner was not set"
    case .mode: "the permissions were not set"
    case .attributes: "extended attributes were not set"
    case .device: "the device was not created"
    case .time: "the time was not set"
    }
  }

  /// What was left out so many times.
  func text(count: Int) -> String {
    switch self {
    case .owner: count.counting("owner")
    case .mode: "the permissions of \(count.counting("name"))"
    case .attributes: count.counting("extended attribute")
    case .device: count.counting("device")
    case .time: count.counting("time")
    }
  }
}

/// What an extraction did.
public struct ExtractSummary: Sendable {
  /// Names made, and bytes of files' content.
  public internal(set) var names = 0
  public internal(set) var contentBytes: UInt64 = 0
  public internal(set) var failures = 0
  /// How many of the failures are names that exist already.
  public internal(set) var existing = 0
  /// Whether the extraction ended early, by itself or by ``Extractor/stop()``.
  public internal(set) var isStopped = false
  /// Whether everything that a stopped extraction had created was removed again.
  public internal(set) var isRemoved = true
  /// How many times each property was not set.
  public internal(set) var leftOut: [ExtractPart: Int] = [:]

  /// What was made and what was not, as text.
  public var text: String {
    var parts = [names.counting("name"), contentBytes.counting("byte")]
    if existing > 0 { parts.append("\(existing.counting("name")) existed already") }
    if failures > existing { parts.append((failures - existing).counting("error")) }
    let missing = ExtractPart.allCases.compactMap { part in leftOut[part].map { part.text(count: $0) } }
    return parts.joined(separator: ", ") + (missing.isEmpty ? "" : "; not set: " + missing.joined(separator: ", "))
  }

  /// What a stopped extraction leaves, as text.
  public var remains: String {
    isRemoved
      ? "everything that it created was removed"
      : "files are complete, but directories may lack their permissions, owners and times"
  }
}

/// Collects the events of all threads.
final class ExtractLog: Sendable {
  private let state = Mutex(ExtractSummary())
  private let report: @Sendable (ExtractEvent) -> Void
  private enum Phase {
    static let running = 0
    /// It cannot continue, for instance because the disk is full.
    static let stopped = 1
    /// Everything is written; what remains is done whatever happens.
    static let committed = 2
  }
  private let phase = Atomic<Int>(Phase.running)

  private let isUsed = Atomic<Bool>(false)

  init(_ report: @escaping @Sendable (ExtractEvent) -> Void) { self.report = report }

  /// Whether this is the first run: what is counted, and that it was stopped, belongs to one.
  func begin() -> Bool { !isUsed.exchange(true, ordering: .relaxed) }

  var summary: ExtractSummary {
    var summary = state.withLock { $0 }
    summary.isStopped = isStopped
    return summary
  }
  var isStopped: Bool {
    if let task, phase.load(ordering: .relaxed) == Phase.running, task.isCancelled { stop() }
    return phase.load(ordering: .relaxed) == Phase.stopped
  }

  /// The task whose cancellation stops the run. Set before the run's threads begin, and nil again when they have ended; any
  /// thread may ask a task that has not ended whether it is cancelled.
  private nonisolated(unsafe) var task: UnsafeCurrentTask?

  func watch(_ task: UnsafeCurrentTask?) { self.task = task }

  /// Returns whether this call was the one that stopped the run.
  @discardableResult
  func stop() -> Bool { leaveRunning(to: Phase.stopped) }

  /// From now on nothing stops the extraction; returns false if it was stopped already.
  func commit() -> Bool { leaveRunning(to: Phase.committed) }

  private func leaveRunning(to next: Int) -> Bool {
    phase.compareExchange(expected: Phase.running, desired: next, ordering: .relaxed).exchanged
  }

  func noteRemains() { state.withLock { $0.isRemoved = false } }

  func fail(_ path: [UInt8], _ failure: ExtractFailure) {
    switch failure {
    case .stopped: return
    case .exists:
      return state.withLock { state in
        state.failures += 1
        state.existing += 1
        if state.existing == 1 { report(.failure(path: path, failure)) }
      }
    case .image(.image(.unsupported(.work, _))), .content: guard stop() else { return }
    default: break
    }
    state.withLock { state in
      state.failures += 1
      report(.failure(path: path, failure))
    }
    if case .system(let error, _) = failure,
      [.noSpace, .diskQuotaExceeded, .ioError, .readOnlyFileSystem].contains(error)
    {
      stop()
    }
  }

  func leaveOut(_ part: ExtractPart, _ path: @autoclosure () -> [UInt8], _ error: Errno) {
    state.withLock { state in
      if state.leftOut[part] == nil { report(.leftOut(part, firstPath: path(), error)) }
      state.leftOut[part, default: 0] += 1
    }
  }

  func count(names: Int, bytes: UInt64) {
    state.withLock { state in
      state.names += names
      state.contentBytes &+= bytes
    }
  }
}
