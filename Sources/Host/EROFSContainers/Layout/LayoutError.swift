// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What is wrong with a container image, or cannot be made of it.
public enum LayoutError: Error, CustomStringConvertible {
  /// A file or blob, by its path in the layout or its digest, and why it cannot be used.
  case unusable(String, String)
  /// There is no image of this platform or name; those that there are.
  case noImage(wanted: String, found: [String])
  /// Several images could be meant.
  case ambiguous([String])
  /// Another blob has this content: the bytes are not those that the digest stands for.
  case digest(String, found: String)
  /// The blob has another size than its descriptor says, in bytes.
  case size(String, UInt64, wanted: UInt64)
  /// A layer, counted from 1, and why it cannot be unpacked.
  case layer(Int, digest: String, any Error)
  /// The caller wanted no more of it.
  case cancelled

  public var description: String {
    switch self {
    case .unusable(let what, let reason): "\(what): \(reason)"
    case .noImage(let wanted, let found):
      "there is no image \(wanted); there are \(found.isEmpty ? "none" : found.joined(separator: ", "))"
    case .ambiguous(let found): "which image is meant is not clear: there are \(found.joined(separator: ", "))"
    case .digest(let wanted, let found):
      "blob \(wanted): the content has another digest, \(found): it was changed, or is not complete"
    case .size(let digest, let size, let wanted):
      "blob \(digest): it has \(size) bytes, and its descriptor says \(wanted)"
    case .layer(let number, let digest, let error): "layer \(number) (\(digest)): \(error)"
    case .cancelled: "cancelled"
    }
  }
}
