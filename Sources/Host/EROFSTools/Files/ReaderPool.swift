// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport
import Synchronization

/// Readers of one image for any number of tasks: each task gets one that no other uses meanwhile.
///
/// A reader has memory of its own to decode in, so two tasks cannot share one. The pool keeps those that are not in use.
public final class ReaderPool: Sendable {
  /// The image.
  public let image: ImageFile
  /// The image's superblock.
  public let superblock: Superblock
  private let limit: WorkLimit?
  private let mostIdle: Int
  private struct Idle: @unchecked Sendable { var readers: [ImageReader] = [] }
  private let idle = Mutex(Idle())

  /// - Parameters:
  ///   - image: the open image.
  ///   - limit: what all readers together count their work against; nil for none.
  ///   - mostIdle: readers that are kept while they are not in use; nil means one for each processor.
  /// - Throws: if it is no EROFS image, or one that needs what this version does not have.
  public init(_ image: ImageFile, limit: WorkLimit? = nil, mostIdle: Int? = nil) throws(EROFSError) {
    self.image = image
    self.limit = limit
    self.mostIdle = max(0, mostIdle ?? Threads.available)
    superblock = try Superblock(reading: image)
  }

  /// Readers that are not in use.
  var idleCount: Int { idle.withLock { $0.readers.count } }

  /// Runs `body` with a reader that nothing else uses meanwhile.
  ///
  /// - Parameter body: must not keep the reader.
  public func withReader<Result, Failure: Error>(
    _ body: (ImageReader) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    let reader = take()
    defer { give(reader) }
    return try body(reader.reader)
  }

  /// The content of the file at a path, in pieces: for files that are not to be in memory as a whole.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root; symbolic links are followed.
  ///   - count: bytes in a piece, the last one excepted; at least 1.
  /// - Throws: as ``ImageReading/file(at:followsLast:)-(String,_)``.
  public func chunks(of path: String, count: Int = 1 << 16) throws(TreeError) -> FileChunks {
    let file = try withReader { (reader) throws(TreeError) in try reader.file(at: path) }
    return chunks(of: file, count: count)
  }

  /// The content of a file, in pieces.
  ///
  /// - Parameters:
  ///   - file: a file of this pool's image.
  ///   - count: bytes in a piece, the last one excepted; at least 1.
  public func chunks(of file: TreeFile, count: Int = 1 << 16) -> FileChunks {
    FileChunks(pool: self, file: file, count: max(1, count))
  }

  /// A reader on its way between tasks.
  struct Taken: @unchecked Sendable { let reader: ImageReader }

  func take() -> Taken {
    if let reader = idle.withLock({ idle in idle.readers.popLast().map { Taken(reader: $0) } }) { return reader }
    return Taken(reader: ImageReader(image, superblock, limit: limit))
  }

  func give(_ taken: Taken) {
    idle.withLock { if $0.readers.count < mostIdle { $0.readers.append(taken.reader) } }
  }
}

/// The content of a file as a sequence of pieces. Each loop over it reads the file from its start, with a reader of its own,
/// and ends with `CancellationError` when its task is cancelled.
public struct FileChunks: AsyncSequence, Sendable {
  let pool: ReaderPool
  /// The file.
  public let file: TreeFile
  let count: Int

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// One loop over the pieces. It decodes in the task that asks for the next piece.
  public struct Iterator: AsyncIteratorProtocol {
    /// Gives the reader back when the loop has ended, wherever that was.
    private final class Held {
      let pool: ReaderPool
      let taken: ReaderPool.Taken

      init(_ pool: ReaderPool) {
        self.pool = pool
        taken = pool.take()
      }

      deinit { pool.give(taken) }
    }

    private let chunks: FileChunks
    private var held: Held?
    private var position: UInt64 = 0
    private var isOver = false

    init(_ chunks: FileChunks) { self.chunks = chunks }

    public mutating func next() async throws -> [UInt8]? {
      try await next(isolation: #isolation)
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> [UInt8]? {
      // As of any sequence, nothing comes after its end, nor after an error.
      if isOver { return nil }
      do {
        try Task.checkCancellation()
        let held = held ?? Held(chunks.pool)
        self.held = held
        let bytes = try held.taken.reader.read(chunks.file, at: position, count: chunks.count)
        position += UInt64(bytes.count)
        guard !bytes.isEmpty else {
          finish()
          return nil
        }
        return bytes
      } catch {
        finish()
        throw error
      }
    }

    private mutating func finish() {
      isOver = true
      held = nil
    }
  }
}
