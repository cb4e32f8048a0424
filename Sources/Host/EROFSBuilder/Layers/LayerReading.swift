// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree

/// The tree of one layer.
struct LayerReading {
  private let layer: ImageLayer
  /// Of the layer's device in the merged image.
  private let number: Int
  private let mode: LayerMerge.Contents
  private let reader: ImageReader
  private let contents: ImageContents
  /// By NID: directories of this layer.
  private var directories: [UInt64: Tree.EntryID] = [:]
  /// By NID: what has been put into the tree.
  private var inodes: [UInt64: Tree.InodeID] = [:]

  private static let overlayPrefix = "trusted.overlay."

  /// - Parameter contents: of the layer's image, if there is something for them already.
  init(_ layer: ImageLayer, number: Int, _ mode: LayerMerge.Contents, _ contents: ImageContents? = nil) {
    (self.layer, self.number, self.mode) = (layer, number, mode)
    reader = layer.origin.reader()
    self.contents = contents ?? ImageContents(layer.origin)
  }

  mutating func read() throws -> Tree {
    var tree = Tree()
    let path = layer.origin.path
    let root = try reader.volume.inode(layer.origin.superblock.rootNID)
    guard root.kind == .directory else { throw LayerError(path, file: [], "the root is no directory") }
    try reader.forEachNode(
      from: root, onError: { file, error in throw LayerError(path, file: file, "\(error)") as any Error },
      { node in
        do { try put(node, into: &tree) } catch let error as EROFSError {
          throw LayerError(path, file: node.path, "\(error)")
        }
      })
    return tree
  }

  private func failure(_ node: TreeNode, canBeCopied: Bool = false, _ reason: String) -> LayerError {
    LayerError(layer.origin.path, file: node.path, canBeCopied: canBeCopied, reason)
  }

  // MARK: Names

  private mutating func put(_ node: TreeNode, into tree: inout Tree) throws {
    let inode = node.inode
    guard !node.path.isEmpty else {
      directories[inode.nid] = Tree.root
      tree.replaceMetadata(of: Tree.root, metadata(inode), attributes: try attributes(node))
      return
    }
    guard let parent = directories[node.parent] else { throw failure(node, "its directory was not read") }
    if let known = inodes[inode.nid] {
      try tree.link(node.name, in: parent, to: known)
      return
    }
    let attributes = try attributes(node)
    if inode.kind == .directory {
      if directories[inode.nid] != nil { throw failure(node, "the directory has two names") }
      directories[inode.nid] = try tree.put(node.name, in: parent, metadata(inode), attributes: attributes)
      return
    }
    let target = inode.kind == .symbolicLink ? try reader.target(of: inode) : []
    let content = inode.kind == .regular && inode.size > 0 ? try content(node) : nil
    let entry = try tree.put(
      node.name, in: parent, metadata(inode), content: content, target: target, attributes: attributes)
    inodes[inode.nid] = tree.inode(of: entry)
  }

  // MARK: Metadata

  private func metadata(_ inode: Inode) -> Metadata {
    let (seconds, nanoseconds) = inode.modificationTime
    var metadata = Metadata(
      kind: inode.kind, permissions: inode.permissions, user: inode.userID, group: inode.groupID,
      time: Time(seconds: seconds, nanoseconds: min(nanoseconds, 999_999_999)))
    if let device = inode.deviceNumber { metadata.device = .init(major: device.major, minor: device.minor) }
    return metadata
  }

  private static func has(_ name: String, _ attributes: [ExtendedAttribute]) -> Bool {
    attributes.contains { $0.name.elementsEqual((overlayPrefix + name).utf8) }
  }

  private func attributes(_ node: TreeNode) throws -> [ExtendedAttribute] {
    let found = try reader.attributes(of: node.inode).filter { !$0.isDigest }
      .map { ExtendedAttribute(name: $0.name, value: $0.value) }
    for name in ["redirect", "metacopy"] where Self.has(name, found) {
      throw failure(
        node,
        "it has the attribute \(Self.overlayPrefix)\(name), by which overlayfs takes it from somewhere else; "
          + "layers that were written without redirect_dir and metacopy can be merged")
    }
    return found
  }

  // MARK: Contents

  private func content(_ node: TreeNode) throws -> Content {
    let inode = node.inode
    let copy = Content.foreign(contents, number: inode.nid, size: inode.size)
    if mode == .copied { return copy }
    let found = try layer.origin.contents(of: inode, reader)
    if found.obstacle == .compressed {
      throw failure(node, canBeCopied: true, "it is compressed, so that no image can refer to its content")
    }
    var (content, end) = (ReferredContent(size: inode.size, pieces: []), found.end)
    for run in found.runs {
      // One on the image itself, while the layer's device is another.
      guard let place = layer.byte(of: run.place) else {
        end = run.offset
        break
      }
      content.pieces.append(.init(offset: run.offset, length: run.length, device: number, place: place))
    }
    if end == inode.size { return .referred(content) }
    // All that is stored elsewhere is stored again, if it is no more than the end of a file.
    if content.pieces.isEmpty, end == 0 { return copy }
    guard inode.size - end <= UInt64(layer.origin.superblock.blockSize) else {
      throw failure(node, canBeCopied: true, "its content is not all on one device")
    }
    content.tail = try reader.bytes(of: inode, at: end, count: Int(inode.size - end))
    return .referred(content)
  }
}
