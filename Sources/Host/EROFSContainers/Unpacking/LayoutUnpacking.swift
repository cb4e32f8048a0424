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
    /// As `layers`, and beside the last layer an image of metadata, `fsmeta.erofs`, that shows what overlayfs would show of
    /// all layers, which are its devices, the lowest first.
    case metadata
    /// As `metadata`, with the layers' archives, as they are when they are decompressed, in place of images: `layer.tar`,
    /// without `.erofslayer`. The image of metadata has blocks of 512 bytes, and refers to the archives. An archive that is
    /// not compressed is the layout's own file, by a further name, if both are on one file system; such a file must not be
    /// changed.
    case archives
    /// One image with all of it.
    case merged
  }

  public var form = Form.layers
  /// What the images shall be like; UUIDs, devices, and whether there are hash trees are up to this. Threads and memory are
  /// those of all layers together: half of the memory is for layers that are decompressed in it, those for which there is not
  /// enough are decompressed to a file without a name. nil for 512 MiB.
  public var options = BuildOptions()
  /// Whether hashes for dm-verity follow each image in its file. What they lead to is then in a file beside it, with
  /// `.dmverity` after its name.
  public var hasHashTrees = false
  public var log = ContainerLog.none

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

    fileprivate func moved(_ path: FilePath) -> Self {
      UnpackedImage(path: path, layer: layer, imageBytes: imageBytes, hashTree: hashTree)
    }
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
    let options = try checkedOptions()
    let stacks = try LayerStack.all(of: manifest)
    let clock = ContinuousClock()
    let start = clock.now
    do {
      let images = try unpack(stacks, layout, options, at: output, progress)
      log(
        .info, "unpacked",
        [
          "manifest": "\(manifest.digest)", "form": form.rawValue, "layers": "\(stacks.count)",
          "bytes": "\(images.reduce(0) { $0 + $1.imageBytes })", "duration": "\(clock.now - start)",
        ])
      return images
    } catch BuildError.cancelled { throw LayoutError.cancelled }
  }

  private func unpack(
    _ stacks: [LayerStack], _ layout: ImageLayout, _ options: BuildOptions, at output: FilePath,
    _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> [UnpackedImage] {
    if form == .merged { return [try merge(stacks, layout, options, at: output, progress)] }
    let folder = try OutputFolder(output)
    if form == .archives {
      let images = try keepArchives(stacks, layout, options, in: folder, progress)
      try folder.publish()
      return images.map { $0.moved(folder.published($0.path)) }
    }
    var images = try unpack(stacks, layout, options, in: folder, progress)
    if form == .metadata { images.append(try makeMetadata(images, options, in: folder, progress)) }
    try folder.publish()
    return images.map { $0.moved(folder.published($0.path)) }
  }

  /// The options, if they suit one another and the form.
  func checkedOptions() throws -> BuildOptions {
    if form == .metadata || form == .archives, !options.encodings.isEmpty {
      throw LayoutError.unusable(
        "compression", "the layers would be compressed, and then no image of metadata can refer to them")
    }
    if form == .archives, hasHashTrees {
      throw LayoutError.unusable("hashes", "those of the image of metadata would say nothing of the archives")
    }
    var options = self.options
    options.hasHashTree = hasHashTrees
    try options.check()
    return options
  }

  /// Half of the memory is for what is decompressed, the other half for what is encoded.
  private static func memory(_ options: BuildOptions) -> Int { options.memory.map { $0 / 2 } ?? 256 << 20 }

  // MARK: Layers

  private func unpack(
    _ stacks: [LayerStack], _ layout: ImageLayout, _ options: BuildOptions, in folder: OutputFolder,
    _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> [UnpackedImage] {
    let all = max(1, options.threads ?? Threads.available)
    let parallel = min(all, stacks.count)
    var shared = options
    // A layer that is the last at work can use all processors; encoders take memory for each thread.
    shared.threads = options.encodings.isEmpty ? all : max(1, all / parallel)
    shared.memory = Self.memory(options) / parallel
    let own = shared
    var images: [UnpackedImage] = []
    try readLayers(
      stacks, of: layout, parallel, options, progress,
      output: { try folder.makeFolder("\($0)").appending("layer.erofs") },
      read: { source in
        let image = try source.makeImage(own)
        try folder.write([], at: source.output.removingLastComponent().appending(".erofslayer"))
        try writeRoot(of: image, in: folder)
        return image
      },
      take: { images.append($0) })
    return images
  }

  /// Reads layers side by side.
  ///
  /// - Parameters:
  ///   - output: of a layer, by its number.
  ///   - take: is given what `read` makes of the layers, the lowest first.
  func readLayers<Result: Sendable>(
    _ stacks: [LayerStack], of layout: ImageLayout, _ parallel: Int, _ options: BuildOptions,
    _ progress: @escaping @Sendable (Progress) -> Bool, output: @escaping @Sendable (Int) throws -> FilePath,
    read: @escaping @Sendable (LayerSource) throws -> Result, take: (Result) throws -> Void
  ) throws {
    var next = 0
    let log = log
    let room = MemoryRoom(Self.memory(options))
    let hasThreads = (options.threads ?? Threads.available) > 1
    try OrderedWork<Int, Result>.run(
      threads: parallel, limit: parallel,
      next: {
        defer { next += 1 }
        return next < stacks.count ? (next, 1) : nil
      },
      worker: {
        { index in
          let (stack, number, clock) = (stacks[index], index + 1, ContinuousClock())
          let start = clock.now
          return try stack.naming {
            let source = LayerSource(
              stack, layout, number: number, output: try output(number), room: room, hasThreads: hasThreads
            ) { done, total in
              progress(Progress(layer: number, done: done, total: total))
            }
            let result = try read(source)
            let digest = "\(stack.layer.descriptor.digest)"
            log(.info, "layer read", ["layer": "\(number)", "digest": digest, "duration": "\(clock.now - start)"])
            return result
          }
        }
      },
      take: take)
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
    var tree = Tree()
    let parallel = min(max(1, options.threads ?? Threads.available), stacks.count)
    var checks: [LayerCheck?] = []
    try readLayers(
      stacks, of: layout, parallel, options, progress, output: { _ in output }, read: { try $0.tree() },
      take: { layer in
        checks.append(layer.check)
        try tree.addLayer(layer.tree)
      })
    tree.stripOverlayMetadata()
    var options = options
    options.memory = Self.memory(options)
    func finishChecks() throws {
      for (stack, check) in zip(stacks, checks) { try stack.naming { try check?.finish() } }
    }
    // A device has its name already.
    if OutputFile.isBlockDevice(output) { try finishChecks() }
    let image = try Self.build(tree, options, at: output, layer: nil, beforeNaming: finishChecks, progress)
    try writeRoot(of: image, in: nil)
    return image
  }

  static func build(
    _ tree: consuming Tree, _ options: BuildOptions, at path: FilePath, layer: Int?,
    beforeNaming: () throws -> Void = {}, _ progress: @escaping @Sendable (Progress) -> Bool
  ) throws -> UnpackedImage {
    let summary = try ImageBuilder(options).build(tree, at: path, beforeNaming: beforeNaming) { state in
      progress(Progress(layer: layer ?? 0, done: state.done, total: state.total))
    }
    return UnpackedImage(path: path, layer: layer, imageBytes: summary.imageBytes, hashTree: summary.hashTree)
  }
}
