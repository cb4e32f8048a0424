// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSBuilder
import EROFSContainers
import EROFSTools

struct OCI: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "oci", abstract: "Fetches container images, and makes images of them.",
    subcommands: [OCIPull.self, OCIUnpack.self, OCIConvert.self])
}

/// For which platform an image is taken, and what the images made of it are like.
struct LayerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Whose image is taken, if there are several. (default: linux, this machine)", valueName: "os/arch"))
  var platform: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Options of erofs mkfs for the images, as one word: \"-zlz4hc -C65536\".", valueName: "options"))
  var mkfs = ""

  func validate() throws {
    if let platform, ContainerPlatform(platform) == nil {
      throw ValidationError("--platform \(platform): it is written linux/arm64 or linux/arm/v7")
    }
    _ = try options()
  }

  /// Nil if none is named.
  var wanted: ContainerPlatform? { platform.flatMap { ContainerPlatform($0) } }

  /// All that mkfs has, except for what says where contents come from.
  func options() throws -> BuildOptions {
    let words = mkfs.split(separator: " ").map(String.init)
    do {
      guard case .request(let request) = try MkfsParser.parse(words + ["--", "image", "source"], sourceDate: nil),
        request.goal == nil, request.hints == nil, request.order == nil, request.blobDevice == nil,
        !request.addsToImage, request.contents == nil, !request.changesTree
      else { throw MkfsError.usage("these options are not for layers") }
      var options = try request.buildOptions()
      // As containerd has them: contents that can be referred to.
      if options.encodings.isEmpty { options.inlinesData = false }
      return options
    } catch { throw ValidationError("--mkfs: \(error)") }
  }
}

/// Which image of a layout on disk is taken.
struct LayoutOptions: ParsableArguments {
  @OptionGroup var layers: LayerOptions

  @Option(help: ArgumentHelp("The image's name in the layout, if it has several images.", valueName: "name"))
  var name: String?

  /// Runs `body` with the image of a layout; a signal ends it.
  func withImage<Result>(
    of layout: RawArgument, for output: RawArgument, _ body: (ImageLayout, ImageManifest) throws -> Result
  ) throws -> Result {
    Interruption.watch()
    do {
      let source = try ImageLayout(layout.filePath, besideOutputAt: output.filePath)
      return try body(source, source.manifest(for: layers.wanted, named: name))
    } catch {
      if case LayoutError.cancelled = error { Interruption.endBySignal() }
      throw CommandError("\(layout): \(error)")
    }
  }
}

struct OCIUnpack: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpack", abstract: "Makes EROFS images of the layers of a container image on disk.",
    discussion: """
      LAYOUT is an OCI image layout: a directory, or a tar archive of it, as docker save and skopeo copy make them. Layers \
      are tar archives, as they are or compressed, or EROFS images; what their digests say is checked.

      The form says what OUTPUT becomes. layers: a directory with a directory for each layer, 1 (the lowest), 2 and so on, \
      in which are layer.erofs, with the UUID that containerd's differ gives it, and .erofslayer. metadata: the same, and \
      beside the last layer fsmeta.erofs, which refers to all layers as its devices, the lowest first, and shows them as \
      overlayfs would. archives: in place of images, the layers' archives as they are when they are decompressed, \
      layer.tar, and fsmeta.erofs; one that is not compressed is the file in the layout, by a further name, where that is \
      possible. merged: an image that contains all of it.

      OUTPUT appears under its name when all of it is complete.
      """)

  enum Form: String, ExpressibleByArgument, CaseIterable { case layers, metadata, archives, merged }

  @Argument(help: "The image layout: a directory, or a tar archive.", completion: .file())
  var layout: RawArgument

  @Argument(help: "The directory that is made, or with --form merged the image.", completion: .file())
  var output: RawArgument

  @Option(help: "What is made: layers, metadata, archives or merged.")
  var form = Form.layers

  @OptionGroup var choice: LayoutOptions

  @Flag(
    help:
      "Append hashes for dm-verity to each image, and write what they lead to beside it, into a file with .dmverity after its name."
  )
  var verity = false

  @Flag(help: "Print what was made as JSON.")
  var json = false

  func run() throws {
    var unpacking = LayoutUnpacking()
    unpacking.form = .init(rawValue: form.rawValue)!
    unpacking.options = try choice.layers.options()
    unpacking.hasHashTrees = verity
    let wanted = unpacking
    let images = try choice.withImage(of: layout, for: output) { source, manifest in
      try wanted.unpack(manifest, of: source, at: output.filePath) { _ in !Interruption.isRequested }
    }
    Self.report(images, json: json)
  }

  /// Prints what was made.
  static func report(_ images: [LayoutUnpacking.UnpackedImage], json: Bool) {
    if json {
      let list = images.map { image -> JSON in
        [
          "path": .string("\(image.path)"), "layer": image.layer.map { JSON($0) } ?? .null,
          "image_bytes": JSON(image.imageBytes),
          "root_hash": image.hashTree.map { .string($0.rootDigest.digits) } ?? .null,
          "hash_offset": image.hashTree.map { JSON($0.offset) } ?? .null,
        ]
      }
      return StandardOutput.shared.write(text: JSON.array(list).text() + "\n")
    }
    for image in images {
      let root = image.hashTree.map { ", root hash \($0.rootDigest.digits)" } ?? ""
      StandardOutput.shared.write(text: "\(image.path): \(image.imageBytes.grouped) bytes\(root)\n")
    }
  }
}

struct OCIConvert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Makes an image layout whose layers are EROFS images.",
    discussion: """
      LAYOUT is as for erofs oci unpack. OUTPUT becomes a directory, an OCI image layout of one image, whose layers are EROFS \
      images and whose platform has the feature erofs. It appears under its name when it is complete. The digest of the new \
      manifest is printed.
      """)

  enum Kind: String, ExpressibleByArgument, CaseIterable { case containerd, draft }

  @Argument(help: "The image layout: a directory, or a tar archive.", completion: .file())
  var layout: RawArgument

  @Argument(help: "The directory that is made.", completion: .file())
  var output: RawArgument

  @Option(
    help: """
      The media type of the layers: containerd for application/vnd.erofs.layer.v1, draft for application/vnd.erofs, as the \
      draft of a specification of such layers has it.
      """)
  var type = Kind.containerd

  @OptionGroup var choice: LayoutOptions

  @Flag(help: "Append hashes for dm-verity to each layer, and state in its annotations what they lead to.")
  var verity = false

  func run() throws {
    var conversion = LayoutConversion()
    conversion.unpacking.options = try choice.layers.options()
    conversion.unpacking.hasHashTrees = verity
    if type == .draft { conversion.mediaType = "application/vnd.erofs" }
    let wanted = conversion
    let digest = try choice.withImage(of: layout, for: output) { source, manifest in
      try wanted.convert(manifest, of: source, at: output.filePath, named: choice.name) { _ in
        !Interruption.isRequested
      }
    }
    StandardOutput.shared.write(text: "\(digest)\n")
  }
}

extension [UInt8] {
  fileprivate var digits: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
