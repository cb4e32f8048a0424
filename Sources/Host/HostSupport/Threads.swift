// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads that share one piece of work.
package enum Threads {
  /// Processors that are running.
  package static var available: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Runs `body` on a new thread, or on this one if the system gives no other.
  package static func start(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let argument = Unmanaged.passRetained(Box(body))
    #if canImport(Darwin)
      var thread: pthread_t?
      let error = pthread_create(
        &thread, nil,
        {
          Unmanaged<Box>.fromOpaque($0).takeRetainedValue().body()
          return nil
        }, argument.toOpaque())
      if error == 0, let thread { pthread_detach(thread) }
    #else
      var thread = pthread_t()
      let error = pthread_create(
        &thread, nil,
        {
          if let argument = $0 { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
          return nil
        }, argument.toOpaque())
      if error == 0 { pthread_detach(thread) }
    #endif
    if error != 0 { argument.takeRetainedValue().body() }
  }

  /// Runs `body` on `count` threads, this one among them, and returns when all are done. Where the system gives fewer
  /// threads, those do the work.
  ///
  /// - Parameter first: what this thread does before, while the others have begun already.
  package static func run(_ count: Int, first: () -> Void = {}, _ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let box = Box(body)
    var started: [pthread_t] = []
    for _ in 1..<max(1, count) {
      let argument = Unmanaged.passRetained(box)
      #if canImport(Darwin)
        var thread: pthread_t?
        let error = pthread_create(
          &thread, nil,
          {
            Unmanaged<Box>.fromOpaque($0).takeRetainedValue().body()
            return nil
          }, argument.toOpaque())
        if error == 0, let thread { started.append(thread) } else { argument.release() }
      #else
        var thread = pthread_t()
        let error = pthread_create(
          &thread, nil,
          {
            if let argument = $0 { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
            return nil
          }, argument.toOpaque())
        if error == 0 { started.append(thread) } else { argument.release() }
      #endif
    }
    first()
    body()
    for thread in started { pthread_join(thread, nil) }
  }
}
