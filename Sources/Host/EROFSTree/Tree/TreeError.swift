// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What is wrong with a source of entries, or with what was to be done to a tree.
///
/// Paths are those in the tree, from its root, without a slash in front; the root's is empty. Of a content that a list names
/// it is the location, as the list has it.
public enum TreeError: Error, Equatable, Sendable {
  /// A call that failed on a file of the source, and the C library's number for the reason.
  public enum Operation: String, Sendable {
    case open = "opened"
    case list = "listed"
    case examine = "examined"
    case read = "read"
    case readLink = "read as a symbolic link"
    case listAttributes = "asked for its extended attributes"
  }

  /// How a file differs from what it was when the tree was read.
  public enum Change: String, Sendable {
    case vanished = "no longer exists"
    case kind = "is now another file or another kind of file"
    case shrunk = "has become shorter"
    case grown = "has become longer"
    case modified = "was modified"
  }

  case system(Operation, path: [UInt8], errno: Int32)
  /// An extended attribute that the file lists and that cannot be read.
  case attribute(path: [UInt8], name: [UInt8], errno: Int32)
  case changed(Change, path: [UInt8])
  /// A content that stays where it is was to be read.
  case onlyReferred(path: [UInt8])
  /// What a content of another image or the like says.
  case foreign(path: [UInt8], reason: String)
  /// Neither a file, a directory nor anything else that an image can hold.
  case unknownKind(path: [UInt8], mode: UInt32)

  /// A name that no directory can hold.
  case badName(NameFault, name: [UInt8])
  /// A name inside something that is not a directory.
  case notDirectory(path: [UInt8])
  /// The root is a directory and remains one.
  case rootIsDirectory
  case noSuchEntry(path: [UInt8])
  /// The target of a symbolic link must have 1 to 4095 bytes and no zero byte.
  case badTarget(path: [UInt8], count: Int)
  /// Directories have one name.
  case linkToDirectory(path: [UInt8])
  /// A user or a group that would be below 0 or above 2^32 - 1.
  case idOutOfRange(path: [UInt8], isGroup: Bool, id: UInt32, offset: Int64)
  /// More names or bytes of names than a tree can hold: 2^32 of either.
  case tooLarge

  /// A line of a text, counted from 1.
  case line(Int, of: String, LineFault)
  /// An archive, at a byte of it.
  case archive(ArchiveFault, at: UInt64, name: [UInt8])
  /// An archive whose compressed bytes cannot be decompressed, and what the library says of it.
  case decompression(reason: String)
  /// A regular expression, and what the C library says of it.
  case pattern(String, reason: String)
  /// A path that a table has no line for.
  case notListed(path: [UInt8], in: String)
}

public enum NameFault: String, Sendable {
  case empty = "is empty"
  case tooLong = "has more than 255 bytes"
  case slash = "contains a slash"
  case zero = "contains a zero byte"
  case dots = "is \".\" or \"..\""
}

/// What is wrong with a line of a file list, a table of labels, owners or hints.
public enum LineFault: Equatable, Sendable {
  case unknownKeyword(String)
  case unterminatedQuote
  case badEscape
  case missing(String)
  case unexpected(String)
  /// A number that is none, or out of range.
  case number(String, of: String)
  case badName(NameFault, String)
  case pattern(String, reason: String)
  /// The line is right but cannot be carried out.
  indirect case failed(TreeError)
}

public enum ArchiveFault: String, Sendable {
  case truncated = "the archive ends before its end marker"
  case magic = "this is no header of a cpio archive in the \"newc\" or \"crc\" format"
  case number = "a field of the header is no hexadecimal number"
  case mode = "the mode names no kind of file"
  case nameLength = "the length of the name is not possible"
  case nameEnd = "the name does not end with its only zero byte"
  case parent = "the name contains \"..\""
  case checksum = "the content does not match its checksum"
  case size = "the entry is of a kind that has no content, but has some"
  case trailing = "there are bytes other than zeros after the end marker"
  case linkKind = "a hard link names something of another kind than its target"

  // Of tar archives.
  case empty = "the archive has no bytes"
  case noTar = "this is no tar archive"
  case header = "this is no header of a tar archive: its checksum is wrong"
  case cutShort = "the archive ends inside a member"
  case shortBlock = "the archive ends inside a block of 512 bytes, so that no device can be made of it"
  case fieldNumber = "a field of the header is no number, or is out of range"
  case headerLength = "an extended header or a name has more bytes than are accepted (64 MiB, or 64 KiB)"
  case paxRecord = "a record of an extended header is malformed"
  case paxValue = "a record of an extended header has a value that is not possible"
  case sparseMap = "the map of a sparse file is malformed"
  case attribute = "the name or the size of an extended attribute is not possible"
  case accessList = "an access control list is malformed, or names a user or group that is not known here"
  case memberKind = "the member continues in another volume, or is of a kind that no image can hold"
  case linkTarget = "the target of a hard link is not in the archive"
}

extension TreeError: CustomStringConvertible {
  public var description: String { text(Self.shown) }

  /// The same, where a file of the source is at fault by a path that is more than that in the tree.
  ///
  /// - Parameter place: makes the path of a file of the source one that a user can look at.
  public func description(place: (_ path: [UInt8]) -> [UInt8]) -> String { text { place($0).printable } }

  /// Whether it is about a file of the source, which may have another path than in the tree.
  public var isOfSource: Bool {
    switch self {
    case .system, .attribute, .changed, .unknownKind: true
    default: false
    }
  }

  /// - Parameter shown: the path of a file of the source, for a message.
  private func text(_ shown: ([UInt8]) -> String) -> String {
    switch self {
    case .system(let operation, let path, let number):
      "\(shown(path)) cannot be \(operation.rawValue): \(Self.reason(number))\(Self.advice(number))"
    case .attribute(let path, let name, let number):
      "\(shown(path)): the extended attribute \(name.printable) cannot be read: \(Self.reason(number))"
        + Self.advice(number)
    case .changed(let change, let path):
      "\(shown(path)) \(change.rawValue) since the tree was read; repeat when nothing writes to the source"
    case .onlyReferred(let path): "\(Self.shown(path)): only the place of its content is known, and it was to be read"
    case .foreign(let path, let reason): "\(Self.shown(path)) cannot be read: \(reason)"
    case .unknownKind(let path, let mode):
      "\(shown(path)) is of a kind that an image cannot hold (mode 0\(String(mode, radix: 8)))"
    case .badName(let fault, let name): "the name \"\(name.printable)\" \(fault.rawValue)"
    case .notDirectory(let path): "\(Self.shown(path)) is not a directory, but a name inside it was given"
    case .rootIsDirectory: "the root must be a directory"
    case .noSuchEntry(let path): "\(Self.shown(path)) does not exist in the tree"
    case .badTarget(let path, let count):
      "\(Self.shown(path)): the target of a symbolic link must have 1 to 4095 bytes and no zero byte (it has \(count))"
    case .linkToDirectory(let path): "\(Self.shown(path)) is a directory, and directories cannot have hard links"
    case .idOutOfRange(let path, let isGroup, let id, let offset):
      "\(Self.shown(path)): the \(isGroup ? "group" : "user") \(id) changed by \(offset) is not between 0 and 4294967295"
    case .tooLarge: "the tree has more names than fit (4 GiB of names, or 4294967294 entries)"
    case .line(let line, let file, .failed(let error)): "\(file), line \(line): \(error.text(shown))"
    case .line(let line, let file, let fault): "\(file), line \(line): \(fault.text)"
    case .archive(let fault, let offset, let name):
      "at byte \(offset) of the archive\(name.isEmpty ? "" : " (\(name.printable))"): \(fault.rawValue)"
    case .decompression(let reason): "the archive cannot be decompressed: \(reason)"
    case .pattern(let pattern, let reason): "the regular expression \"\(pattern)\" is wrong: \(reason)"
    case .notListed(let path, let file): "\(Self.shown(path)) has no line in \(file)"
    }
  }

  private static func shown(_ path: [UInt8]) -> String { "/" + path.drop { $0 == 0x2F }.printable }
  private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }

  private static func advice(_ number: Int32) -> String {
    switch number {
    case EACCES, EPERM: "; leave it out, or read the source as a user who may read it"
    case EMFILE, ENFILE: "; raise the limit of open files"
    case ELOOP: "; it was replaced by a symbolic link, which is not followed"
    default: ""
    }
  }
}

extension LineFault {
  var text: String {
    switch self {
    case .unknownKeyword(let word): "\"\(word)\" is no kind of entry"
    case .unterminatedQuote: "a quote has no end"
    case .badEscape: "a backslash must be followed by one of \\ \" n t r space, three octal digits, or x and two digits"
    case .missing(let what): "\(what) is missing"
    case .unexpected(let word): "\"\(word)\" was not expected here"
    case .number(let word, let what): "\"\(word)\" is not possible as \(what)"
    case .badName(let fault, let name): "the name \"\(name)\" \(fault.rawValue)"
    case .pattern(let pattern, let reason): "the regular expression \"\(pattern)\" is wrong: \(reason)"
    case .failed(let error): error.description
    }
  }
}

extension Collection<UInt8> {
  /// As it may be shown in a message: what is not printable ASCII or valid UTF-8 becomes `\xNN`.
  package var printable: String {
    var text = ""
    let scalars = String(decoding: self, as: UTF8.self).unicodeScalars
    // Not valid UTF-8 (or U+FFFD itself): byte by byte.
    if scalars.contains("\u{FFFD}") {
      for byte in self {
        if (0x20..<0x7F).contains(byte), byte != 0x5C {
          text.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
          text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
      }
      return text
    }
    for scalar in scalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
        for byte in String(scalar).utf8 { text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
      default:
        text.unicodeScalars.append(scalar)
        if scalar == "\\" { text += "\\" }
      }
    }
    return text
  }
}
