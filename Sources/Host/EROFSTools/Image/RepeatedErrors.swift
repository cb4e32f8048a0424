// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Synchronization

/// Errors that have one cause for many files, which is to be said once: the image is cut off, a device is missing, or the
/// limit of work is reached.
package final class RepeatedErrors: Sendable {
  private struct State {
    var said: [Feature] = []
    var count = 0
  }

  /// Whether it has been said that the image is cut off.
  private let saysCutOff: Bool
  private let state = Mutex(State())

  package init(_ image: ImageFile, _ superblock: Superblock) { saysCutOff = image.shortage(superblock) != nil }

  /// Whether the cause of an error has been said; from now on it has.
  package func isRepeated(_ error: EROFSError) -> Bool {
    state.withLock { state in
      switch error {
      case .corrupt(.outsideDevice, at: .device(0, _)) where saysCutOff: break
      case .unsupported(let feature, _) where Self.hasOneCause(feature):
        guard state.said.contains(feature) else {
          state.said.append(feature)
          return false
        }
      default: return false
      }
      state.count += 1
      return true
    }
  }

  private static func hasOneCause(_ feature: Feature) -> Bool {
    switch feature {
    case .work, .device: true
    default: false
    }
  }

  /// How many errors were not said.
  package var count: Int { state.withLock { $0.count } }

  /// Nil if all were said.
  package var text: String? { count == 0 ? nil : "\(count.counting("more error")) of the same cause" }
}

extension ImageFile {
  /// The bytes that the file has and those that its superblock announces, if it has fewer; nil if it is long enough.
  package func shortage(_ superblock: Superblock) -> (bytes: UInt64, announced: UInt64)? {
    let (announced, isHuge) = superblock.blockCount.multipliedReportingOverflow(by: UInt64(superblock.blockSize))
    let bytes = byteCount(ofDevice: 0)
    return isHuge || bytes < announced ? (bytes, isHuge ? .max : announced) : nil
  }
}
