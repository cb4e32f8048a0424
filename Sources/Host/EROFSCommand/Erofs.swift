// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser

// Commands have their names spelled out: working them out from those of the types takes the parser longer than all the
// rest of its work.
struct Erofs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "erofs", abstract: "Reads and mounts EROFS images.",
    discussion: """
      Exit status: 0 when all is well, 1 when the image is bad or something failed, 64 when the command line is wrong.
      """,
    version: "0.1.0",
    subcommands: [
      Info.self, Ls.self, Stat.self, Cat.self, Extract.self, Fsck.self, Dump.self, Plan.self, Simulate.self, Boot.self,
      Mount.self, Umount.self,
    ])
}
