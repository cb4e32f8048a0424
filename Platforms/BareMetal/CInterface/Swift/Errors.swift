// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CEROFS
import Codecs
import EROFS

/// Records an error; `erofs_error_text` makes the text from it.
func fail(
  _ fs: UnsafeMutablePointer<erofs>, _ result: erofs_result, _ what: UInt8 = 0, _ detail: UInt64 = 0
) -> erofs_result {
  unsafe fs.pointee.detail = detail
  unsafe fs.pointee.result = result.rawValue
  unsafe fs.pointee.what = what
  return result
}

func fail(_ fs: UnsafeMutablePointer<erofs>, _ error: EROFSError) -> erofs_result {
  switch error {
  case .corrupt(let defect, let position):
    unsafe fail(fs, EROFS_CORRUPT, defect.rawValue, offset(position))
  case .undecodable(let error, _, let position):
    unsafe fail(fs, EROFS_UNDECODABLE, error.reason.rawValue, offset(position))
  case .unsupported(let feature, _): unsafe fail(fs, feature)
  case .storage(let error, _):
    unsafe fail(fs, EROFS_STORAGE, 0, UInt64(bitPattern: Int64(error.code)))
  // The file system plans its memory, so it knows the total; the reader knows only what one extent lacks.
  case .memory(.metadata, let bytes): unsafe fail(fs, EROFS_NO_MEMORY, 0, UInt64(stateBytes + bytes))
  case .memory: unsafe fail(fs, EROFS_NO_MEMORY, 1)
  case .notFound: unsafe fail(fs, EROFS_NOT_FOUND)
  case .notADirectory: unsafe fail(fs, EROFS_NOT_A_DIRECTORY)
  case .notAFile: unsafe fail(fs, EROFS_NOT_A_FILE)
  }
}

private func fail(_ fs: UnsafeMutablePointer<erofs>, _ feature: Feature) -> erofs_result {
  let missing: Missing
  switch feature {
  case .algorithm(let id):
    return unsafe fail(fs, EROFS_UNSUPPORTED, Missing.codecs + min(id, Missing.unknownCodec), UInt64(id))
  case .incompatible: missing = .feature
  case .blockSize: missing = .blockSize
  case .directoryBlockSize: missing = .directoryBlockSize
  case .device: missing = .device
  case .size, .work, .contentLength: missing = .size
  case .pathLength: missing = .target
  }
  return unsafe fail(fs, EROFS_UNSUPPORTED, missing.rawValue, UInt64.max)
}

private func offset(_ position: Position) -> UInt64 {
  switch position {
  case .device(_, let offset), .metabox(let offset): offset
  }
}

/// What an image needs and this reader does not have.
private enum Missing: UInt8 {
  case feature, blockSize, directoryBlockSize, device, size, target

  /// A missing codec is this and its id, or this and ``unknownCodec``.
  static var codecs: UInt8 { 16 }
  static var unknownCodec: UInt8 { 4 }

  var explanation: StaticString {
    switch self {
    case .feature: "a feature that this reader does not support"
    case .blockSize: "a block size other than 512 bytes to 64 KiB"
    case .directoryBlockSize: "directory blocks larger than a block"
    case .device: "an extra device"
    case .size: "too large for this machine to address"
    case .target: "a symbolic link with a target of 4096 bytes or more"
    }
  }
}

/// Why a call was refused before it did anything.
enum ArgumentProblem: UInt8 {
  case null, notMounted, storage, alignment, size, option, cursor

  var explanation: StaticString {
    switch self {
    case .null: "a null pointer"
    case .notMounted: "no image is mounted"
    case .storage: "a storage that is neither mapped nor has a function that reads"
    case .alignment: "an arena that is not aligned to 8"
    case .size: "a size larger than half of what can be addressed"
    case .option: "an option that does not exist"
    case .cursor: "a cursor that was not set to zeros"
    }
  }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_error_detail)
public func erofs_error_detail(_ fs: UnsafePointer<erofs>?) -> UInt64 { unsafe fs?.pointee.detail ?? 0 }

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_error_text)
public func erofs_error_text(_ fs: UnsafePointer<erofs>?) -> UnsafePointer<CChar>? {
  let text = unsafe explanation(erofs_result(fs?.pointee.result ?? EROFS_ARGUMENT.rawValue), fs?.pointee.what ?? 0)
  return unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

private func explanation(_ result: erofs_result, _ what: UInt8) -> StaticString {
  switch result {
  case EROFS_CORRUPT: Defect(rawValue: what)?.explanation ?? ""
  case EROFS_UNDECODABLE: DecodeError.Reason(rawValue: what)?.explanation ?? ""
  case EROFS_UNSUPPORTED where what >= Missing.codecs:
    switch what - Missing.codecs {
    case 0: "the codec LZ4 is not in this program"
    case 1: "the codec MicroLZMA is not in this program"
    case 2: "the codec DEFLATE is not in this program"
    case 3: "the codec Zstandard is not in this program"
    default: "a codec that this reader does not know"
    }
  case EROFS_UNSUPPORTED: Missing(rawValue: what)?.explanation ?? ""
  case EROFS_STORAGE: "the storage failed"
  case EROFS_NO_MEMORY where what == 0: "the arena is too small"
  case EROFS_NO_MEMORY: "the file must be opened first, or read whole: no memory is planned for it"
  case EROFS_NOT_FOUND: "no such file or directory"
  case EROFS_NOT_A_DIRECTORY: "not a directory"
  case EROFS_NOT_A_FILE: "neither a file nor a symbolic link"
  case EROFS_ARGUMENT: ArgumentProblem(rawValue: what)?.explanation ?? ""
  default: ""
  }
}
