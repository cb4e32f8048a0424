// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Testing

@testable import EROFSCommand

/// Options that mkfs.erofs takes, and that do nothing as they are given.
@Suite struct MkfsIdleOptionTests {
  private func warnings(_ line: String, sourceDate: String? = nil) throws -> [String] {
    try mkfsRequest("\(line) OUT SRC", sourceDate: sourceDate).warnings
  }

  @Test(arguments: ["--mkfs-time", "--all-time"]) func timesNeedATime(_ option: String) throws {
    #expect(try warnings(option) == ["\(option) has no effect without -T"])
    #expect(try warnings(option, sourceDate: "5") == ["\(option) has no effect without -T"])
    #expect(try warnings("-T0 \(option)").isEmpty)
  }

  @Test func aMountPointNeedsWhatLooksItUp() throws {
    let warning = "--mount-point has no effect without --fs-config-file, --file-contexts or --block-list-file"
    #expect(try warnings("--mount-point=/nix/store") == [warning])
    for option in ["--fs-config-file F", "--file-contexts=F", "--block-list-file F"] {
      #expect(try warnings("--mount-point /system \(option)").isEmpty)
    }
  }

  /// What comes later counts, as in mkfs.erofs.
  @Test func ownersReplaceEachOther() throws {
    #expect(
      try warnings("--force-uid=5 --all-root") == [
        "--force-uid has no effect: --all-root after it replaces what it sets"
      ])
    #expect(
      try warnings("--all-root --force-uid=5 --force-gid=6")
        == ["--all-root has no effect: --force-uid and --force-gid after it replace what it sets"])
    #expect(try mkfsRequest("--force-uid=5 --all-root OUT SRC").edits.owners == .allRoot)
    // The group is still that of --all-root; the other lines say the same twice.
    for line in [
      "--all-root --force-uid=5", "--all-root --force-uid=0 --force-gid=0", "--force-uid=0 --all-root",
      "--force-uid=5 --force-uid=6", "--force-uid=5 --force-gid=6",
    ] { #expect(try warnings(line).isEmpty, "\(line)") }
  }

  @Test func anIndexForOldKernelsInAnImageForNewOnes() throws {
    for (option, name) in [("-E48bit", "-E 48bit"), ("-Edot-omitted", "-E dot-omitted"), ("-m4096", "-m")] {
      #expect(
        try warnings("-zlz4 -Elegacy-compress \(option)") == [
          "-E legacy-compress is of no use with \(name): it is for Linux before 5.3, which cannot read such an image"
        ])
    }
    #expect(try warnings("-zlz4 -Elegacy-compress").isEmpty)
  }

  /// As in mkfs.erofs: an image without a name.
  @Test func aVolumeNameMayBeEmpty() throws {
    #expect(try mkfsRequest(["-L", "", "OUT", "SRC"]).buildOptions().volumeName.isEmpty)
  }
}
