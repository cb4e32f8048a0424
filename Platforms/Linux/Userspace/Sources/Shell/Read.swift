// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Shell {
  /// read [-r] [-p PROMPT] NAME...
  @inline(never)
  mutating func read(_ words: UnsafeMutablePointer<CString?>) {
    var names = words
    var raw = false
    while let word = names[0], word[0] == 45 {
      names += 1
      if Text(word).is("-r") {
        raw = true
      } else if Text(word).is("-p"), let prompt = names[0] {
        names += 1
        program.out.put(prompt)
        program.out.flush()
      } else {
        return complain(Text(word), "unknown option")
      }
    }
    // With a backslash before each byte that does not separate.
    let begin = scratch.count
    var got = 1
    withBytes(8) { byte in
      while true {
        got = readSome(0, byte, 1)
        if got <= 0 || byte[0] == 10 { return }
        if byte[0] == 92, !raw {
          got = readSome(0, byte, 1)
          if got <= 0 { return }
          if byte[0] == 10 { continue }
          scratch.append(92)
        }
        if byte[0] != 0 { scratch.append(byte[0]) }
      }
    }
    status = got <= 0 ? 1 : 0
    let line = Text(arena.copy(Text(scratch.start + begin, scratch.count - begin)))
    scratch.shorten(to: begin)
    let separators = variables.find(Text("IFS")).map { Text(Variable.value($0)) } ?? Text(" \t\n")
    func separates(_ byte: UInt8) -> Bool { separators.index(of: byte) < separators.count }
    var at = 0
    var i = 0
    while let name = names[i] {
      i &+= 1
      while at < line.count, isSpace(line[at]), separates(line[at]) { at &+= 1 }
      let last = names[i] == nil
      var count = 0
      var keep = 0
      let value = arena.copy(line.from(at))
      while at < line.count {
        let byte = line[at]
        let escaped = byte == 92 && !raw && at + 1 < line.count
        if !escaped, separates(byte), !last { break }
        if escaped { at &+= 1 }
        value[count] = line[at]
        count &+= 1
        at &+= 1
        if escaped || !(separates(line[at - 1]) && isSpace(line[at - 1])) { keep = count }
      }
      // One that is no blank takes the blanks around it.
      while at < line.count, isSpace(line[at]), separates(line[at]) { at &+= 1 }
      if at < line.count, !last, separates(line[at]), !isSpace(line[at]) { at &+= 1 }
      guard isVariableName(Text(name)) else { return complain(Text(name), "not a name") }
      assign(Text(name), Text(value, keep))
    }
  }
}
