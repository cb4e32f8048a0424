// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Fsck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fsck", abstract: "Checks all of an image, metadata and data.",
    discussion: """
      Reads every inode and directory that the tree reaches, compares what says the same thing twice (names' types, `.` \
      and `..`, link counts, name filters, checksum, digests), and decodes all data. It goes on after an error. Exit \
      status 0: nothing is wrong; 1: something is, or the image cannot be read.
      """)

  @OptionGroup var options: ImageOptions

  @Flag(help: "Leave the data out; where it lies is still checked.")
  var metadataOnly = false

  @Option(
    help: ArgumentHelp("How many threads to use; by default one more than there are cores.", valueName: "number"))
  var threads: Int?

  @OptionGroup var progressOptions: ProgressOptions

  @OptionGroup var json: JSONOption

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
  }

  func run() throws {
    let reader = try options.reader()
    let progress = progressOptions.progress("checking")
    let problems = Collected<Problem>()
    var checkOptions = Checker.Options()
    checkOptions.metadataOnly = metadataOnly
    checkOptions.isLimited = !options.isUnlimited
    if let threads { checkOptions.threads = threads }
    let isJSON = json.isOn
    let checker = Checker(reader.image, reader.superblock, options: checkOptions, progress: progress) { problem in
      problems.append(problem)
      if !isJSON {
        progress.clear()
        complain("\(problem)")
      }
    }
    let summary = checker.run()
    if isJSON {
      StandardOutput.shared.write(text: Self.json(summary, problems.all).text() + "\n")
    } else if !progressOptions.quiet {
      let inodes = summary.counts.values.reduce(0, +)
      let verdict = summary.problems == 0 ? "nothing wrong" : "\(summary.problems.counting("thing")) wrong"
      let content = metadataOnly ? "" : ", \(summary.contentBytes.counting("byte")) of content"
      let digests = summary.digests > 0 ? ", \(summary.digests.counting("digest"))" : ""
      StandardOutput.shared.write(
        text: "\(options.image): \(verdict); \(inodes.counting("inode"))\(content)\(digests)\n")
    }
    if summary.problems > 0 { throw ExitCode(ExitStatus.failed) }
  }

  private static func json(_ summary: Checker.Summary, _ problems: [Problem]) -> JSON {
    [
      "good": .bool(problems.isEmpty),
      "problems": .array(
        problems.map { problem in
          .object(
            (problem.path.map { JSON.members("path", [0x2F] + $0) } ?? [("path", .null)]) + [
              ("nid", problem.nid.map { JSON($0) } ?? .null), ("code", .string(problem.cause.code)),
              ("message", .string(problem.cause.description)),
            ])
        }),
      "counts": .object(InodeKind.allCases.map { ($0.word, JSON(summary.counts[$0] ?? 0)) }),
      "content_bytes": JSON(summary.contentBytes), "content_blocks": JSON(summary.contentBlocks),
      "stored_blocks": JSON(summary.storedBlocks),
      "digests": JSON(summary.digests),
    ]
  }
}
