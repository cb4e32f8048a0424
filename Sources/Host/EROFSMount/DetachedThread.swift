// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A thread that is not waited for. It blocks all signals: the threads that serve the mount handle them.
enum DetachedThread {
  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func run() {
      var all = sigset_t()
      sigfillset(&all)
      pthread_sigmask(SIG_BLOCK, &all, nil)
      body()
    }
  }

  /// - Returns: false if the system cannot create a thread.
  @discardableResult
  static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
    let argument = Unmanaged.passRetained(Box(body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    defer { pthread_attr_destroy(&attributes) }
    #if canImport(Darwin)
      var thread: pthread_t?
      let error = pthread_create(
        &thread, &attributes,
        {
          Unmanaged<Box>.fromOpaque($0).takeRetainedValue().run()
          return nil
        }, argument.toOpaque())
    #else
      var thread = pthread_t()
      let error = pthread_create(
        &thread, &attributes,
        {
          if let argument = $0 { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run() }
          return nil
        }, argument.toOpaque())
    #endif
    if error != 0 { argument.release() }
    return error == 0
  }
}
