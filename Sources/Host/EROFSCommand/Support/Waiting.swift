// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Dispatch
import Synchronization

/// For commands that do something asynchronous.
enum Waiting {
  private final class Box<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
    let isThere = DispatchSemaphore(value: 0)
  }

  /// Waits for what `body` returns or throws. A signal, after ``Interruption/watch()``, cancels it.
  static func result<Value: Sendable>(of body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let box = Box<Value>()
    let task = Task.detached {
      let result: Result<Value, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      box.result.withLock { $0 = result }
      box.isThere.signal()
    }
    while box.isThere.wait(timeout: .now() + .milliseconds(100)) == .timedOut {
      if Interruption.isRequested { task.cancel() }
    }
    return try box.result.withLock { $0! }.get()
  }
}
