// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import PackageDescription

// With CONTAINERIZATION set to a version, the types are those of apple/containerization (macOS). Else a small module with
// types of the same shape stands in for it, so that the unpacker is built and tested on Linux.
let version = Context.environment["CONTAINERIZATION"]

let shape: [Target.Dependency] =
  version == nil
  ? ["ContainerizationShape"]
  : ["Containerization", "ContainerizationExtras", "ContainerizationOCI"].map {
    .product(name: $0, package: "containerization")
  }

let package = Package(
  name: "ContainerizationEROFS",
  platforms: [.macOS(.v26)],
  products: [.library(name: "ContainerizationEROFS", targets: ["ContainerizationEROFS"])],
  dependencies: [
    .package(name: "swift-erofs", path: "../.."),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ]
    + (version.map { [.package(url: "https://github.com/apple/containerization", exact: Version($0)!)] } ?? []),
  targets: [
    .target(
      name: "ContainerizationEROFS",
      dependencies: shape + [
        .product(name: "EROFSContainers", package: "swift-erofs"),
        .product(name: "EROFSBuilder", package: "swift-erofs"),
        .product(name: "Encoders", package: "swift-erofs"), .product(name: "SystemPackage", package: "swift-system"),
      ])
  ]
    + (version != nil
      ? []
      : [
        .target(name: "ContainerizationShape"),
        .testTarget(
          name: "ContainerizationEROFSTests",
          dependencies: [
            "ContainerizationEROFS", "ContainerizationShape", .product(name: "EROFSTools", package: "swift-erofs"),
            .product(name: "EROFS", package: "swift-erofs"),
          ]),
      ]),
  swiftLanguageModes: [.v6])
