// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A C library that encodes and decodes the streams of one codec, with what it keeps between them.
protocol PeerLibrary: AnyObject {
  /// Name and version of the library that this process has loaded.
  static var library: String { get }
  /// The level that mkfs.erofs takes if it is not given one.
  static var defaultLevel: Int { get }
  /// Encodes `length` bytes as one extent; returns the bytes that it takes, 0 on failure.
  static func encode(
    _ input: UnsafeRawPointer, _ length: Int, _ output: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ level: Int
  ) -> Int

  init()
  /// As ``PeerDecoder/decode(_:into:)``.
  func decode(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool
}
