// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import SystemPackage

extension EROFSError: CustomStringConvertible {
  /// What is wrong, where, and where it helps what to do.
  public var description: String {
    switch self {
    case .corrupt(.magic, let position):
      "\(Defect.magic.explanation), at \(position); if it starts later in the file, say where with --offset"
    case .corrupt(let defect, let position): "\(defect.explanation), at \(position)"
    // They are nowhere in particular.
    case .unsupported(.work, _): "\(Feature.work)"
    case .unsupported(.pathLength, _): "\(Feature.pathLength)"
    case .unsupported(let feature, let position): "\(feature), at \(position)"
    case .undecodable(let error, let algorithm, let position):
      "\(algorithm.name) data that starts at \(position) cannot be decoded: \(error)"
    case .storage(let error, let position): "reading \(position) failed: \(Errno(rawValue: error.code))"
    case .memory(let need, let bytes): "too little memory for \(need.explanation): \(bytes.counting("byte")) needed"
    case .notFound: "no such file or directory in the image"
    case .notADirectory: "not a directory"
    case .notAFile: "not a regular file"
    }
  }
}

extension Position: CustomStringConvertible {
  public var description: String {
    switch self {
    case .device(0, let offset): "byte \(offset)"
    case .device(let device, let offset): "byte \(offset) of extra device \(device)"
    case .metabox(let offset): "byte \(offset) of the metabox"
    }
  }
}

extension DecodeError: CustomStringConvertible {
  public var description: String { "\(reason.explanation) (after \(inputOffset.counting("stored byte")))" }
}

extension Feature: CustomStringConvertible {
  public var description: String {
    switch self {
    case .incompatible(let bits):
      "the image needs features that this version does not know (feature_incompat 0x\(String(bits, radix: 16)))"
    case .blockSize(let bits): "block size 2^\(bits) is not supported (512 bytes to 64 KiB are)"
    case .directoryBlockSize(let bits): "directory blocks larger than a block (dirblkbits \(bits)) are not supported"
    case .algorithm(let id):
      if let algorithm = Algorithm(rawValue: id) {
        "this program has been built without \(algorithm.name)"
      } else {
        "compression algorithm \(id) is not known"
      }
    case .device(let number): "extra device \(number) is needed: name it with --device"
    case .size: "it is larger than this machine can address"
    case .work:
      "the image makes more work than any honest one of its size: what is left is not looked at "
        + "(--no-limit goes on however long it takes)"
    case .pathLength: "its path is longer than \(ScannedTree.maximumPathBytes) bytes: what is below is left out"
    }
  }
}
