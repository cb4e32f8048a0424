// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import PackageDescription

// Core builds for hosts, kernels and bare metal. With EROFS_EMBEDDED set, the package contains only Core and the
// firmware, so that `swift build --triple …` does not load targets that need an operating system.
let embedded = Context.environment["EROFS_EMBEDDED"] != nil

// With EROFS_SMALL set, the package contains only Core and the tests of its decoders and its reader, and Core is
// compiled in the forms for small machines. Without it, a 64-bit host would never run them.
let small = Context.environment["EROFS_SMALL"] != nil

// With EROFS_TESTS set to names of test targets, the package contains only those, and what they need; of EROFSToolsTests,
// only the tests of the library, neither those of the command nor those that compare with the system.
let tests = Context.environment["EROFS_TESTS"]?.split(separator: ",").map(String.init)

let core: [SwiftSetting] = [.strictMemorySafety()] + (small ? [.define("EROFS_SMALL")] : [])

/// Removes the code for scattered page frames from embedded programs.
let contiguous: SwiftSetting = .define("EROFS_CONTIGUOUS_MEMORY", .when(traits: ["ContiguousMemory"]))

// A package that depends on this one gets all codecs unless it names the traits that it wants.
let codecs = ["LZ4", "MicroLZMA", "Deflate", "Zstandard"]

/// Without this trait, SwiftPM does not fetch the packages that only EROFSTools and the command need.
let hostTools = "HostTools"

/// With this trait, and only then, the client for registries is built, with the packages that it depends on.
let registry = "Registry"

/// A product of another package, for targets that need the trait HostTools.
func hostDependency(_ name: String, _ package: String) -> Target.Dependency {
  .product(name: name, package: package, condition: .when(traits: [hostTools]))
}

/// A product of another package, for the client for registries.
func registryDependency(_ name: String, _ package: String) -> Target.Dependency {
  .product(name: name, package: package, condition: .when(traits: [registry]))
}

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
  // A builtin of the C compiler that Swift lacks. Codecs compiles without it too.
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
    .target(name: "MemoryFunctions", path: "\(bareMetal)/MemoryFunctions"),
    .target(name: "Machine", dependencies: ["MemoryFunctions"], path: "\(bareMetal)/Machine"),
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
    // Static, because C firmware may link it without SwiftPM.
    .library(name: "EROFSForC", type: .static, targets: ["EROFSForC", "CEROFS"]),
    .library(name: "BoardSupport", targets: ["Board"]),
    .library(name: "MemoryFunctions", targets: ["MemoryFunctions"]),
  ]
  // A program is compiled for many machines and traits, so that it depends on no more than it needs.
  for (names, dependencies) in [
    (["TrapCheck"], ["Board"]),
    (["Smallest"], ["Board", "EROFSFirmware"]),
    (["Walk", "WalkBlocks", "Shell", "BadImages", "Measure"], ["Board", "EROFSFirmware", "FirmwareSupport"]),
  ] as [([String], [Target.Dependency])] {
    for name in names {
      targets.append(
        .executableTarget(name: name, dependencies: dependencies, path: "\(bareMetal)/Firmware/\(name)"))
    }
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
    .target(
      name: "EROFSFormatWriting", dependencies: ["EROFS"], path: "Sources/Host/EROFSFormatWriting"),
    .target(
      name: "TestSupport", dependencies: ["EROFS", "EROFSFormatWriting", "PageVectors", "Digests"],
      path: "Tests/TestSupport"),
    .testTarget(
      name: "CodecsTests",
      dependencies: ["Codecs", "PageVectors", "TestSupport", "CLZ4", "CLZMA", "CZstd", "CDeflate", "CZlib"]),
    .testTarget(
      name: "EROFSTests", dependencies: ["EROFS", "EROFSFormatWriting", "PageVectors", "Digests", "TestSupport"]),
  ]
}

if !embedded, !small {
  products += [
    // For the packages in Benchmarks and Fuzzing.
    .library(name: "_CodecPeers", targets: ["CodecPeers"]),
    .library(name: "Encoders", targets: ["Encoders"]),
    .library(name: "EROFSBuilder", targets: ["EROFSBuilder"]),
    .library(name: "EROFSContainers", targets: ["EROFSContainers"]),
    .library(name: "EROFSMount", targets: ["EROFSMount"]),
    .library(name: "EROFSRegistry", targets: ["EROFSRegistry"]),
    .library(name: "_SmallImages", targets: ["SmallImages"]),
    .library(name: "EROFSTar", targets: ["EROFSTar"]),
    .library(name: "EROFSTools", targets: ["EROFSTools"]),
    .library(name: "EROFSTree", targets: ["EROFSTree"]),
    .library(name: "NoMMUMachine", targets: ["NoMMUMachine"]),
    .executable(name: "erofs", targets: ["EROFSCommand"]),
  ]
  dependencies += [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/apple/swift-log", from: "1.12.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ]
  targets += [
    .systemLibrary(name: "CXattr", path: "Sources/Libraries/CXattr"),
    .systemLibrary(name: "CWriteback", path: "Sources/Libraries/CWriteback"),
    .target(
      name: "HostSupport", dependencies: ["CWriteback", hostDependency("SystemPackage", "swift-system")],
      path: "Sources/Host/HostSupport"),
    .testTarget(
      name: "HostSupportTests", dependencies: ["HostSupport", hostDependency("SystemPackage", "swift-system")]),
    .target(name: "Encoders", dependencies: ["CLZ4", "CLZMA", "CZstd", "CDeflate"], path: "Sources/Host/Encoders"),
    .testTarget(
      name: "EncodersTests",
      dependencies: ["Encoders", "Codecs", "PageVectors", "TestSupport", "CodecPeers", "CDeflate", "CZstd"]),
    .target(
      name: "EROFSBuilder",
      dependencies: [
        "EROFS", "EROFSFormatWriting", "EROFSTree", "EROFSTools", "Encoders", "HostSupport", "Digests",
        hostDependency("SystemPackage", "swift-system"),
      ], path: "Sources/Host/EROFSBuilder"),
    .testTarget(
      name: "EROFSBuilderTests",
      dependencies: [
        "EROFSBuilder", "EROFS", "EROFSFormatWriting", "EROFSTar", "EROFSTree", "EROFSTools", "Encoders", "HostSupport",
        "TestSupport", "TreeSupport", hostDependency("SystemPackage", "swift-system"),
      ]),
    .target(name: "EROFSTree", dependencies: ["EROFS", "HostSupport", "CXattr"], path: "Sources/Host/EROFSTree"),
    .target(name: "TreeSupport", dependencies: ["EROFSTree", "EROFS"], path: "Tests/TreeSupport"),
    .testTarget(name: "EROFSTreeTests", dependencies: ["EROFSTree", "EROFS", "TreeSupport"]),
    // Without pkg-config, which would link what only other formats than tar need, in a static executable.
    .systemLibrary(
      name: "CArchive", path: "Sources/Libraries/CArchive", providers: [.apt(["libarchive-dev", "libbz2-dev"])]),
    .target(
      name: "EROFSTar",
      dependencies: [
        "EROFS", "EROFSTree", "HostSupport", "CArchive", "CDeflate", "CZlib", "CZstd",
        hostDependency("SystemPackage", "swift-system"),
      ], path: "Sources/Host/EROFSTar"),
    .testTarget(
      name: "EROFSTarTests",
      dependencies: [
        "EROFSTar", "EROFSTree", "EROFS", "HostSupport", "TreeSupport", hostDependency("SystemPackage", "swift-system"),
      ]),
    .target(
      name: "EROFSContainers",
      dependencies: [
        "EROFS", "EROFSBuilder", "EROFSTar", "EROFSTools", "EROFSTree", "Digests", "HostSupport",
        hostDependency("SystemPackage", "swift-system"),
      ], path: "Sources/Host/EROFSContainers"),
    .testTarget(
      name: "EROFSContainersTests",
      dependencies: [
        "EROFSContainers", "EROFS", "EROFSBuilder", "EROFSTools", "EROFSTree", "Encoders", "TreeSupport",
        hostDependency("SystemPackage", "swift-system"),
      ]),
    .target(
      name: "EROFSRegistry",
      dependencies: [
        "EROFSContainers", hostDependency("SystemPackage", "swift-system"),
        registryDependency("AsyncHTTPClient", "async-http-client"), registryDependency("Logging", "swift-log"),
        registryDependency("NIOCore", "swift-nio"), registryDependency("NIOPosix", "swift-nio"),
        registryDependency("NIOSSL", "swift-nio-ssl"),
      ], path: "Sources/Host/EROFSRegistry"),
    library("CFuse", "fuse3", "libfuse3-dev"),
    .target(
      name: "EROFSMount",
      dependencies: [
        "EROFS", "PageVectors", "HostSupport", "CXattr", .target(name: "CFuse", condition: .when(platforms: [.linux])),
        hostDependency("SystemPackage", "swift-system"),
      ], path: "Sources/Host/EROFSMount"),
    .testTarget(
      name: "EROFSMountTests",
      dependencies: [
        "EROFSBuilder", "EROFSMount", "EROFS", "EROFSTree", "Encoders", "TestSupport",
        hostDependency("SystemPackage", "swift-system"),
      ]),
    .target(
      name: "EROFSTools",
      dependencies: [
        "EROFS", "Codecs", "PageVectors", "NoMMUMachine", "Digests", "CXattr", "HostSupport",
        hostDependency("SystemPackage", "swift-system"),
      ], path: "Sources/Host/EROFSTools"),
    .executableTarget(
      name: "EROFSCommand",
      dependencies: [
        "EROFS", "EROFSBuilder", "EROFSContainers", "EROFSMount", "EROFSTar", "EROFSTools", "EROFSTree", "Encoders",
        "HostSupport", "NoMMUMachine", "PageVectors", hostDependency("ArgumentParser", "swift-argument-parser"),
        .target(name: "EROFSRegistry", condition: .when(traits: [registry])),
        hostDependency("SystemPackage", "swift-system"),
      ], path: "Sources/Host/EROFSCommand"),
    .target(name: "NoMMUMachine", dependencies: ["PageVectors"], path: "Sources/Host/NoMMUMachine"),
    .target(
      name: "CodecPeers", dependencies: ["CLZ4", "CLZMA", "CZstd", "CDeflate", "CZlib"], path: "Tests/CodecPeers"),
    .target(name: "SmallImages", dependencies: ["EROFS", "EROFSFormatWriting"], path: "Tests/SmallImages"),
    .executableTarget(
      name: "WriteTestImages", dependencies: ["EROFS", "TestSupport"], path: "Tests/WriteTestImages"),
    .testTarget(name: "PageVectorsTests", dependencies: ["PageVectors", "NoMMUMachine", "TestSupport"]),
    .testTarget(name: "NoMMUMachineTests", dependencies: ["NoMMUMachine", "PageVectors", "TestSupport"]),
    .testTarget(
      name: "EROFSToolsTests",
      dependencies: [
        "EROFS", "EROFSTools", "EROFSFormatWriting", "Codecs", "NoMMUMachine", "PageVectors", "Digests", "TestSupport",
        "CXattr", hostDependency("SystemPackage", "swift-system"),
      ] + (tests == nil ? ["EROFSBuilder", "EROFSCommand", "EROFSTree", "Encoders"] : []),
      exclude: tests == nil ? [] : ["Command", "System"]),
  ]
}

if let tests {
  var needed: Set<String> = []
  var pending = tests
  var needsPackages = false
  while let name = pending.popLast() {
    guard needed.insert(name).inserted else { continue }
    for dependency in targets.first(where: { $0.name == name })?.dependencies ?? [] {
      switch dependency {
      case .byNameItem(let name, _), .targetItem(let name, _): pending.append(name)
      default: needsPackages = true
      }
    }
  }
  targets.removeAll { !needed.contains($0.name) }
  products = []
  if !needsPackages { dependencies = [] }
}

let package = Package(
  name: "swift-erofs",
  // For InlineArray and Span; other systems get them with the toolchain.
  platforms: [.macOS(.v26)],
  products: products,
  traits: Set(codecs.map { .trait(name: $0, description: "Reads images that are compressed with \($0).") })
    .union([
      .trait(name: "BasicImages", description: "Supports no features but big pclusters and tail packing: less code."),
      .trait(name: "ContiguousMemory", description: "Embedded programs only: no scattered page frames, less code."),
      .trait(name: "NarrowOffsets", description: "32-bit machines only: images and files below 2 GiB, less code."),
      .trait(name: hostTools, description: "EROFSTools and the command, with the packages that they depend on."),
      .trait(name: registry, description: "erofs oci pull: the client for registries, with async-http-client."),
      .default(enabledTraits: Set(codecs + [hostTools])),
    ]),
  dependencies: dependencies, targets: targets, swiftLanguageModes: [.v6])
