// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
import EROFSTree
import HostSupport
struct Build { // placeholder of the lead's pipeline, replaced at merge
  init(_ options: BuildOptions, _ tree: Tree, _ output: OutputFile, _ progress: @escaping (BuildProgress) -> Bool) throws {}
  func run() throws -> BuildSummary { BuildSummary() }
}
