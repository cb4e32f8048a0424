// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport
import SystemPackage

/// Why nothing could be extracted: what is to be extracted is not there, or the target directory cannot be used.
public enum ExtractError: Error, Sendable, CustomStringConvertible {
  /// The path in the image leads nowhere, or the image is damaged there.
  case source(TreeError)
  /// The directory cannot be made, opened or read.
  case target(FilePath, Errno)
  /// This extractor has extracted something, or does so now.
  case usedBefore

  public var description: String {
    switch self {
    case .source(let error): "\(error)"
    case .target(let path, let error): "\(path): \(error)"
    case .usedBefore: "an extractor extracts once; make another one for this"
    }
  }
}

extension Extractor {
  /// Extracts what is at a path of the image: the content of a directory into `directory`, anything else to a file of its
  /// own name in it. Symbolic links before the last name are followed inside the image.
  ///
  /// It returns when everything is done. If the task that calls it is cancelled meanwhile, it ends early as by ``stop()``.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root of the image.
  ///   - directory: created if it does not exist; its parent must exist.
  /// - Returns: what was extracted; errors with single files are reported and counted.
  /// - Throws: ``ExtractError`` if there is nothing to extract, the directory cannot be used, or this extractor has been used
  ///   before, and `CancellationError` if
  ///   the task was cancelled; what was in an empty directory by then is removed again.
  @discardableResult
  public func extract(_ path: String = "/", into directory: String) throws -> ExtractSummary {
    try extract(Array(path.utf8), into: FilePath(directory))
  }

  /// The same for paths that need not be UTF-8.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root of the image.
  ///   - directory: created if it does not exist; its parent must exist.
  @discardableResult
  public func extract(_ path: [UInt8], into directory: FilePath) throws -> ExtractSummary {
    try withUnsafeCurrentTask { task in
      guard task?.isCancelled != true else { throw CancellationError() }
      let (root, name) = try source(path)
      guard log.begin() else { throw ExtractError.usedBefore }
      log.watch(task)
      defer { log.watch(nil) }
      let summary: ExtractSummary
      do throws(Errno) { summary = try perform(root, name: name, into: directory) } catch {
        throw ExtractError.target(directory, error)
      }
      if summary.isStopped, task?.isCancelled == true { throw CancellationError() }
      return summary
    }
  }

  /// The same on a thread of its own, so that the task does not keep others from running.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root of the image.
  ///   - directory: created if it does not exist; its parent must exist.
  @discardableResult
  public func extract(_ path: String = "/", into directory: String) async throws -> ExtractSummary {
    try Task.checkCancellation()
    return try await withTaskCancellationHandler {
      let result: Result<ExtractSummary, any Error> = await withCheckedContinuation { continuation in
        Threads.start { [self] in
          continuation.resume(returning: Result { try extract(Array(path.utf8), into: FilePath(directory)) })
        }
      }
      let summary = try result.get()
      if summary.isStopped { try Task.checkCancellation() }
      return summary
    } onCancel: {
      stop()
    }
  }

  private func source(_ path: [UInt8]) throws(ExtractError) -> (EROFS.Inode, name: [UInt8]) {
    let reader = ImageReader(image, superblock, limit: limit)
    do throws(TreeError) {
      let file = try reader.file(at: path, followsLast: false)
      let name = path.split(separator: 0x2F).last.map { Array($0) } ?? []
      return (file.inode, name)
    } catch { throw .source(error) }
  }
}
