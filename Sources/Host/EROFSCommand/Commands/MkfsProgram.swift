// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTools
import EROFSTree

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Makes images, for `erofs mkfs` and for `mkfs.erofs`: these differ in how they report, not in what they take.
struct MkfsProgram {
  enum Name: Sendable {
    case subcommand
    /// `mkfs.erofs`, with the messages and the exit status of that program.
    case standIn

    var text: String { self == .subcommand ? "erofs mkfs" : "mkfs.erofs" }
    var usageStatus: Int32 { self == .subcommand ? ExitStatus.usage : ExitStatus.failed }
  }

  private let name: Name
  private let request: MkfsRequest

  /// - Returns: the exit status.
  static func run(_ arguments: [String], as name: Name) -> Int32 {
    if arguments == ["--experimental-dump-help"] {
      StandardOutput.shared.write(text: MkfsHelp.json.text() + "\n")
      return ExitStatus.good
    }
    do throws(MkfsError) {
      let date = getenv("SOURCE_DATE_EPOCH").map { String(cString: $0) }
      switch try MkfsParser.parse(arguments, sourceDate: date) {
      case .help: StandardOutput.shared.write(text: MkfsHelp.text(for: name))
      case .version: StandardOutput.shared.write(text: MkfsHelp.version(of: name))
      case .request(let request): return MkfsProgram(name: name, request: request).run()
      }
      return ExitStatus.good
    } catch {
      switch error {
      case .usage(let text): return refuse(text, as: name)
      case .unsupported:
        report(error, as: name, image: nil)
        return ExitStatus.failed
      }
    }
  }

  /// - Returns: the exit status.
  private static func refuse(_ text: String, as name: Name) -> Int32 {
    let help = "Try '\(name.text) --help' for more information."
    switch name {
    case .subcommand: printError("\(text)\n\(help)")
    case .standIn: writeToStandardError("mkfs.erofs: \(text)\n\(help)\n")
    }
    return name.usageStatus
  }

  private static func report(_ error: any Error, as name: Name, image: RawArgument?) {
    switch name {
    case .subcommand: printError("\(error)")
    case .standIn:
      StandInMessages().error("\(error)")
      // By which scripts know that mkfs.erofs failed.
      StandInMessages().error("\tCould not format the device : \(image.map { "\($0)" } ?? "no image was made")")
    }
  }

  private func run() -> Int32 {
    let progress = MkfsProgress(isShown: request.reports ? request.showsProgress : false)
    let warnings = MkfsWarnings(isStrict: request.isStrict) { text in
      guard request.reports else { return }
      progress.clear()
      switch name {
      case .subcommand: printError("warning: \(text)")
      case .standIn: StandInMessages().warning(text)
      }
    }
    do {
      for text in request.warnings { try warnings.add(text) }
      let hints = try request.readHints()
      if request.warningOfLargeClusters() == nil, let text = request.warningOfLargeClusters(hints: hints) {
        try warnings.add(text)
      }
      var options = try request.buildOptions(hints: hints, order: request.readOrder())
      try options.check()
      let tree = try request.readTree(warnings, &options)
      let builder = try ImageBuilder(options)
      if let order = builder.options.order { try request.check(order, in: tree, warnings) }
      // Until now a signal just ends the process: there is nothing to tidy up.
      Interruption.watch()
      let report: (BuildProgress) -> Bool = { state in
        progress.show(state)
        return !Interruption.isRequested
      }
      let summary: BuildSummary
      var search: ImageBuilder.Result?
      if let goal = request.goal {
        let result = try builder.build(
          tree, for: goal, at: request.output.filePath,
          tried: { trial in
            progress.show(trial)
            return !Interruption.isRequested
          }, progress: report)
        (summary, search) = (result.summary, result)
      } else {
        summary = try builder.build(tree, at: request.output.filePath, progress: report)
      }
      progress.clear()
      if request.isJSON {
        StandardOutput.shared.write(
          text: summary.json(image: request.output, search, warnings: warnings.all).text() + "\n")
      } else if request.reports {
        StandardOutput.shared.write(text: summary.linesForScripts + summary.table + (search?.text ?? ""))
      }
      return ExitStatus.good
    } catch {
      progress.clear()
      switch error {
      case let error as OptionError: return refuseLate(error.commandText(request.options))
      case MkfsError.usage(let text): return refuseLate(text)
      default: break
      }
      let error: any Error = (error as? EROFSTree.TreeError).map { CommandError(request.text(of: $0)) } ?? error
      Self.report(error, as: name, image: request.output)
      if case BuildError.cancelled = error { Interruption.endBySignal() }
      return ExitStatus.failed
    }
  }

  /// Refuses options of which only the source, or the image that is added to, could tell that they cannot be.
  ///
  /// - Returns: the exit status.
  private func refuseLate(_ text: String) -> Int32 {
    switch name {
    case .subcommand: return Self.refuse(text, as: name)
    case .standIn:
      Self.report(MkfsError.usage(text), as: name, image: request.output)
      return name.usageStatus
    }
  }
}

/// The progress bar of a build: one stage after another in the same line.
final class MkfsProgress {
  private let isShown: Bool?
  private var stage: BuildSummary.Stage?
  private var bar = Progress()
  /// Of a search.
  private var hasLine = false

  /// - Parameter isShown: nil means if standard error is a terminal.
  init(isShown: Bool?) { self.isShown = isShown }

  func show(_ state: BuildProgress) {
    if state.stage != stage {
      clear()
      stage = state.stage
      bar = Progress(state.stage.verb, isShown: isShown)
      bar.begin(total: state.total, of: state.stage == .metadata ? .inodes : .bytes)
    }
    bar.advance(to: state.done)
  }

  func show(_ trial: ImageSearch.Trial) {
    guard isShown ?? (isatty(STDERR_FILENO) != 0) else { return }
    bar.clear()
    let text = "trying \(trial.candidate.arguments.joined(separator: " ")): \(trial.imageBytes.grouped) bytes"
    writeToStandardError("\r\u{1B}[K\(text.prefix(78))")
    hasLine = true
  }

  func clear() {
    bar.clear()
    if hasLine { writeToStandardError("\r\u{1B}[K") }
    hasLine = false
  }
}

extension BuildSummary.Stage {
  /// What is being done, in letters of one width.
  fileprivate var verb: String {
    switch self {
    case .copying: "copying   "
    case .comparing: "comparing "
    case .contents: "writing   "
    case .packing: "packing   "
    case .metadata: "metadata  "
    case .verifying: "verifying "
    case .hashing: "hashing   "
    }
  }
}
