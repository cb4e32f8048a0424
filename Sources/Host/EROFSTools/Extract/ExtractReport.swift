// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Synchronization
import SystemPackage

/// What an extraction tells while it goes on.
public enum ExtractEvent: Sendable, CustomStringConvertible {
  /// Something is not there in the end.
  case failure(path: [UInt8], ExtractFailure)
  /// Something that was asked for was left out, because the system does not permit it; told for the first path only.
  case leftOut(ExtractPart, firstPath: [UInt8], Errno)

  public var description: String {
    switch self {
    case .failure(let path, let failure): "/\(path.printable): \(failure)"
    case .leftOut(let part, let path, let error): "/\(path.printable): \(part.text) left out: \(error)"
    }
  }
}

public enum ExtractFailure: Error, Sendable, CustomStringConvertible {
  case image(Problem.Cause)
  case system(Errno, doing: String)
  /// All files together have more content than any honest image of that many bytes; nothing is written.
  case content(atLeast: UInt64, imageBytes: UInt64)
  /// The run was told to stop meanwhile; no event tells of it.
  case stopped

  public var description: String {
    switch self {
    case .image(let cause): cause.description
    case .system(let error, let doing): "\(doing) failed: \(error)"
    case .content(let bytes, let imageBytes):
      "the files have at least \(bytes.grouped) bytes, more than any honest image of \(imageBytes.grouped) bytes: "
        + "nothing is written (--no-limit writes them all)"
    case .stopped: "stopped before it was whole"
    }
  }
}

/// What may be left out of an extracted file.
public enum ExtractPart: Int, Sendable, CaseIterable {
  case owner, mode, attributes, device, time

  var text: String {
    switch self {
    case .owner: "the owner is"
    case .mode: "the permissions are"
    case .attributes: "extended attributes are"
    case .device: "the device is"
    case .time: "the time is"
    }
  }
}

/// What an extraction did.
public struct ExtractSummary: Sendable {
  /// Names made, and bytes of files' content.
  public internal(set) var names = 0
  public internal(set) var contentBytes: UInt64 = 0
  public internal(set) var failures = 0
  /// Whether the run ended early, by itself or because it was told to.
  public internal(set) var isStopped = false
  /// Whether what a stopped run had made has been removed again.
  public internal(set) var isRemoved = true
  /// How many times each part was left out.
  public internal(set) var leftOut: [ExtractPart: Int] = [:]

  /// What there is after a stopped run, in words.
  public var remains: String {
    isRemoved
      ? "nothing that it made is left"
      : "what has its name is whole, but for permissions, owners and times of directories"
  }
}

/// Gathers what threads have to tell.
final class ExtractLog: Sendable {
  private let state = Mutex(ExtractSummary())
  private let report: @Sendable (ExtractEvent) -> Void
  private enum Phase {
    static let running = 0
    /// Going on makes no sense: the disk is full, for one.
    static let stopped = 1
    /// All is made, and what is left to do is done whatever happens.
    static let committed = 2
  }
  private let phase = Atomic<Int>(Phase.running)

  init(_ report: @escaping @Sendable (ExtractEvent) -> Void) { self.report = report }

  var summary: ExtractSummary {
    var summary = state.withLock { $0 }
    summary.isStopped = isStopped
    return summary
  }
  var isStopped: Bool { phase.load(ordering: .relaxed) == Phase.stopped }

  /// Returns whether this call was the one that stopped the run.
  @discardableResult
  func stop() -> Bool { leaveRunning(to: Phase.stopped) }

  /// From now on nothing stops the run; returns false where something has.
  func commit() -> Bool { leaveRunning(to: Phase.committed) }

  private func leaveRunning(to next: Int) -> Bool {
    phase.compareExchange(expected: Phase.running, desired: next, ordering: .relaxed).exchanged
  }

  func noteRemains() { state.withLock { $0.isRemoved = false } }

  func fail(_ path: [UInt8], _ failure: ExtractFailure) {
    switch failure {
    case .stopped: return
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
