// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport
import Synchronization
import SystemPackage

extension LayoutUnpacking {
  /// As the other function of this name, on threads of its own, for callers that must not block. Cancelling the task ends it.
  ///
  /// - Parameters:
  ///   - manifest: an image of `layout`.
  ///   - layout: where its blobs are.
  ///   - output: a directory that must not be there yet, or with `merged` a file, which may be replaced.
  ///   - progress: may return false to end it with ``LayoutError/cancelled``.
  /// - Returns: what was made, the lowest layer first, an image of all layers last.
  /// - Throws: as the other; `CancellationError` if the task is cancelled.
  public func unpack(
    _ manifest: ImageManifest, of layout: ImageLayout, at output: FilePath,
    progress: @escaping @Sendable (Progress) -> Bool = { _ in true }
  ) async throws -> [UnpackedImage] {
    final class Flag: Sendable { let isSet = Atomic(false) }
    try Task.checkCancellation()
    let cancelled = Flag()
    do {
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          Threads.start {
            continuation.resume(
              with: Result {
                try unpack(manifest, of: layout, at: output) {
                  progress($0) && !cancelled.isSet.load(ordering: .relaxed)
                }
              })
          }
        }
      } onCancel: {
        cancelled.isSet.store(true, ordering: .relaxed)
      }
    } catch LayoutError.cancelled where Task.isCancelled { throw CancellationError() }
  }
}

extension RegistryClient {
  /// Makes images of an image in a registry: reads it into a directory beside the output, unpacks it, and removes that
  /// directory. Cancelling the task ends it.
  ///
  /// - Parameters:
  ///   - reference: which image.
  ///   - platform: nil for ``ContainerPlatform/current`` if there are several.
  ///   - unpacking: what is made.
  ///   - output: a directory that must not be there yet, or with `merged` a file, which may be replaced.
  ///   - progress: how much has come.
  /// - Returns: what was made, the lowest layer first, an image of all layers last.
  /// - Throws: as ``pull(_:for:to:progress:)``, and what unpacking throws.
  public func unpack(
    _ reference: ImageReference, for platform: ContainerPlatform? = nil, by unpacking: LayoutUnpacking,
    at output: FilePath, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> [LayoutUnpacking.UnpackedImage] {
    // Before anything is fetched.
    _ = try unpacking.checkedOptions()
    let folder = try OutputFolder(besideOutputAt: output)
    defer { withExtendedLifetime(folder) {} }
    let pulled = try await pull(reference, for: platform, to: folder.inner("layout"), progress: progress)
    let layout = try ImageLayout(pulled.layout, besideOutputAt: output)
    return try await unpacking.unpack(layout.manifest(), of: layout, at: output)
  }
}
