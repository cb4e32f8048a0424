// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import HostSupport

extension LayoutUnpacking {
  /// Contents in an archive begin at multiples of this.
  static let archiveBlockSize = 512

  /// The layers' archives, and an image of metadata over them.
  func keepArchives(
    _ stacks: [LayerStack], _ layout: ImageLayout, _ options: BuildOptions, in folder: OutputFolder,
    _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> [UnpackedImage] {
    for stack in stacks {
      guard case .archive = stack.layer.kind else {
        throw LayoutError.unusable("layer \(stack.number)", "it is an image, and no archive that could be kept")
      }
    }
    var options = options
    (options.blockSize, options.devices) = (Self.archiveBlockSize, [])
    var tree = Tree()
    var (archives, checks): ([UnpackedImage], [LayerCheck]) = ([], [])
    try readLayers(
      stacks, of: layout, min(max(1, options.threads ?? Threads.available), stacks.count), options, progress,
      output: { try folder.makeFolder("\($0)").appending("layer.tar") },
      read: { ($0.output, try $0.archiveTree(device: $0.number)) },
      take: { path, archive in
        // Linux wants at least a block.
        let blocks = max(1, archive.byteCount / UInt64(Self.archiveBlockSize))
        options.devices.append(.init(blocks: blocks, path: folder.published(path)))
        archives.append(
          UnpackedImage(path: path, layer: archives.count + 1, imageBytes: archive.byteCount, hashTree: nil))
        checks.append(archive.check)
        try tree.addLayer(archive.tree)
      })
    tree.stripOverlayMetadata()
    let path = archives.last!.path.removingLastComponent().appending("fsmeta.erofs")
    let image = try Self.build(
      tree, options, at: path, layer: nil,
      beforeNaming: { for (stack, check) in zip(stacks, checks) { try stack.naming { try check.finish() } } }, progress)
    return archives + [image]
  }
}
