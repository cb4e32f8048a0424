// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Fsck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fsck", abstract: "Checks the metadata and the data of an image.",
    discussion: """
      It reads every directory and inode in the tree, checks that redundant fields agree (file types in directories, \
      `.` and `..`, link counts, name filters, checksum, digests), and decodes all data. It continues after an error.

      Exit status: 0 if there is no error, 1 if there is one or the image cannot be read, 64 if the command line is \
      wrong.
      """)

  @OptionGroup var options: ImageOptions

  @Flag(help: "Do not decode data; still check where it is stored.")
  var metadataOnly = false

  @Option(
    help: ArgumentHelp("Number of threads; the default is one more than the number of cores.", valueName: "number"))
  var threads: Int?

  @OptionGroup var progressOptions: ProgressOptions

  @OptionGroup var json: JSONOption

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
  }

  func run() throws {
    let reader = try options.reader(warns: false)
    let progress = progressOptions.progress("checking")
    let problems = SynchronizedArray<Problem>()
    var checkOptions = Checker.Options()
    checkOptions.metadataOnly = metadataOnly
    checkOptions.isLimited = !options.isUnlimited
    if let threads { checkOptions.threads = threads }
    let isJSON = json.isOn
    let checker = Checker(reader.image, reader.superblock, options: checkOptions, progress: progress) { problem in
      problems.append(problem)
      if !isJSON {
        progress.clear()
        printError(advised(problem))
      }
    }
    let summary = checker.run()
    if isJSON {
      StandardOutput.shared.write(text: Self.json(summary, problems.all).text() + "\n")
    } else if !progressOptions.quiet {
      let inodes = summary.counts.values.reduce(0, +)
      let more = summary.repeated == 0 ? "" : " and \(summary.repeated) more of the same cause"
      let verdict = summary.problems == 0 ? "no errors" : summary.problems.counting("error") + more
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
              ("message", .string(advised(problem.cause))),
            ])
        }),
      "more_problems_of_the_same_cause": JSON(summary.repeated),
      "counts": .object(InodeKind.allCases.map { ($0.word, JSON(summary.counts[$0] ?? 0)) }),
      "content_bytes": JSON(summary.contentBytes), "content_blocks": JSON(summary.contentBlocks),
      "stored_blocks": JSON(summary.storedBlocks),
      "digests": JSON(summary.digests),
    ]
  }
}
