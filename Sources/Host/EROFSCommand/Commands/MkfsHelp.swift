// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Encoders

/// What explains the program, all of it made from ``MkfsOption``, ``MkfsFeature`` and ``MkfsUnsupported``.
enum MkfsHelp {
  static let abstract = "Makes an image of a directory, an archive (tar, cpio), a list, or other images."

  /// In paragraphs.
  static var discussion: [String] {
    [
      """
      IMAGE is a file or a block device. A file gets its name only when the image is complete and everything in it was read \
      back and compared; until then a file that has the name remains. A block device is written in place. Equal sources and \
      options give equal images, except with -U random, and with a search (--for, --ram, --fit) that its time ends.
      """,
      """
      These are the options of mkfs.erofs, and more. Numbers may be hexadecimal (0x...) or octal (0...); K, M or G may \
      follow those that are called BYTES. Options may stand anywhere in front of --, and long ones may be shortened. \
      Values that mkfs.erofs rounds silently are refused.
      """,
      """
      Not supported yet: \(unsupported).
      """,
    ]
  }

  private static var unsupported: String {
    MkfsUnsupported.allCases.flatMap(\.options).map { name, _ in
      name.utf8CodeUnitCount == 1 ? "-\(name)" : "--\(name)"
    }.joined(separator: ", ")
  }

  private static let exitStatus =
    "Exit status: 0 for success, 1 if no image could be made, 64 (as mkfs.erofs: 1) if the command line is wrong."

  static func version(of name: MkfsProgram.Name) -> String {
    let algorithms = Encoding.Algorithm.allCases.map(\.rawValue).joined(separator: ", ")
    return "\(name.text) (swift-erofs) \(RootCommand.configuration.version)\navailable compressors: \(algorithms)\n"
  }

  static func text(for name: MkfsProgram.Name) -> String {
    var text = abstract + "\n\nUsage: \(name.text) [OPTIONS] IMAGE SOURCE...\n"
    for paragraph in discussion { text += "\n" + wrapped(paragraph, indentation: 0) }
    for group in MkfsOption.Group.allCases {
      text += "\n\(group.rawValue):\n"
      for form in MkfsOption.allCases.map(\.form) where form.group == group {
        text += entry(heading(form), form.help)
      }
      if group == .compression {
        text += "\nFeatures (-E):\n"
        for feature in MkfsFeature.allCases { text += entry(heading(feature), feature.help) }
      }
    }
    return text + "\n" + wrapped(exitStatus, indentation: 0)
  }

  private static func heading(_ form: MkfsOption.Form) -> String {
    let short = form.short.map { form.value.isEmpty ? "-\($0)" : "-\($0) \(form.value)" }
    let long = form.long.map {
      form.value.isEmpty ? "--\($0)" : form.argument == .optional ? "--\($0)[=\(form.value)]" : "--\($0)=\(form.value)"
    }
    return [short, long].compactMap { $0 }.joined(separator: ", ")
  }

  private static func heading(_ feature: MkfsFeature) -> String {
    feature.value.isEmpty ? feature.rawValue : "\(feature.rawValue)[=\(feature.value)]"
  }

  private static func entry(_ heading: String, _ help: String) -> String {
    let text = wrapped(help, indentation: 26)
    let start = "  " + heading
    // Beside the heading if that is short.
    if start.count <= 24 { return start + String(text.dropFirst(start.count)) }
    return start + "\n" + text
  }

  private static func wrapped(_ text: String, indentation: Int) -> String {
    let margin = String(repeating: " ", count: indentation)
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= 80 {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(margin + word)
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  // MARK: For the manual page

  /// In the form in which the parser of the other commands describes them.
  static var json: JSON {
    let options = MkfsOption.Group.allCases.flatMap { group -> [JSON] in
      let forms = MkfsOption.allCases.map(\.form).filter { $0.group == group }
      return forms.map(json) + (group == .compression ? MkfsFeature.allCases.map(json) : [])
    }
    return [
      "command": [
        "commandName": "mkfs", "shouldDisplay": true, "abstract": .string(abstract),
        "discussion": .string((discussion + [exitStatus]).joined(separator: "\n\n")),
        "arguments": .array([operand("image", isOptional: false), operand("source", isOptional: true)] + options),
      ]
    ]
  }

  private static func operand(_ name: String, isOptional: Bool) -> JSON {
    [
      "kind": "positional", "valueName": .string(name), "isOptional": .bool(isOptional),
      "isRepeating": .bool(name == "source"),
      "shouldDisplay": true,
      "abstract": name == "image"
        ? "The image: a file or a block device."
        : "A directory, a tar archive, a cpio archive of the format newc, or EROFS images, the lowest layer first.",
    ]
  }

  private static func json(_ form: MkfsOption.Form) -> JSON {
    var names: [JSON] = []
    if let short = form.short { names.append(["kind": "short", "name": .string(String(short))]) }
    if let long = form.long { names.append(["kind": "long", "name": .string("\(long)")]) }
    return json(names, value: form.value, help: form.help, isValueOptional: form.argument == .optional)
  }

  private static func json(_ feature: MkfsFeature) -> JSON {
    json(
      [["kind": "short", "name": .string("E " + heading(feature))]], value: "", help: feature.help, inSynopsis: false)
  }

  private static func json(
    _ names: [JSON], value: String, help: String, inSynopsis: Bool = true, isValueOptional: Bool = false
  ) -> JSON {
    [
      "kind": value.isEmpty ? "flag" : "option", "names": .array(names), "preferredName": names[names.count - 1],
      "valueName": .string(value.isEmpty && help == MkfsOption.help.form.help ? "help" : value), "isOptional": true,
      "isRepeating": false, "shouldDisplay": true, "inSynopsis": .bool(inSynopsis),
      "isValueOptional": .bool(isValueOptional),
      "abstract": .string(help),
    ]
  }
}
