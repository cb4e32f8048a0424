// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import PackageDescription

// A package that depends on this project's and wants one of the codecs only; `Tools/run traits` builds it and looks at
// what it makes of images.
let package = Package(
  name: "Traits",
  dependencies: [.package(name: "swift-erofs", path: "../..", traits: ["LZ4"])],
  targets: [
    .executableTarget(
      name: "consumer",
      dependencies: [
        .product(name: "EROFS", package: "swift-erofs"), .product(name: "PageVectors", package: "swift-erofs"),
      ])
  ],
  swiftLanguageModes: [.v6])
