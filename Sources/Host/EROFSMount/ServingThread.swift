// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A thread that takes requests and works on them, and lets another thread take the next ones when it will be busy for long.
class ServingThread {
  /// Lets another thread take requests. Called on this thread.
  func handOver() {}

  /// Bound to threads, so that what works on a request need not know who took it.
  private static let key: pthread_key_t? = {
    var key = pthread_key_t()
    return pthread_key_create(&key, nil) == 0 ? key : nil
  }()

  /// Runs `body` while this thread is known as `serving`.
  static func run(_ serving: ServingThread, _ body: () -> Void) {
    guard let key else { return body() }
    pthread_setspecific(key, Unmanaged.passUnretained(serving).toOpaque())
    body()
    pthread_setspecific(key, nil)
    withExtendedLifetime(serving) {}
  }

  /// To be called before something that takes longer than to wake another thread: decoding, or waiting for a thread that
  /// decodes.
  static func willBeBusy() {
    guard let key, let pointer = pthread_getspecific(key) else { return }
    Unmanaged<ServingThread>.fromOpaque(pointer).takeUnretainedValue().handOver()
  }
}
