// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Unmounts a directory after some time without a request. While something in it is open, the system refuses that, and the
/// time starts again.
final class IdleWatch: Sendable {
  private let state: State

  private final class State: Sendable {
    let counters: MountCounters
    let directory: FilePath
    let seconds: Int
    let isStopped = Atomic<Bool>(false)

    init(_ counters: MountCounters, _ directory: FilePath, _ seconds: Int) {
      self.counters = counters
      self.directory = directory
      self.seconds = seconds
    }

    func watch() {
      var operations = counters.operations.load(ordering: .relaxed)
      var idle = 0
      while !isStopped.load(ordering: .relaxed) {
        sleep(1)
        let now = counters.operations.load(ordering: .relaxed)
        idle = now == operations ? idle + 1 : 0
        operations = now
        if idle >= seconds {
          if UnmountTool.unmount(directory) == nil { return }
          idle = 0
        }
      }
    }
  }

  init(_ counters: MountCounters, _ directory: FilePath, seconds: Int) {
    state = State(counters, directory, seconds)
    DetachedThread.start { [state] in state.watch() }
  }

  func stop() { state.isStopped.store(true, ordering: .relaxed) }
}
