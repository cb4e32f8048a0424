// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Runs `body` on `count` threads of its own, numbered from 0, and waits for all of them.
public func runThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Start: Sendable {
    let number: Int
    let body: @Sendable (Int) -> Void
    init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.number = number
      self.body = body
    }
  }
  var threads: [pthread_t] = []
  for number in 0..<count {
    let start = Unmanaged.passRetained(Start(number, body)).toOpaque()
    #if canImport(Darwin)
      var thread: pthread_t?
      let error = pthread_create(
        &thread, nil,
        { argument in
          let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
          start.body(start.number)
          return nil
        }, start)
      precondition(error == 0)
      threads.append(thread!)
    #else
      var thread = pthread_t()
      let error = pthread_create(
        &thread, nil,
        { argument in
          let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
          start.body(start.number)
          return nil
        }, start)
      precondition(error == 0)
      threads.append(thread)
    #endif
  }
  for thread in threads { pthread_join(thread, nil) }
}
