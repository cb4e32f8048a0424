// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Functions, and the variables that are theirs alone.
extension Shell {
  @inline(never)
  mutating func function(_ name: Text) -> Text? {
    guard isVariableName(name) else { return nil }
    let key = withBytes(128) { bytes -> Variable.Pointer? in
      guard name.count < 120 else { return nil }
      bytes.update(from: name.start, count: name.count)
      bytes[name.count] = 40
      bytes[name.count + 1] = 41
      return variables.find(Text(bytes, name.count + 2))
    }
    return key.map { Text(Variable.value($0)) }
  }

  @inline(never)
  mutating func call(_ body: Text, _ arguments: UnsafeMutablePointer<CString?>) {
    guard calls < 10 else { return fail(Text(arguments[0].unsafelyUnwrapped), "calls are nested too deeply") }
    // It may be defined anew meanwhile.
    let text = Text(arena.copy(body), body.count)
    let before = (parameters, ownParameters, loops)
    let ownBefore = ownParametersStart
    parameters = arguments + 1
    ownParameters = 0
    loops = 0
    calls &+= 1
    let variablesBefore = locals
    status = 0
    run(text)
    calls &-= 1
    if jump == .leaveFunction { jump = .none }
    restoreLocals(variablesBefore)
    freeParameters()
    (parameters, ownParameters, loops) = before
    ownParametersStart = ownBefore
  }

  /// Remembers what a variable is, until `restoreLocals`.
  @inline(never)
  mutating func saveLocal(_ name: Text) {
    let mark = localArena.mark
    let local = localArena.allocate(SavedVariable.self)
    let variable = variables.find(name)
    local.initialize(
      to: SavedVariable(
        before: locals, mark: mark, name: localArena.copy(name), value: nil,
        exported: variable?.pointee.exported ?? false))
    if let variable { local.pointee.value = localArena.copy(Text(Variable.value(variable))) }
    locals = local
  }

  @inline(never)
  mutating func restoreLocals(_ before: UnsafeMutablePointer<SavedVariable>?) {
    while let local = locals, local != before {
      let name = Text(local.pointee.name)
      if let value = local.pointee.value {
        variables.set(name, Text(value))?.pointee.exported = local.pointee.exported
      } else {
        _ = variables.remove(name)
      }
      locals = local.pointee.before
      localArena.release(to: local.pointee.mark)
    }
  }
}

struct SavedVariable {
  var before: UnsafeMutablePointer<SavedVariable>?
  /// What was in use of their memory before.
  var mark: Arena.Mark
  var name: CString
  var value: CString?
  var exported: Bool
}
