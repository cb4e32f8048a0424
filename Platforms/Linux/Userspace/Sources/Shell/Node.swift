// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A command as it was read. Texts lie in the source, nodes in the shell's arena.
struct Node {
  typealias Pointer = UnsafeMutablePointer<Node>
  enum Kind: UInt8 {
    /// `first`: statements, each with pipelines (`first`), each with commands (`first`).
    case list, statement, pipeline
    case simple, group, subshell, function
    /// `first`: the condition; `second`: what is done; `third`: otherwise.
    case condition, whileLoop, untilLoop
    /// `words`: the name, then what it goes through; `second`: what is done.
    case forLoop
    /// `words`: what is compared; `first`: the branches, each with its patterns as `words` and a list as `second`.
    case choice, branch
  }
  /// How a pipeline follows the one before it.
  enum Joint: UInt8 { case always, and, or }

  var kind: Kind
  var joint = Joint.always
  /// Of a statement: in the background. Of a pipeline: its status is negated. Of a loop: whether it has words.
  var flag = false
  /// From its first to its last byte, without redirections if it is compound.
  var text: Text
  var next: Pointer?
  var first: Pointer?
  var second: Pointer?
  var third: Pointer?
  var words = List<Text>()
  var redirections = List<Redirection>()
}

struct Redirection {
  enum Kind: UInt8 { case read, write, append, readWrite, duplicate, here, hereAsIs }
  var kind: Kind
  var descriptor: Int32
  /// A word, or what stands in the document.
  var text: Text
  /// <<-: tabs at the beginning of lines do not count.
  var tabs = false
  var nextDocument: List<Redirection>.Pointer?
  /// What the word means now. Of a document: nothing.
  var target: CString?
  /// What is to be duplicated, or read; -1 closes.
  var source: Int32 = -1
}
