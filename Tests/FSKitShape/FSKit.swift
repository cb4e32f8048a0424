// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// A stand-in for the parts of Apple's FSKit that EROFSMount uses, with the names and types that Apple documents for Swift
// (macOS 26), and as much behaviour as a test needs to call a volume. `Tools/run fskit` compiles the module for macOS
// against it.
//
// It differs where Swift has no Objective-C: the identifier of an item is a structure here, because an enumeration of Swift
// cannot have values without a name. Requirements that are optional in FSKit are absent if the module leaves them out, and
// required if it has them, so that a misspelled one is an error here.

import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// MARK: Names and identifiers

public final class FSFileName: NSObject {
  public let data: Data
  public init(data name: Data) { data = name }
  public convenience init(string name: String) { self.init(data: Data(name.utf8)) }
  public var string: String? { String(data: data, encoding: .utf8) }
}

open class FSEntityIdentifier: NSObject {
  open var uuid: UUID
  public init(uuid: UUID) { self.uuid = uuid }
}

open class FSContainerIdentifier: FSEntityIdentifier {}

public struct FSDirectoryCookie: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static let initial = FSDirectoryCookie(0)
}

public struct FSDirectoryVerifier: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static let initial = FSDirectoryVerifier(0)
}

// MARK: Items

open class FSItem: NSObject {
  public struct Identifier: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64
    public init?(rawValue: UInt64) { self.rawValue = rawValue }
    private init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public static let invalid = Identifier(0)
    public static let parentOfRoot = Identifier(1)
    public static let rootDirectory = Identifier(2)
  }

  public enum ItemType: Int, Sendable {
    case unknown, file, directory, symlink, fifo, charDevice, blockDevice, socket
  }

  public struct Attribute: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
  }

  open class Attributes: NSObject {
    open var uid: UInt32 = 0
    open var gid: UInt32 = 0
    open var mode: UInt32 = 0
    open var type: ItemType = .unknown
    open var linkCount: UInt32 = 0
    open var flags: UInt32 = 0
    open var size: UInt64 = 0
    open var allocSize: UInt64 = 0
    open var fileID: Identifier = .invalid
    open var parentID: Identifier = .invalid
    open var accessTime = timespec()
    open var modifyTime = timespec()
    open var changeTime = timespec()
    open var birthTime = timespec()
    public override init() {}
  }

  open class GetAttributesRequest: Attributes {
    open var wantedAttributes: Attribute = []
    open func isAttributeWanted(_ attribute: Attribute) -> Bool { wantedAttributes.contains(attribute) }
  }

  open class SetAttributesRequest: Attributes {
    open var consumedAttributes: Attribute = []
    open func wasAttributeConsumed(_ attribute: Attribute) -> Bool { consumedAttributes.contains(attribute) }
  }

  public override init() {}
}

/// FSKit's own packers have no public initializer; a test derives one that keeps what is packed.
open class FSDirectoryEntryPacker: NSObject {
  public override init() {}
  open func packEntry(
    name: FSFileName, itemType: FSItem.ItemType, itemID: FSItem.Identifier, nextCookie: FSDirectoryCookie,
    attributes: FSItem.Attributes?
  ) -> Bool { false }
}

public final class FSMutableFileDataBuffer: NSObject {
  private let memory: UnsafeMutableRawBufferPointer
  /// FSKit makes them itself.
  public init(length: Int) { memory = .allocate(byteCount: length, alignment: 16) }
  deinit { memory.deallocate() }
  public var length: Int { memory.count }
  public func withUnsafeMutableBytes<R, E: Error>(_ body: (UnsafeMutableRawBufferPointer) throws(E) -> R) throws(E) -> R
  {
    try body(memory)
  }
}

// MARK: Volumes

public class FSTaskOptions: NSObject {
  public override init() {}
  public var taskOptions: [String] { [] }
}

public struct FSDeactivateOptions: OptionSet, Sendable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }
}

public enum FSSyncFlags: Int, Sendable { case wait = 1, noWait, dWait }

public final class FSStatFSResult: NSObject {
  public let fileSystemTypeName: String
  public init(fileSystemTypeName: String) { self.fileSystemTypeName = fileSystemTypeName }
  public var blockSize = 0
  public var ioSize = 0
  public var totalBlocks: UInt64 = 0
  public var availableBlocks: UInt64 = 0
  public var freeBlocks: UInt64 = 0
  public var usedBlocks: UInt64 = 0
  public var totalFiles: UInt64 = 0
  public var freeFiles: UInt64 = 0
}

open class FSVolume: NSObject {
  public final class Identifier: FSEntityIdentifier {}
  public enum CaseFormat: Int, Sendable { case sensitive, insensitive, insensitiveCasePreserving }
  public enum SetXattrPolicy: UInt, Sendable { case alwaysSet, mustCreate, mustReplace, delete }

  public struct MountOptions: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let readOnly = MountOptions(rawValue: 1)
  }

  public final class SupportedCapabilities: NSObject {
    public override init() {}
    public var supportsPersistentObjectIDs = false
    public var supportsSymbolicLinks = false
    public var supportsHardLinks = false
    public var supportsFastStatFS = false
    public var supports2TBFiles = false
    public var supports64BitObjectIDs = false
    public var doesNotSupportSettingFilePermissions = false
    public var caseFormat: CaseFormat = .sensitive
  }

  public let volumeID: Identifier
  open var name: FSFileName
  public init(volumeID: Identifier, volumeName: FSFileName) {
    self.volumeID = volumeID
    name = volumeName
  }

  public protocol PathConfOperations: NSObjectProtocol {
    var maximumLinkCount: Int { get }
    var maximumNameLength: Int { get }
    var restrictsOwnershipChanges: Bool { get }
    var truncatesLongNames: Bool { get }
    // Optional:
    var maximumFileSizeInBits: Int { get }
    var maximumXattrSize: Int { get }
  }

  public protocol CommonOperations: NSObjectProtocol {
    var supportedVolumeCapabilities: FSVolume.SupportedCapabilities { get }
    var volumeStatistics: FSStatFSResult { get }
    // Optional:
    var requestedMountOptions: FSVolume.MountOptions { get }
    func mount(options: FSTaskOptions) async throws
    func unmount() async
    func synchronize(flags: FSSyncFlags) async throws
    func reclaimItem(_ item: FSItem) async throws
  }

  public protocol Operations: CommonOperations, PathConfOperations {
    func activate(options: FSTaskOptions) async throws -> FSItem
    func deactivate(options: FSDeactivateOptions) async throws
    func attributes(_ desiredAttributes: FSItem.GetAttributesRequest, of item: FSItem) async throws -> FSItem.Attributes
    func setAttributes(_ newAttributes: FSItem.SetAttributesRequest, on item: FSItem) async throws -> FSItem.Attributes
    func lookupItem(named name: FSFileName, inDirectory directory: FSItem) async throws -> (FSItem, FSFileName)
    func readSymbolicLink(_ item: FSItem) async throws -> FSFileName
    func createItem(
      named name: FSFileName, type: FSItem.ItemType, inDirectory directory: FSItem,
      attributes newAttributes: FSItem.SetAttributesRequest
    ) async throws -> (FSItem, FSFileName)
    func createSymbolicLink(
      named name: FSFileName, inDirectory directory: FSItem, attributes newAttributes: FSItem.SetAttributesRequest,
      linkContents contents: FSFileName
    ) async throws -> (FSItem, FSFileName)
    func createLink(to item: FSItem, named name: FSFileName, inDirectory directory: FSItem) async throws -> FSFileName
    func removeItem(_ item: FSItem, named name: FSFileName, fromDirectory directory: FSItem) async throws
    func renameItem(
      _ item: FSItem, inDirectory sourceDirectory: FSItem, named sourceName: FSFileName, to destinationName: FSFileName,
      inDirectory destinationDirectory: FSItem, overItem: FSItem?
    ) async throws -> FSFileName
    func enumerateDirectory(
      _ directory: FSItem, startingAt cookie: FSDirectoryCookie, verifier: FSDirectoryVerifier,
      attributes: FSItem.GetAttributesRequest?, packer: FSDirectoryEntryPacker
    ) async throws -> FSDirectoryVerifier
  }

  public protocol ReadWriteOperations: NSObjectProtocol {
    func read(
      from item: FSItem, at offset: off_t, length: Int, into buffer: FSMutableFileDataBuffer
    ) async throws -> Int
    func write(contents: Data, to item: FSItem, at offset: off_t) async throws -> Int
  }

  public protocol XattrOperations: NSObjectProtocol {
    func xattr(named name: FSFileName, of item: FSItem) async throws -> Data
    func setXattr(
      named name: FSFileName, to value: Data?, on item: FSItem, policy: FSVolume.SetXattrPolicy
    ) async throws
    func xattrs(of item: FSItem) async throws -> [FSFileName]
  }
}

// MARK: File systems

open class FSResource: NSObject {
  public override init() {}
}

public final class FSPathURLResource: FSResource {
  public let url: URL
  public let isWritable: Bool
  public init(url: URL, writable: Bool) {
    self.url = url
    isWritable = writable
  }
}

public final class FSProbeResult: NSObject {
  public let name: String?
  public let containerID: FSContainerIdentifier?
  private init(_ name: String?, _ containerID: FSContainerIdentifier?) {
    self.name = name
    self.containerID = containerID
  }
  public class var notRecognized: FSProbeResult { FSProbeResult(nil, nil) }
  public class func usable(name: String, containerID: FSContainerIdentifier) -> FSProbeResult {
    FSProbeResult(name, containerID)
  }
}

public enum FSContainerState: Int, Sendable { case notReady, blocked, ready, active }

public final class FSContainerStatus: NSObject {
  public let state: FSContainerState
  private init(_ state: FSContainerState) { self.state = state }
  public class var ready: FSContainerStatus { FSContainerStatus(.ready) }
  public class var active: FSContainerStatus { FSContainerStatus(.active) }
}

public protocol FSFileSystemBase: NSObjectProtocol {
  var containerStatus: FSContainerStatus { get set }
}

open class FSUnaryFileSystem: NSObject, FSFileSystemBase {
  open var containerStatus = FSContainerStatus.ready
  public override init() {}
}

public protocol FSUnaryFileSystemOperations: NSObjectProtocol {
  func probeResource(resource: FSResource) async throws -> FSProbeResult
  func loadResource(resource: FSResource, options: FSTaskOptions) async throws -> FSVolume
  func unloadResource(resource: FSResource, options: FSTaskOptions) async throws
}

/// Foundation has these on systems of Apple only.
extension URL {
  public func startAccessingSecurityScopedResource() -> Bool { false }
  public func stopAccessingSecurityScopedResource() {}
}
