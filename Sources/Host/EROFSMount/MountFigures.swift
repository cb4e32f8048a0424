// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The figures of a mount: what it was asked for, and how much of that was decoded before.
///
/// A mount shows them as an extended attribute of its root, which is not listed, so that any process that may look at the
/// mount can read them.
public struct MountFigures: Sendable {
  public static let attributeName = "user.erofs.mount-figures"

  /// In the order in which they are shown: a word for programs, words for people, the number.
  public let values: [(key: String, text: String, value: UInt64)]

  init(_ counters: MountCounters, _ cache: ExtentCache.Counts, cacheLimit: Int) {
    values = [
      ("requests", "requests", counters.operations.load(ordering: .relaxed)),
      ("errors", "requests that failed", counters.errors.load(ordering: .relaxed)),
      ("reads", "reads", counters.reads.load(ordering: .relaxed)),
      ("read_bytes", "bytes read", counters.readBytes.load(ordering: .relaxed)),
      ("cache_hits", "extents found decoded", cache.hits),
      ("cache_waits", "of those, being decoded by another thread", cache.waits),
      ("cache_misses", "extents decoded", cache.misses),
      ("decoded_bytes", "bytes decoded", cache.decodedBytes),
      ("decode_ns", "nanoseconds of decoding", counters.decodeNanoseconds.load(ordering: .relaxed)),
      ("cache_evictions", "decoded extents given up", cache.evictions),
      ("cache_bytes", "bytes kept decoded", UInt64(cache.heldBytes)),
      ("cache_most_bytes", "bytes kept decoded at most", UInt64(cache.mostHeldBytes)),
      ("cache_limit", "bytes that may be kept", UInt64(cacheLimit)),
    ]
  }

  public var json: String { "{" + values.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}" }

  /// Figures as JSON, for people: a line each.
  public static func lines(ofJSON text: String) -> [String] {
    let words = Dictionary(uniqueKeysWithValues: MountFigures(MountCounters(), .init(), cacheLimit: 0).values.map { ($0.key, $0.text) })
    return text.dropFirst().dropLast().split(separator: ",").map { field in
      let parts = field.split(separator: ":").map { $0.filter { $0 != "\"" } }
      return "\(parts.last ?? "")  \(words[parts.first ?? ""] ?? parts.first ?? "")"
    }
  }

  /// The figures of the mount at a directory, as JSON; nil where none of this project's is.
  public static func json(at directory: FilePath) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = directory.withPlatformString { path in
      #if os(Linux)
        getxattr(path, attributeName, &buffer, buffer.count)
      #else
        getxattr(path, attributeName, &buffer, buffer.count, 0, 0)
      #endif
    }
    return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
  }
}
