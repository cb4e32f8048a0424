// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import SystemPackage

/// Why an image cannot be a source of another.
public struct LayerError: Error, CustomStringConvertible {
  /// The image.
  public let path: FilePath
  /// In the image, without a slash in front; nil if it is not about one file.
  public let file: [UInt8]?
  public let reason: String
  /// Whether the image could be a source if contents were copied.
  public let canBeCopied: Bool

  init(_ path: FilePath, file: [UInt8]? = nil, canBeCopied: Bool = false, _ reason: String) {
    (self.path, self.file, self.canBeCopied, self.reason) = (path, file, canBeCopied, reason)
  }

  init(_ error: ImageFile.OpenError) {
    let text = "\(error)"
    let start = "\(error.path): "
    self.init(error.path, text.hasPrefix(start) ? String(text.dropFirst(start.count)) : text)
  }

  public var description: String {
    guard let file else { return "\(path): \(reason)" }
    return "\(path): \(file.printablePath): \(reason)"
  }
}
