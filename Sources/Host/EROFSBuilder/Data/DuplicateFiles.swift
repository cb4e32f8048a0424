// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import HostSupport

/// Regular files that are equal to one that is stored earlier. Only files of equal sizes are read for that.
struct DuplicateFiles {
  /// By number of the inode: the number of the first file that is equal.
  private(set) var originals: [Int: Int] = [:]

  init() {}

  init(_ build: BuildContext, _ progress: inout ProgressReporter) throws {
    var bySize: [UInt64: [Int]] = [:]
    for file in 0..<build.order.count {
      let size = build.size(of: file)
      if size > 0 { bySize[size, default: []].append(file) }
    }
    let candidates = build.storage.sorted(bySize.values.filter { $0.count > 1 }.flatMap { $0 }.sorted())
    progress.start(.comparing, total: candidates.reduce(0) { $0 + build.size(of: $1) })
    var next = candidates[...]
    var cutter: SegmentCutter?
    var parts: [ContentDigest] = []
    var first: [Key: Int] = [:]
    let (options, tree, order) = (build.options, build.tree, build.order)
    try OrderedWork<ContentJob, (ContentJob, ContentDigest)>.run(
      threads: build.threads, limit: build.memory,
      next: {
        while true {
          if let job = cutter?.next() { return (job, job.length) }
          guard let file = next.popFirst() else { return nil }
          cutter = SegmentCutter(file: file, size: build.size(of: file), ContentJob.Treatment(kind: .plain))
        }
      },
      worker: {
        let worker = ContentWorker(options, tree, order)
        return { ($0, try worker.digest(of: $0)) }
      },
      take: { job, digest in
        parts.append(digest)
        if job.isLast {
          let key = Key(size: build.size(of: job.file), digest: ContentDigest(parts))
          parts = []
          if let original = first[key] { originals[job.file] = original } else { first[key] = job.file }
        }
        try progress.advance(by: UInt64(job.length), written: 0)
      })
  }

  private struct Key: Hashable {
    let size: UInt64
    let digest: ContentDigest
  }
}
