// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser

// Each command states its name: deriving names from types takes the parser longer than everything else that it does.
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "erofs", abstract: "Makes, reads and mounts EROFS images.",
    discussion: """
      Exit status: 0 for success, 1 if the image is bad or something failed, 64 if the command line is wrong.
      """,
    version: "0.1.0",
    subcommands: [
      Info.self, Ls.self, Stat.self, Cat.self, Extract.self, Fsck.self, Dump.self, Mkfs.self, Plan.self, Simulate.self,
      Boot.self, Kernel.self, Mount.self, Umount.self, OCI.self,
    ])
}
