// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import PackageDescription

// A package of its own: nobody who uses the library needs it. `../fuzz` builds and runs it. With EROFS_FUZZ_ENGINE set it
// has the executable for libFuzzer instead of the driver, and is to be built with the sanitizers `fuzzer` and `address`.
let withEngine = Context.environment["EROFS_FUZZ_ENGINE"] != nil

let kit: [Target.Dependency] = [
  .product(name: "PageVectors", package: "swift-erofs"),
  .product(name: "EROFS", package: "swift-erofs"),
  .product(name: "Codecs", package: "swift-erofs"),
  .product(name: "_CodecPeers", package: "swift-erofs"),
  .product(name: "_SmallImages", package: "swift-erofs"),
]

let package = Package(
  name: "Fuzzing",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "swift-erofs", path: "..")],
  targets: [
    .target(name: "FuzzKit", dependencies: kit),
    .target(name: "FuzzTargets", dependencies: kit + ["FuzzKit"]),
    withEngine
      ? .executableTarget(
        name: "engine", dependencies: ["FuzzKit", "FuzzTargets"],
        swiftSettings: [.unsafeFlags(["-parse-as-library"])])
      : .executableTarget(name: "fuzz", dependencies: ["FuzzKit", "FuzzTargets"]),
  ],
  swiftLanguageModes: [.v6])
