// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import PackageDescription

// Core builds for hosts, kernels and bare metal. Setting EROFS_EMBEDDED leaves only that part in the package, so that
// `swift build --triple …` does not look at what needs an operating system.
let embedded = Context.environment["EROFS_EMBEDDED"] != nil

// Setting EROFS_SMALL leaves Core and the tests of its decoders and its reader, and gives it the forms that small machines
// have. Where the decoders have others for 64-bit machines, those are never run on a host otherwise.
let small = Context.environment["EROFS_SMALL"] != nil

let core: [SwiftSetting] = [.strictMemorySafety()] + (small ? [.define("EROFS_SMALL")] : [])

/// Leaves out of embedded programs what page frames need.
let contiguous: SwiftSetting = .define("EROFS_CONTIGUOUS_MEMORY", .when(traits: ["ContiguousMemory"]))

// The codecs, all of them unless the package that depends on this one names those that it wants.
let codecs = ["LZ4", "MicroLZMA", "Deflate", "Zstandard"]

/// A C library of the host, from its development package.
func library(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
  .systemLibrary(name: name, path: "Sources/Libraries/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

var products: [Product] = [
  .library(name: "PageVectors", targets: ["PageVectors"]),
  .library(name: "Codecs", targets: ["Codecs"]),
  .library(name: "EROFS", targets: ["EROFS"]),
]

var dependencies: [Package.Dependency] = []

var targets: [Target] = [
  .target(
    name: "PageVectors", path: "Sources/Core/PageVectors",
    swiftSettings: core + [contiguous]),
  // One builtin of the C compiler that Swift lacks; where it is not found, Codecs does without.
  .systemLibrary(name: "CPrefetch", path: "Sources/Libraries/CPrefetch"),
  .target(
    name: "Codecs", dependencies: ["PageVectors", "CPrefetch"], path: "Sources/Core/Codecs", swiftSettings: core),
  .target(
    name: "EROFS", dependencies: ["Codecs", "PageVectors"], path: "Sources/Core/EROFS",
    swiftSettings: core + [
      .define("EROFS_CHOOSES_CODECS"), .define("EROFS_BASIC_IMAGES", .when(traits: ["BasicImages"])),
      .define("EROFS_NARROW_OFFSETS", .when(traits: ["NarrowOffsets"])),
    ]),
]

if embedded {
  let bareMetal = "Platforms/BareMetal"
  targets += [
    .target(name: "Machine", path: "\(bareMetal)/Machine"),
    .target(
      name: "Board", dependencies: ["Machine"], path: "\(bareMetal)/Board",
      swiftSettings: [.enableExperimentalFeature("Volatile")]),
    .target(
      name: "EROFSFirmware", dependencies: ["EROFS", "PageVectors"], path: "\(bareMetal)/Library",
      swiftSettings: core + [contiguous]),
    .target(
      name: "FirmwareSupport", dependencies: ["Board", "EROFSFirmware"], path: "\(bareMetal)/Firmware/Support",
      swiftSettings: [contiguous]),
  ]
  targets += [
    .target(name: "CEROFS", path: "\(bareMetal)/CInterface/Header"),
    .target(
      name: "EROFSForC", dependencies: ["CEROFS", "EROFSFirmware", "EROFS", "PageVectors"],
      path: "\(bareMetal)/CInterface/Swift", swiftSettings: core),
    .executableTarget(
      name: "ExampleC", dependencies: ["Machine", "Board", "CEROFS", "EROFSForC"], path: "\(bareMetal)/Examples/C"),
    .executableTarget(
      name: "ExampleSwift", dependencies: ["Board", "EROFSFirmware"], path: "\(bareMetal)/Examples/Swift"),
  ]
  products += [
    .library(name: "EROFSFirmware", targets: ["EROFSFirmware"]),
    // To be linked by hand, too.
    .library(name: "EROFSForC", type: .static, targets: ["EROFSForC", "CEROFS"]),
    .library(name: "BoardSupport", targets: ["Board"]),
  ]
  for name in ["TrapCheck", "Walk", "WalkBlocks", "Shell", "BadImages", "Measure", "Smallest"] {
    targets.append(
      .executableTarget(
        name: name, dependencies: ["Board", "EROFSFirmware", "FirmwareSupport"], path: "\(bareMetal)/Firmware/\(name)"))
  }
} else {
  targets += [
    library("CLZ4", "liblz4", "liblz4-dev"),
    library("CLZMA", "liblzma", "liblzma-dev"),
    library("CZstd", "libzstd", "libzstd-dev"),
    library("CDeflate", "libdeflate", "libdeflate-dev"),
    library("CZlib", "zlib", "zlib1g-dev"),
    library("CCrypto", "libcrypto", "libssl-dev"),
    .target(name: "Digests", dependencies: ["CCrypto"], path: "Sources/Host/Digests"),
    .target(name: "TestSupport", dependencies: ["EROFS", "PageVectors", "Digests"], path: "Tests/TestSupport"),
    .testTarget(
      name: "CodecsTests",
      dependencies: ["Codecs", "PageVectors", "TestSupport", "CLZ4", "CLZMA", "CZstd", "CDeflate", "CZlib"]),
    .testTarget(name: "EROFSTests", dependencies: ["EROFS", "PageVectors", "Digests", "TestSupport"]),
  ]
}

if !embedded, !small {
  products += [
    // For the packages in Benchmarks and Fuzzing.
    .library(name: "_CodecPeers", targets: ["CodecPeers"]),
    .library(name: "EROFSTools", targets: ["EROFSTools"]),
    .library(name: "NoMMUMachine", targets: ["NoMMUMachine"]),
    .executable(name: "erofs", targets: ["EROFSCommand"]),
  ]
  dependencies += [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ]
  targets += [
    .systemLibrary(name: "CXattr", path: "Sources/Libraries/CXattr"),
    library("CFuse", "fuse3", "libfuse3-dev"),
    .target(
      name: "EROFSMount",
      dependencies: [
        "EROFS", "PageVectors", "CFuse", "CXattr", .product(name: "SystemPackage", package: "swift-system"),
      ], path: "Sources/Host/EROFSMount"),
    .testTarget(name: "EROFSMountTests", dependencies: [
        "EROFSMount", "EROFS", "Digests", "TestSupport", .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(
      name: "EROFSTools",
      dependencies: [
        "EROFS", "Codecs", "PageVectors", "NoMMUMachine", "Digests", "CXattr",
        .product(name: "SystemPackage", package: "swift-system"),
      ], path: "Sources/Host/EROFSTools"),
    .executableTarget(
      name: "EROFSCommand",
      dependencies: [
        "EROFS", "EROFSMount", "EROFSTools", "NoMMUMachine", "PageVectors",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ], path: "Sources/Host/EROFSCommand"),
    .target(name: "NoMMUMachine", dependencies: ["PageVectors"], path: "Sources/Host/NoMMUMachine"),
    .target(
      name: "CodecPeers", dependencies: ["CLZ4", "CLZMA", "CZstd", "CDeflate", "CZlib"], path: "Tests/CodecPeers"),
    .testTarget(name: "PageVectorsTests", dependencies: ["PageVectors", "NoMMUMachine", "TestSupport"]),
    .testTarget(name: "NoMMUMachineTests", dependencies: ["NoMMUMachine", "PageVectors", "TestSupport"]),
    .testTarget(
      name: "EROFSToolsTests",
      dependencies: [
        "EROFS", "EROFSTools", "PageVectors", "Digests", "TestSupport", "CXattr", "EROFSCommand",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "AnalysisTests",
      dependencies: [
        "EROFS", "EROFSTools", "Codecs", "NoMMUMachine", "PageVectors", "TestSupport", "EROFSCommand",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
  ]
}

let package = Package(
  name: "swift-erofs", products: products,
  traits: Set(codecs.map { .trait(name: $0, description: "Reads images with \($0).") })
    .union([
      .trait(name: "BasicImages", description: "Images with big pclusters and tail packing at most: less code."),
      .trait(name: "ContiguousMemory", description: "In embedded programs, no scattered page frames: less code."),
      .trait(name: "NarrowOffsets", description: "On 32-bit machines, images and files below 2 GiB only: less code."),
      .default(enabledTraits: Set(codecs)),
    ]),
  dependencies: dependencies, targets: targets, swiftLanguageModes: [.v6])
