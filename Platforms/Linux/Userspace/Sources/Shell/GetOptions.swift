// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Shell {
  /// getopts LETTERS NAME [WORD...]: the next option of the words, or of the parameters. 1 behind the last.
  mutating func getOptions(_ words: UnsafeMutablePointer<CString?>) {
    guard let known = words[0].map({ Text($0) }), let name = words[1] else {
      return complain(Text("getopts"), "the letters or the variable's name is missing")
    }
    let arguments = words[2] == nil ? parameters : words + 2
    // OPTIND counts words from 1 on, and is behind the current one, whose next letter is at a place that is a variable
    // that nobody can name.
    let index = Text("OPTIND"), place = Text("(OPTIND")
    var number = variables.value(index)?.number ?? 1
    var at = variables.value(place)?.number ?? 0
    if at / 4096 != number { at = 0 }
    at &= 4095
    var count = 0
    while arguments[count] != nil { count &+= 1 }
    var option: UInt8 = 63
    var value = Text("")
    status = 1
    if number > 0, number <= count &+ (at > 0 ? 1 : 0) {
      if at == 0 { number &+= 1 }
      let word = Text(arguments[number &- 2].unsafelyUnwrapped)
      if at == 0, word.count < 2 || word[0] != 45 {
        number &-= 1
      } else if at > 0 || !word.is("--") {
        status = 0
        if at == 0 { at = 1 }
        option = at < word.count ? word[at] : 63
        let found = option == 58 ? known.count : known.index(of: option)
        at &+= 1
        if found >= known.count {
          refuse(&option, known, "unknown option", &value)
        } else if found + 1 < known.count, known[found + 1] == 58 {
          if at < word.count {
            value = word.from(at)
          } else if number <= count {
            value = Text(arguments[number &- 1].unsafelyUnwrapped)
            number &+= 1
          } else {
            refuse(&option, known, "the option needs a value", &value)
            if known[0] == 58 { option = 58 }
          }
          at = 0
        }
        if at >= word.count { at = 0 }
      }
    }
    withUnsafePointer(to: &option) { assign(Text(name), Text(arena.copy(Text($0, 1)))) }
    assign(Text("OPTARG"), value)
    assign(index, self.number(number))
    assign(place, self.number(number &* 4096 &+ at))
  }
  /// Without a colon before the letters it says what is wrong, otherwise the script wants to.
  @inline(never)
  private mutating func refuse(_ option: inout UInt8, _ known: Text, _ why: Literal, _ value: inout Text) {
    let wrong = withUnsafePointer(to: &option) { Text(arena.copy(Text($0, 1))) }
    let silent = known.count > 0 && known[0] == 58
    option = 63
    if silent { value = wrong } else { complain(wrong, why, status: 0) }
  }
}
