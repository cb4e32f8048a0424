// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSContainers
import Synchronization

#if canImport(Containerization)
  import ContainerizationExtras
#else
  import ContainerizationShape
#endif

/// Progress as the handler wants it: differences, ten times a second, in a task of its own; while work goes on on threads
/// that must not wait for it.
final class Meter: Sendable {
  private struct State {
    /// Bytes of each layer that were read, by its number.
    var layers: [Int: UInt64] = [:]
    var written: UInt64 = 0
    var total: UInt64
    var toWrite: UInt64 = 0
    var hasEnded = false
    /// What the handler knows.
    var told = (size: UInt64(0), total: UInt64(0), items: 0, totalItems: 0)
  }

  private let sizes: [UInt64]
  private let handler: ProgressHandler?
  private let state: Mutex<State>

  init(_ manifest: ImageManifest, _ handler: ProgressHandler?) {
    sizes = manifest.layers.map(\.descriptor.size)
    self.handler = handler
    state = Mutex(State(total: sizes.reduce(UInt64(0)) { $0.addingReportingOverflow($1).partialValue }))
  }

  /// Called on any thread.
  func note(_ progress: LayoutUnpacking.Progress) {
    state.withLock { state in
      if progress.layer == 0 {
        state.toWrite = max(state.toWrite, progress.total)
        state.written = max(state.written, progress.done)
      } else {
        state.layers[progress.layer] = max(state.layers[progress.layer] ?? 0, progress.done)
      }
    }
  }

  /// - Parameter isComplete: what was not counted is done as well.
  func end(isComplete: Bool) {
    state.withLock { state in
      if isComplete {
        for (index, size) in sizes.enumerated() { state.layers[index + 1] = size }
        state.written = state.toWrite
      }
      state.hasEnded = true
    }
  }

  /// Tells the handler, until the end.
  func run() async {
    guard let handler else { return }
    while true {
      let hasEnded = state.withLock { $0.hasEnded }
      let events = take()
      if !events.isEmpty { await handler(events) }
      if hasEnded { return }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  private func take() -> [ProgressEvent] {
    state.withLock { state in
      var events: [ProgressEvent] = []
      let size = state.layers.values.reduce(0, &+) &+ state.written
      let total = state.total &+ state.toWrite
      let items = state.layers.count { $0.key <= sizes.count && $0.value >= sizes[$0.key - 1] }
      if sizes.count > state.told.totalItems {
        events.append(ProgressEvent(event: "add-total-items", value: sizes.count - state.told.totalItems))
      }
      if total > state.told.total {
        events.append(ProgressEvent(event: "add-total-size", value: Int64(clamping: total - state.told.total)))
      }
      if size > state.told.size {
        events.append(ProgressEvent(event: "add-size", value: Int64(clamping: size - state.told.size)))
      }
      if items > state.told.items {
        events.append(ProgressEvent(event: "add-items", value: items - state.told.items))
      }
      state.told = (size, total, items, sizes.count)
      return events
    }
  }
}
