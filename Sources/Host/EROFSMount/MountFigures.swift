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

/// What a mount has done since its start: requests, and how much was decoded for them.
///
/// A mount shows them as an extended attribute of its root, which it does not list, so any process that may access the
/// mount can read them.
public struct MountFigures: Sendable {
  public static let attributeName = "user.erofs.mount-figures"

  /// In the order in which they are shown: a key for programs, a text for people, the number.
  public let values: [(key: String, text: String, value: UInt64)]

  init(_ counters: MountCounters, _ cache: ExtentCache.Counts, cacheLimit: Int) {
    values = [
      ("requests", "requests", counters.operations.load(ordering: .relaxed)),
      ("errors", "requests that failed", counters.errors.load(ordering: .relaxed)),
      ("reads", "reads", counters.reads.load(ordering: .relaxed)),
      ("read_bytes", "bytes read", counters.readBytes.load(ordering: .relaxed)),
      ("cache_hits", "extents found in the cache", cache.hits),
      ("cache_waits", "of those, decoded meanwhile by another thread", cache.waits),
      ("cache_misses", "extents decoded", cache.misses),
      ("ahead", "of those, decoded before they were read", cache.ahead),
      ("ahead_used", "of those, read since", cache.aheadUsed),
      ("ahead_wasted", "removed from the cache without that", cache.aheadWasted),
      ("decoded_bytes", "bytes decoded", cache.decodedBytes),
      ("decode_ns", "nanoseconds of decoding", counters.decodeNanoseconds.load(ordering: .relaxed)),
      ("cache_evictions", "decoded extents removed from the cache", cache.evictions),
      ("cache_bytes", "bytes in the cache", UInt64(cache.heldBytes)),
      ("cache_most_bytes", "most bytes in the cache so far", UInt64(cache.mostHeldBytes)),
      ("cache_limit", "bytes that the cache may hold", UInt64(cacheLimit)),
    ]
  }

  public var json: String { "{" + values.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}" }

  /// Figures for people, made from those for programs: a line each. Nil if the text is not what ``json`` returns: an image
  /// may contain an attribute of this name.
  public static func lines(ofJSON text: String) -> [String]? {
    let known = MountFigures(MountCounters(), .init(), cacheLimit: 0).values
    let words = Dictionary(uniqueKeysWithValues: known.map { ($0.key, $0.text) })
    guard text.hasPrefix("{"), text.hasSuffix("}"), text.count > 2 else { return nil }
    var rows: [(number: String, text: String)] = []
    for field in text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false) {
      let parts = field.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0].count > 2, let number = UInt64(parts[1]),
        let text = words[String(parts[0].dropFirst().dropLast())]
      else { return nil }
      rows.append(("\(number)", text))
    }
    let width = rows.map(\.number.count).max() ?? 0
    return rows.map { String(repeating: " ", count: width - $0.number.count) + $0.number + "  " + $0.text }
  }

  /// The figures of the mount at a directory, as JSON; nil if no image is mounted there by this module.
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
