// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import SystemPackage

/// One tree of several images, each a layer over those before it, as overlayfs shows them: see `Tree.addLayer(_:)`.
///
/// What only overlayfs understands stays in the tree, so that an image of it can itself be a layer;
/// `Tree.stripOverlayMetadata()` removes it.
public struct LayerMerge {
  /// What becomes of the contents of files.
  public enum Contents: Sendable, Hashable {
    /// They stay in the images, which are the extra devices of an image of the tree, ``LayerMerge/devices``. That needs files
    /// that are not compressed; the last bytes of files, where they are beside inodes, are stored.
    case referred
    /// They are read from the images when an image is made of the tree.
    case copied
    /// As `referred`, for an image that has room for them but gets them later: ``BuildOptions/reserved``.
    case reserved
  }

  let layers: [ImageLayer]
  private let contents: Contents

  /// Opens the images.
  ///
  /// - Parameters:
  ///   - paths: the lowest layer first; one at least.
  ///   - contents: what becomes of the contents of files.
  /// - Throws: ``LayerError`` also if contents stay where they are and the images have blocks of different sizes.
  public init(_ paths: [FilePath], contents: Contents) throws(LayerError) {
    precondition(!paths.isEmpty)
    var layers: [ImageLayer] = []
    for path in paths { layers.append(try ImageLayer(ImageOrigin(path), isDevice: contents != .copied)) }
    self.layers = layers
    self.contents = contents
    for layer in layers where contents != .copied && layer.origin.superblock.blockSize != blockSize {
      throw LayerError(
        layer.origin.path, canBeCopied: true,
        "it has blocks of \(layer.origin.superblock.blockSize) bytes, and \(layers[0].origin.path) has blocks of "
          + "\(blockSize): images that another refers to must have the same")
    }
  }

  /// Bytes of a block of the lowest layer; if contents stay where they are, of all layers, and of any image that refers to
  /// them.
  public var blockSize: Int { layers[0].origin.superblock.blockSize }

  /// The devices that contents of the tree refer to: one for each layer, in their order.
  public var devices: [BuildOptions.ExtraDevice] { contents == .referred ? layers.compactMap(\.device) : [] }

  /// The layers' long prefixes of attributes' names, each once: an image can have ``BuildOptions/mostAttributePrefixes``.
  ///
  /// - Throws: ``LayerError``
  public func attributePrefixes() throws(LayerError) -> [[UInt8]] {
    var found: [[UInt8]] = []
    for layer in layers {
      for prefix in try layer.origin.attributePrefixes() where !found.contains(prefix) { found.append(prefix) }
    }
    return found
  }

  /// Reads all layers.
  ///
  /// - Throws: ``LayerError`` for what a layer has and a tree cannot have, or an image is corrupt, or it needs more work
  ///   than an image of its size can justify.
  public func read() throws(LayerError) -> Tree {
    var tree = Tree()
    for (index, layer) in layers.enumerated() {
      var reading = LayerReading(layer, number: index + 1, contents)
      do { try tree.addLayer(reading.read()) } catch let error as LayerError { throw error } catch {
        throw LayerError(layer.origin.path, "\(error)")
      }
    }
    tree.sort()
    return tree
  }
}

extension ImageOrigin {
  /// Its tree, whose contents are read from the image when another is made of it.
  ///
  /// - Throws: ``LayerError``, as ``LayerMerge/read()``.
  public func tree() throws(LayerError) -> Tree {
    do {
      var reading = LayerReading(try ImageLayer(self, isDevice: false), number: 1, .copied)
      return try reading.read()
    } catch let error as LayerError { throw error } catch { throw LayerError(path, "\(error)") }
  }
}

/// An image that is a layer, and the one device on which a merged image finds its contents.
struct ImageLayer {
  let origin: ImageOrigin
  /// nil if contents are copied.
  private(set) var device: BuildOptions.ExtraDevice?
  /// The byte of ``device`` where each of the image's devices begins, by their number; nil for those that are not there.
  private var starts: [UInt64?] = []

  init(_ origin: ImageOrigin, isDevice: Bool) throws(LayerError) {
    self.origin = origin
    guard isDevice else { return }
    let size = UInt64(origin.superblock.blockSize)
    let tag = origin.uuid.flatMap { byte -> [UInt8] in
      let digits = Array("0123456789abcdef".utf8)
      return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    let slots = origin.devices
    if slots.isEmpty {
      device = .init(tag: tag, blocks: origin.superblock.blockCount, path: origin.path)
      starts = [0]
    } else if let end = origin.unifiedBlocks, origin.image.byteCount(ofDevice: 0) / size >= end {
      // The devices follow the image in its own file.
      device = .init(tag: tag, blocks: end, path: origin.path)
      starts = [0] + slots.map { $0.firstBlock * size }
    } else if slots.count == 1 {
      device = .init(tag: slots[0].tag.isEmpty ? tag : slots[0].tag, blocks: slots[0].blocks)
      starts = [nil, 0]
    } else {
      throw LayerError(
        origin.path,
        "it has \(slots.count) extra devices that are not in its file; a layer can have one, or all in its file")
    }
  }

  /// The byte of ``device`` where a place of the image is; nil if it is not there.
  func byte(of place: ImageOrigin.Place) -> UInt64? {
    guard starts.indices.contains(place.device), let start = starts[place.device] else { return nil }
    return start + place.address
  }
}
