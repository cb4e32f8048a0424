// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import PackageDescription

// A package that depends on this one with one codec only. `Tools/run traits` builds it without network and runs
// the program on images.
let package = Package(
  name: "Traits",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "swift-erofs", path: "../..", traits: ["LZ4"])],
  targets: [
    .executableTarget(
      name: "consumer",
      dependencies: [
        .product(name: "EROFS", package: "swift-erofs"), .product(name: "PageVectors", package: "swift-erofs"),
      ])
  ],
  swiftLanguageModes: [.v6])
