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
    var extents = RunList<StoredExtent>()
    try build.encode(asFile: 0, size: spool.count, treatment, read: { try spool.read(into: $0, at: $1) }) { result in
      let (placed, stored) = result.segment.placed(at: sink.position, blockSize: build.options.blockSize)
      for extent in placed { extents.append(extent) }
      try sink.write(stored)
    }
    try sink.align(to: UInt64(build.options.blockSize))
    var content = FileIndex.Content(size: spool.count, extents: extents.all)
    let format = build.options.encoding(at: treatment.encoding).algorithm.format
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
