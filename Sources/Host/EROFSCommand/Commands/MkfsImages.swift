// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import HostSupport

extension MkfsRequest {
  /// A tree of images, each a layer over those before it. Their contents stay in them, or are copied.
  func readImages(_ paths: [RawArgument], _ warnings: MkfsWarnings, _ options: inout BuildOptions) throws -> Tree {
    let mode: LayerMerge.Contents =
      switch contents {
      case nil: addsToImage ? .copied : .referred
      case .stored: .copied
      // What is left out is not read.
      case .zeros: .copied
      case .reserved: addsToImage ? .copied : .reserved
      }
    do {
      let merge = try LayerMerge(paths.map(\.filePath), contents: mode)
      if !hasBlockSize, !addsToImage { options.blockSize = merge.blockSize }
      if mode != .copied {
        if goal != nil {
          throw MkfsError.usage("a search needs contents that are compressed: --clean=data copies those of images")
        }
        if options.blockSize != merge.blockSize {
          try warnings.add("-b has no effect: an image has blocks of the size that the images have to which it refers")
          options.blockSize = merge.blockSize
        }
        if !options.encodings.isEmpty {
          try warnings.add("-z has no effect without --clean=data: contents stay in the images")
          options.dropCompression()
        }
      }
      options.devices = merge.devices
      if mode == .reserved { options.reserved = BuildOptions.ReservedContents() }
      if options.sharedAttributeThreshold != nil, !addsToImage {
        let most = BuildOptions.mostAttributePrefixes - (options.digestAttribute == nil ? 0 : 1)
        for prefix in try merge.attributePrefixes()
        where !options.attributePrefixes.contains(prefix) && options.attributePrefixes.count < most {
          options.attributePrefixes.append(prefix)
        }
      }
      return try merge.read()
    } catch let error as LayerError {
      throw CommandError(error.canBeCopied ? "\(error): --clean=data copies contents" : "\(error)")
    }
  }
}

extension BuildOptions {
  /// All that only compression needs.
  mutating func dropCompression() {
    (encodings, secondEncoding, hints, metabox) = ([], nil, nil, nil)
    (clusterSize, packedClusterSize, extentLimit) = (nil, nil, nil)
    (packsTails, fragments, compressesDirectories, index) = (false, .none, false, .compact)
  }
}
