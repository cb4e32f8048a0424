// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What sets variables, options and parameters.
extension Shell {
  /// export and readonly: NAME or NAME=VALUE; without, what there is.
  @inline(never)
  mutating func mark(_ words: UnsafeMutablePointer<CString?>, exported: Bool) {
    if words[0] == nil || Text(words[0].unsafelyUnwrapped).is("-p") { return showVariables(exported: true) }
    var i = 0
    while let word = words[i] {
      i &+= 1
      let text = Text(word)
      let equals = text.index(of: 61)
      let name = text.part(0, equals)
      guard isVariableName(name) else {
        complain(text, "not a name", status: 1)
        continue
      }
      let old = variables.find(name)
      if equals < text.count {
        assign(name, text.from(equals + 1))
      } else if old == nil {
        assign(name, Text(""))
      }
      if let variable = variables.find(name) {
        if exported { variable.pointee.exported = true } else { variable.pointee.readOnly = true }
      }
    }
  }

  @inline(never)
  mutating func showVariables(exported: Bool) {
    var variable = variables.first
    while let here = variable {
      variable = here.pointee.next
      if exported && !here.pointee.exported || Variable.name(here).index(of: 40) < here.pointee.nameLength { continue }
      if exported { program.out.put("export ") }
      program.out.put(Variable.name(here))
      program.out.put(61)
      putQuoted(Text(Variable.value(here)))
      program.out.newline()
    }
  }
  /// In single quotes, as the shell would read it again.
  @inline(never)
  mutating func putQuoted(_ value: Text) {
    program.out.put(39)
    for i in 0..<value.count {
      if value[i] == 39 { program.out.put("'\"'\"'") } else { program.out.put(value[i]) }
    }
    program.out.put(39)
  }

  @inline(never)
  mutating func declareLocal(_ words: UnsafeMutablePointer<CString?>) {
    if calls == 0 { return complain(Text("local"), "not in a function") }
    var i = 0
    while let word = words[i] {
      i &+= 1
      let text = Text(word)
      let equals = text.index(of: 61)
      guard isVariableName(text.part(0, equals)) else { return complain(text, "not a name", status: 1) }
      saveLocal(text.part(0, equals))
      if equals < text.count { assign(text.part(0, equals), text.from(equals + 1)) }
    }
    keepsLocals = true
  }

  @inline(never)
  mutating func unset(_ words: UnsafeMutablePointer<CString?>) {
    var i = 0
    var functions = false
    while let word = words[i] {
      i &+= 1
      let text = Text(word)
      if text.is("-f") || text.is("-v") {
        functions = text.is("-f")
        continue
      }
      let name = functions ? Text(arena.copy(text, Text("()"))) : text
      if !variables.remove(name) { complain(text, "the variable is read-only", status: 1) }
    }
  }

  /// set [-efux] [+efux] [--] [WORD...]
  @inline(never)
  mutating func set(_ words: UnsafeMutablePointer<CString?>) {
    if words[0] == nil { return showVariables(exported: false) }
    var i = 0
    while let word = words[i], word[0] == 45 || word[0] == 43, word[1] != 0 {
      i &+= 1
      if Text(word).is("--") { return setParameters(words + i) }
      if !setFlags(word) { return }
    }
    if words[i] != nil { setParameters(words + i) }
  }

  /// Of a word like -ex. false: one is not known.
  mutating func setFlags(_ word: CString) -> Bool {
    let on = word[0] == 45
    var i = 1
    while word[i] != 0 {
      switch word[i] {
      case letter("e"): exitOnError = on
      case letter("f"): noGlob = on
      case letter("n"): readOnly = on
      case letter("u"): unsetIsError = on
      case letter("x"): trace = on
      default:
        complain(Text(word), "unknown option")
        return false
      }
      i &+= 1
    }
    return true
  }

  @inline(never)
  mutating func setParameters(_ words: UnsafeMutablePointer<CString?>) {
    var count = 0
    var bytes = 0
    while let word = words[count] {
      bytes += length(word) + 1
      count &+= 1
    }
    let table = (count + 1) * MemoryLayout<CString?>.stride
    let memory = mapped(table + bytes)
    let array = UnsafeMutableRawPointer(memory).bindMemory(to: CString?.self, capacity: count + 1)
    var place = memory + table
    for i in 0..<count {
      let text = Text(words[i].unsafelyUnwrapped)
      array[i] = place
      place.update(from: text.start, count: text.count + 1)
      place += text.count + 1
    }
    array[count] = nil
    freeParameters()
    (parameters, ownParameters) = (array, table + bytes)
    ownParametersStart = array
  }

  mutating func freeParameters() {
    if ownParameters > 0, let start = ownParametersStart { _ = linux_unmap(start, ownParameters) }
    ownParameters = 0
  }
}
