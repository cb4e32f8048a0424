// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSMount
import EROFSTools

/// Text of what the library reports, with the option of the command that helps, which the library does not know.
///
/// - Parameter report: an error, a problem, or an event.
func advised(_ report: some CustomStringConvertible & Sendable) -> String {
  "\(report)" + (Advice(for: report)?.rawValue ?? "")
}

/// As ``advised(_:)``, for an error of any type.
func advised(_ error: any Error) -> String { "\(error)" + (Advice(for: error)?.rawValue ?? "") }

/// What ends a message: the option that helps.
private enum Advice: String {
  case offset = "; if the image starts later in the file, use --offset"
  case device = ": name it with --device"
  case limit = ": the rest is skipped (--no-limit reads it all, however long it takes)"
  case path = ": it is skipped, with everything below it"
  case content = " (--no-limit extracts them all)"
  case overwrite = " (--overwrite replaces it)"

  init?(for report: Any) {
    switch report {
    case EROFSError.corrupt(.magic, _): self = .offset
    case EROFSError.unsupported(.device, _): self = .device
    case EROFSError.unsupported(.work, _): self = .limit
    case EROFSError.unsupported(.pathLength, _), Problem.Cause.pathLength: self = .path
    case MountError.image(_, let error): self.init(for: error)
    case let error as EROFSTools.TreeError: self.init(for: error.error)
    case let problem as Problem: self.init(for: problem.cause)
    case Problem.Cause.image(let error): self.init(for: error)
    case ExtractEvent.failure(_, let failure): self.init(for: failure)
    case ExtractFailure.image(let cause): self.init(for: cause)
    case ExtractFailure.content: self = .content
    case ExtractFailure.exists: self = .overwrite
    default: return nil
    }
  }
}

extension ForeignContent {
  /// What it is, what to do, and the options for that.
  var advised: String {
    guard let first = offsets.first else { return text }
    return text + (offsets.count == 1 ? ": use --offset auto or --offset \(first)" : ": use --offset with one of them")
  }
}
