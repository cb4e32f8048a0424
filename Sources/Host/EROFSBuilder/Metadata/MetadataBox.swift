// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders
import HostSupport

/// The metabox (Documentation/Format.md, section 15): the inodes of the tree as the content of one compressed file.
enum MetadataBox {
  /// Encodes all of `spool`.
  ///
  /// - Returns: what the metabox's inode has to say of it.
  static func encode(
    _ spool: SpoolFile, _ build: BuildContext, _ sink: inout BlockSink
  ) throws -> FileIndex.Content {
    let treatment = build.options.metaboxTreatment
    var segments = SegmentCutter(file: 0, size: spool.count, treatment)
    var extents: [StoredExtent] = []
    let (options, tree, order) = (build.options, build.tree, build.order)
    try OrderedWork<ContentJob, ContentResult>.run(
      threads: build.threads, limit: build.memory, next: { segments.next().map { ($0, 2 * $0.length + 4096) } },
      worker: {
        let worker = ContentWorker(options, tree, order)
        return { job in
          var bytes = [UInt8](repeating: 0, count: job.length)
          try bytes.withUnsafeMutableBytes { try spool.read(into: $0, at: job.offset) }
          return try bytes.withUnsafeBytes { try worker.encode(job, $0) }
        }
      },
      take: { result in
        let base = sink.position
        for var extent in result.segment.extents {
          extent.address += base
          extents.append(extent)
        }
        try sink.write(result.segment.stored)
      })
    try sink.align(to: UInt64(options.blockSize))
    var content = FileIndex.Content(size: spool.count, extents: extents)
    let format = options.encoding(at: treatment.encoding).algorithm.format
    content.algorithms = (format, format)
    return content
  }
}

extension BuildOptions {
  /// Of ``Metabox/encoding``, which has the place after ``encodings``.
  func encoding(at place: Int) -> Encoding {
    if place < encodings.count { return encodings[place] }
    return metabox?.encoding ?? encodings[0]
  }

  /// With that of the metabox.
  var allEncodings: [Encoding] { encodings + (metabox?.encoding.map { [$0] } ?? []) }

  var metaboxTreatment: ContentJob.Treatment {
    ContentJob.Treatment(
      kind: .compressed, encoding: metabox?.encoding == nil ? 0 : encodings.count,
      clusterSize: metabox?.clusterSize ?? blockSize)
  }
}
