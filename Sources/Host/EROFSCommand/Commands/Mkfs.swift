// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser

/// `erofs mkfs`. Its options are those of mkfs.erofs, which `ArgumentParser` cannot parse (`-x-1`, values with `=` only,
/// several names of one option), so ``MkfsParser`` does; here they pass through.
struct Mkfs: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "mkfs", abstract: MkfsHelp.abstract)

  @Argument(
    parsing: .captureForPassthrough, help: ArgumentHelp("Options, the image and the source.", valueName: "arguments"),
    completion: .file())
  var arguments: [String] = []

  func run() throws {
    let status = MkfsProgram.run(arguments, as: .subcommand)
    if status != ExitStatus.good { throw ExitCode(status) }
  }
}
