// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import PackageDescription

// A package of its own, so that what measures may use flags that a library may not. `../bench` builds and runs it.
let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [
    .package(name: "swift-erofs", path: ".."),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .executableTarget(
      name: "bench",
      dependencies: [
        .product(name: "PageVectors", package: "swift-erofs"),
        .product(name: "Codecs", package: "swift-erofs"),
        .product(name: "EROFS", package: "swift-erofs"),
        .product(name: "EROFSTools", package: "swift-erofs"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "_CodecPeers", package: "swift-erofs"),
      ],
      swiftSettings: [.unsafeFlags(["-wmo"])])
  ],
  swiftLanguageModes: [.v6])
