// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A variable: "NAME=VALUE" with a zero behind it, after this. A function is a variable called "NAME()".
struct Variable {
  typealias Pointer = UnsafeMutablePointer<Variable>
  var next: Pointer?
  /// Bytes for name and value.
  var room: Int
  var nameLength: Int
  var exported = false
  var readOnly = false

  static func text(_ variable: Pointer) -> CString {
    UnsafeMutableRawPointer(variable + 1).assumingMemoryBound(to: UInt8.self)
  }
  static func name(_ variable: Pointer) -> Text { Text(text(variable), variable.pointee.nameLength) }
  static func value(_ variable: Pointer) -> CString { text(variable) + variable.pointee.nameLength + 1 }
}

/// All of them, in a list, and the room of those that were.
struct Variables {
  private(set) var first: Variable.Pointer?
  private var unused: Variable.Pointer?
  private var arena = Arena()

  @inline(never)
  func find(_ name: Text) -> Variable.Pointer? {
    var variable = first
    while let here = variable {
      if Variable.name(here).equals(name) { return here }
      variable = here.pointee.next
    }
    return nil
  }

  @inline(never)
  func value(_ name: Text) -> Text? { find(name).map { Text(Variable.value($0)) } }

  /// Sets or makes it. nil: it is read-only.
  @inline(never)
  mutating func set(_ name: Text, _ value: Text) -> Variable.Pointer? {
    let need = name.count + value.count + 2
    let old = find(name)
    if let old, old.pointee.readOnly { return nil }
    if let old, old.pointee.room >= need {
      // The value may be a part of what it is now.
      Variable.value(old).update(from: value.start, count: value.count)
      Variable.value(old)[value.count] = 0
      return old
    }
    let variable = make(need)
    let text = Variable.text(variable)
    text.update(from: name.start, count: name.count)
    text[name.count] = 61
    (text + name.count + 1).update(from: value.start, count: value.count)
    text[name.count + value.count + 1] = 0
    variable.pointee.nameLength = name.count
    if let old {
      variable.pointee.exported = old.pointee.exported
      _ = remove(name)
    }
    variable.pointee.next = first
    first = variable
    return variable
  }

  /// false: it is read-only.
  @inline(never)
  mutating func remove(_ name: Text) -> Bool {
    guard let old = find(name) else { return true }
    if old.pointee.readOnly { return false }
    if first == old {
      first = old.pointee.next
    } else {
      var before = first
      while let here = before, here.pointee.next != old { before = here.pointee.next }
      before?.pointee.next = old.pointee.next
    }
    old.pointee.next = unused
    unused = old
    return true
  }

  /// Room that one had before, if there is enough and not far too much.
  private mutating func make(_ need: Int) -> Variable.Pointer {
    var link: Variable.Pointer?
    var candidate = unused
    while let here = candidate {
      if here.pointee.room >= need, here.pointee.room <= 2 * need + 32 {
        if let link { link.pointee.next = here.pointee.next } else { unused = here.pointee.next }
        here.pointee = Variable(next: nil, room: here.pointee.room, nameLength: 0)
        return here
      }
      link = here
      candidate = here.pointee.next
    }
    let room = (need + need / 2 + 23) & ~7
    let variable = UnsafeMutableRawPointer(arena.allocate(MemoryLayout<Variable>.stride + room))
      .bindMemory(to: Variable.self, capacity: 1)
    variable.initialize(to: Variable(next: nil, room: room, nameLength: 0))
    return variable
  }
}
