// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import HostSupport
import SystemPackage

/// Makes EROFS images of the layers of a container image.
///
/// Several may be at work at once in a process: they share nothing, and write only beside and below their output. Memory for
/// contents is bounded by ``options``; names take about 120 bytes for each file of the layers that are read at once.
public struct LayoutUnpacking: Sendable {
  /// What is made.
  public enum Form: String, Sendable, CaseIterable {
    /// A directory with a directory for each layer, named 1 (the lowest), 2 and so on, in which are the layer's image,
    /// `layer.erofs`, and the empty file `.erofslayer`, as containerd's snapshotter has them. Whiteouts are overlayfs's.
    case layers
    /// As `layers`, and beside the last layer an image of metadata, `fsmeta.erofs`, that shows what overlayfs would show of all
    /// layers, which are its devices, the lowest first.
    case metadata
    /// One image with all of it.
    case merged
  }

  public var form = Form.layers
  /// What the images shall be like; UUIDs, devices, and whether there are hash trees are up to this. Threads and memory are
  /// those of all layers together.
  public var options = BuildOptions()
  /// Whether hashes for dm-verity follow each image in its file. What they lead to is then in a file beside it, with
  /// `.dmverity` after its name.
  public var hasHashTrees = false

  public init() { options.inlinesData = false }

  /// How far it is. Called on any thread, some times a second at most for each layer.
  public struct Progress: Sendable {
    /// From 1 on; 0 for an image of all layers.
    public let layer: Int
    /// Bytes that are done, and all of this stage.
    public let done: UInt64
    public let total: UInt64
  }

  /// An image that was made.
  public struct UnpackedImage: Sendable {
    public let path: FilePath
    /// From 1 on; nil for an image of all layers.
    public let layer: Int?
    /// Bytes, without hashes.
    public let imageBytes: UInt64
    public let hashTree: HashTree?
  }

  /// Reads the layers, several at once, and makes the images.
  ///
  /// The output appears under its name when all of it is complete; until then there is a directory beside it with a name of
  /// its own, or nothing at all.
  ///
  /// - Parameters:
  ///   - manifest: an image of `layout`.
  ///   - layout: where its blobs are.
  ///   - output: a directory that must not be there yet, or with `merged` a file, which may be replaced.
  ///   - progress: may return false to end it with ``LayoutError/cancelled``.
  /// - Returns: what was made, the lowest layer first, an image of all layers last.
  /// - Throws: ``LayoutError``, `OptionError`, or what the file system says about `output`.
  public func unpack(
    _ manifest: ImageManifest, of layout: ImageLayout, at output: FilePath,
    progress: @escaping @Sendable (Progress) -> Bool = { _ in true }
  ) throws -> [UnpackedImage] {
    if form == .metadata, !options.encodings.isEmpty {
      throw LayoutError.unusable(
        "compression", "the layers would be compressed, and then no image of metadata can refer to them")
    }
    var options = self.options
    options.hasHashTree = hasHashTrees
    try options.check()
    let stacks = try LayerStack.all(of: manifest)
    do {
      if form == .merged { return [try merge(stacks, layout, options, at: output, progress)] }
      let folder = try OutputFolder(output)
      var images = try unpack(stacks, layout, options, in: folder, progress)
      if form == .metadata { images.append(try makeMetadata(images, options, in: folder, progress)) }
      try folder.publish()
      return images.map { image in
        UnpackedImage(
          path: folder.published(image.path), layer: image.layer, imageBytes: image.imageBytes, hashTree: image.hashTree
        )
      }
    } catch BuildError.cancelled { throw LayoutError.cancelled }
  }

  // MARK: Layers

  private func unpack(
    _ stacks: [LayerStack], _ layout: ImageLayout, _ options: BuildOptions, in folder: OutputFolder,
    _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> [UnpackedImage] {
    let all = max(1, options.threads ?? Threads.available)
    let parallel = min(all, stacks.count)
    var shared = options
    shared.threads = max(1, all / parallel)
    shared.memory = (options.memory ?? 256 << 20) / parallel
    let own = shared
    var next = 0
    var images: [UnpackedImage] = []
    try OrderedWork<Int, UnpackedImage>.run(
      threads: parallel, limit: parallel,
      next: {
        defer { next += 1 }
        return next < stacks.count ? (next, 1) : nil
      },
      worker: {
        { index in
          let stack = stacks[index]
          return try stack.naming {
            let path = try folder.makeFolder("\(index + 1)").appending("layer.erofs")
            let reading = LayerSource(stack, layout, besideOutputAt: path) { done, total in
              progress(Progress(layer: index + 1, done: done, total: total))
            }
            let image = try reading.makeImage(own, at: path, number: index + 1)
            try folder.write([], at: path.removingLastComponent().appending(".erofslayer"))
            try writeRoot(of: image, in: folder)
            return image
          }
        }
      },
      take: { images.append($0) })
    return images
  }

  /// As containerd's snapshotter reads it.
  private func writeRoot(of image: UnpackedImage, in folder: OutputFolder?) throws {
    guard let tree = image.hashTree else { return }
    let digest = BlobDigest(tree.rootDigest).digits
    let text = Array("{\"roothash\":\"\(digest)\",\"hashoffset\":\(tree.offset)}".utf8)
    let path = FilePath(image.path.string + ".dmverity")
    if let folder { return try folder.write(text, at: path) }
    try OutputFolder.write(text, at: path)
  }

  // MARK: Images of all layers

  private func makeMetadata(
    _ layers: [UnpackedImage], _ options: BuildOptions, in folder: OutputFolder,
    _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> UnpackedImage {
    let merge = try LayerMerge(layers.map(\.path), contents: .referred)
    var tree = try merge.read()
    tree.stripOverlayMetadata()
    var options = options
    (options.blockSize, options.devices) = (merge.blockSize, merge.devices)
    for index in options.devices.indices {
      options.devices[index].path = options.devices[index].path.map(folder.published)
    }
    options.attributePrefixes += try merge.attributePrefixes().prefix(BuildOptions.mostAttributePrefixes - 1)
    let path = layers.last!.path.removingLastComponent().appending("fsmeta.erofs")
    let image = try Self.build(tree, options, at: path, layer: nil, progress)
    try writeRoot(of: image, in: folder)
    return image
  }

  private func merge(
    _ stacks: [LayerStack], _ layout: ImageLayout, _ options: BuildOptions, at output: FilePath,
    _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> UnpackedImage {
    var (next, tree) = (0, Tree())
    let parallel = min(max(1, options.threads ?? Threads.available), stacks.count)
    try OrderedWork<Int, Tree>.run(
      threads: parallel, limit: parallel,
      next: {
        defer { next += 1 }
        return next < stacks.count ? (next, 1) : nil
      },
      worker: {
        { index in
          try stacks[index].naming {
            let reading = LayerSource(stacks[index], layout, besideOutputAt: output) { done, total in
              progress(Progress(layer: index + 1, done: done, total: total))
            }
            return try reading.tree()
          }
        }
      },
      take: { try tree.addLayer($0) })
    tree.stripOverlayMetadata()
    let image = try Self.build(tree, options, at: output, layer: nil, progress)
    try writeRoot(of: image, in: nil)
    return image
  }

  static func build(
    _ tree: consuming Tree, _ options: BuildOptions, at path: FilePath, layer: Int?,
    _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> UnpackedImage {
    let summary = try ImageBuilder(options).build(tree, at: path) { state in
      progress(Progress(layer: layer ?? 0, done: state.done, total: state.total))
    }
    return UnpackedImage(path: path, layer: layer, imageBytes: summary.imageBytes, hashTree: summary.hashTree)
  }
}
