// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree

/// Regular files that are equal to one that is stored earlier. Only files of equal sizes are read for that.
struct DuplicateFiles {
  /// By number of the inode: the number of the first file that is equal.
  private(set) var originals: [Int: Int] = [:]

  init() {}

  init(_ build: BuildContext, _ progress: inout ProgressReporter) throws {
    var bySize: [UInt64: [Int]] = [:]
    for file in 0..<build.order.count where build.isStored(file) {
      bySize[build.size(of: file), default: []].append(file)
    }
    let candidates = build.storage.sorted(bySize.values.filter { $0.count > 1 }.flatMap { $0 }.sorted())
    progress.start(.comparing, total: candidates.reduce(0) { $0 + build.size(of: $1) })
    var source = JobSource(build, candidates) { _ in ContentJob.Treatment(kind: .plain) }
    var parts: [ContentDigest] = []
    var first: [Key: Int] = [:]
    try build.run(next: { try source.next() }, perform: { ($1, try $0.digest(of: $1)) }) { job, digest in
      parts.append(digest)
      if job.isLast {
        let key = Key(size: build.size(of: job.file), digest: ContentDigest(parts))
        parts = []
        if let original = first[key] { originals[job.file] = original } else { first[key] = job.file }
      }
      try progress.advance(by: UInt64(job.length), written: 0)
    }
  }

  private struct Key: Hashable {
    let size: UInt64
    let digest: ContentDigest
  }
}
