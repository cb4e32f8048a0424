// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser

@main
struct Erofs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "erofs", abstract: "Reads EROFS images.", version: "0.1.0")
}
