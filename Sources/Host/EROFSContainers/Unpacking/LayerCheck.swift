// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import HostSupport

/// What is still to be found out about a layer when its tree is there already: whether its bytes are what their digests say.
/// Threads of their own sum them up meanwhile.
final class LayerCheck: @unchecked Sendable {
  private let descriptor: BlobDescriptor
  private let plainDigest: BlobDigest?
  private let stored: Sum
  /// nil for an archive that is not compressed.
  private let plain: Sum?

  /// - Parameters:
  ///   - layer: what it should be.
  ///   - stored: of the blob.
  ///   - plain: of what it decompresses to.
  init(_ layer: ImageManifest.Layer, stored: Sum, plain: Sum?) {
    (descriptor, plainDigest, self.stored, self.plain) = (layer.descriptor, layer.plainDigest, stored, plain)
  }

  /// Waits for the sums.
  ///
  /// - Throws: ``LayoutError/digest(_:found:)``, or why a blob cannot be read.
  func finish() throws {
    try Self.finish(descriptor, stored)
    guard let plainDigest else { return }
    let found = try plain?.digest() ?? descriptor.digest
    guard found == plainDigest else { throw LayoutError.digest("\(plainDigest) (decompressed)", found: "\(found)") }
  }

  static func finish(_ descriptor: BlobDescriptor, _ stored: Sum) throws {
    let found = try stored.digest()
    guard found == descriptor.digest else { throw LayoutError.digest("\(descriptor.digest)", found: "\(found)") }
  }

  /// A digest in the making. When it is not wanted any more its thread ends, before it has read everything.
  final class Sum: @unchecked Sendable {
    /// What the thread and those that wait share.
    private final class State: @unchecked Sendable {
      let monitor = Monitor()
      // Under the lock:
      var result: Result<BlobDigest, any Error>?
      var isAbandoned = false
    }

    private let state = State()

    private struct Abandoned: Error {}

    /// What has been summed up elsewhere.
    init(_ sum: SHA256) { state.result = .success(BlobDigest(sum.finish())) }

    /// - Parameters:
    ///   - ownThread: false to do it before this returns.
    ///   - body: gives all bytes, part by part.
    init(
      ownThread: Bool, _ body: @escaping @Sendable (_ take: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) {
      let state = state
      let work: @Sendable () -> Void = {
        let sum = SHA256()
        let result = Result {
          try body { part in
            if state.monitor.withLock({ state.isAbandoned }) { throw Abandoned() }
            sum.update(part)
          }
          return BlobDigest(sum.finish())
        }
        state.monitor.withLock {
          state.result = result
          state.monitor.wakeAll()
        }
      }
      if ownThread { Threads.start(work) } else { work() }
    }

    private func wait() -> Result<BlobDigest, any Error> {
      state.monitor.withLock {
        while true {
          if let result = state.result { return result }
          state.monitor.wait()
        }
      }
    }

    func digest() throws -> BlobDigest { try wait().get() }

    deinit {
      state.monitor.withLock { state.isAbandoned = true }
      // Nothing of it goes on when its owner is gone.
      _ = wait()
    }
  }
}
