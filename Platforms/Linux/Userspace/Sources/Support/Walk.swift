// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What a directory says of an entry.
struct Entry {
  var name: Text
  /// As in the upper bits of a mode; 0 where the file system does not say.
  var kind: UInt32
  /// Where the next one is.
  var next: Int64
}

/// Reads the entries of an open directory, but for "." and "..".
struct Directory {
  let descriptor: Int32
  private let buffer: Bytes
  private let capacity: Int
  private var at = 0
  private var end = 0
  /// A negated errno, if reading failed.
  private(set) var failure = 0
  /// Whether "." and ".." are entries too.
  var all = false

  @inline(never)
  init(_ descriptor: Int32, _ buffer: Bytes, _ capacity: Int) {
    self.descriptor = descriptor
    self.buffer = buffer
    self.capacity = capacity
  }

  /// The name lies in the buffer until the next call, and has a zero behind it.
  @inline(never)
  mutating func next() -> Entry? {
    while true {
      if at == end {
        end = linux_directory(descriptor, buffer, capacity)
        at = 0
        if end <= 0 {
          failure = end
          end = 0
          return nil
        }
      }
      // struct linux_dirent64: inode, offset, length of the record, type, name.
      let record = UnsafeRawPointer(buffer + at)
      let next = record.loadUnaligned(fromByteOffset: 8, as: Int64.self)
      let kind = UInt32(buffer[at + 18])
      let name = Text(buffer + at + 19)
      at += Int(record.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
      if !all, name[0] == 46, name.count == 1 || (name.count == 2 && name[1] == 46) { continue }
      return Entry(name: name, kind: kind << 12, next: next)
    }
  }
}

/// A path that grows and shrinks at its end, with a zero behind it. At most 4,095 bytes, as the kernel takes it.
struct Path {
  static let capacity = 4096
  let start: Bytes
  private(set) var count = 0

  init() { start = mapped(Path.capacity) }

  var text: Text { Text(start, count) }

  /// false: too long, and nothing is changed.
  @inline(never)
  mutating func set(_ text: Text) -> Bool {
    guard text.count < Path.capacity else { return false }
    start.update(from: text.start, count: text.count)
    shorten(to: text.count)
    return true
  }
  /// As it is.
  @inline(never)
  mutating func append(raw text: Text) -> Bool {
    guard count + text.count < Path.capacity else { return false }
    (start + count).update(from: text.start, count: text.count)
    shorten(to: count + text.count)
    return true
  }
  /// With a slash between.
  @inline(never)
  mutating func append(_ name: Text) -> Bool {
    let slash = count > 0 && start[count - 1] != 47 ? 1 : 0
    guard count + slash + name.count < Path.capacity else { return false }
    if slash == 1 { start[count] = 47 }
    (start + count + slash).update(from: name.start, count: name.count)
    shorten(to: count + slash + name.count)
    return true
  }
  @inline(never)
  mutating func shorten(to newCount: Int) {
    count = newCount
    start[count] = 0
  }
}

/// A tree, from its root down, each directory before what is in it. It needs a path, one directory's buffer and twelve
/// bytes for each level: on the way back up, a directory is opened again and goes on where it was.
struct Walk {
  enum Event { case item, leave, done, failed }

  var path = Path()
  /// What the path is at.
  var stat = LinuxStat()
  /// Bytes of the path that are above the root's own name.
  private(set) var rootLength = 0
  /// A negated errno, after .failed: the path says of what.
  private(set) var failure = 0

  private struct Level {
    var offset: Int64
    var length: Int
  }
  private var levels: UnsafeMutablePointer<Level>
  private var capacity = pageSize / MemoryLayout<Level>.stride
  private(set) var depth = 0
  private let buffer: Bytes
  private var directory: Directory?
  private var descend = false

  @inline(never)
  init() {
    levels = UnsafeMutableRawPointer(mapped(pageSize)).bindMemory(to: Level.self, capacity: capacity)
    buffer = mapped(pageSize)
  }

  /// The root itself: links are followed where `follow`. 0 or a negated errno.
  @inline(never)
  mutating func begin(_ root: CString, follow: Bool) -> Int {
    depth = 0
    descend = false
    guard path.set(Text(root)) else { return -Errno.nameTooLong }
    rootLength = path.count
    return linux_stat(path.start, follow ? 0 : 0x100, &stat)
  }

  /// What the path is at now, without following a link.
  mutating func restat() -> Int { linux_stat(path.start, 0x100, &stat) }

  var isFolder: Bool { stat.isFolder }
  /// The folder that the path is at is entered by the next call.
  mutating func enter() { descend = true }

  /// What comes next: an item, the end of a folder that was entered (the path is then its own), or the end of all.
  @inline(never)
  mutating func next() -> Event {
    if descend {
      descend = false
      close()
      push(Level(offset: 0, length: path.count))
    }
    guard depth > 0 else { return .done }
    let level = levels + (depth - 1)
    path.shorten(to: level.pointee.length)
    if directory == nil, !open(at: level.pointee.offset) {
      depth &-= 1
      return .failed
    }
    if let entry = directory?.next() {
      level.pointee.offset = entry.next
      failure = path.append(entry.name) ? linux_stat(path.start, 0x100, &stat) : -Errno.nameTooLong
      return failure < 0 ? .failed : .item
    }
    failure = directory?.failure ?? 0
    close()
    depth &-= 1
    return failure < 0 ? .failed : .leave
  }

  @inline(never)
  private mutating func open(at offset: Int64) -> Bool {
    let descriptor = linux_open(path.start, Open.read | Open.folder, 0)
    failure = descriptor
    guard descriptor >= 0 else { return false }
    directory = Directory(Int32(truncatingIfNeeded: descriptor), buffer, pageSize)
    if offset != 0 { _ = linux_seek(Int32(truncatingIfNeeded: descriptor), offset, 0) }
    return true
  }
  @inline(never)
  private mutating func close() {
    if let directory { _ = linux_close(directory.descriptor) }
    directory = nil
  }
  @inline(never)
  private mutating func push(_ level: Level) {
    if depth == capacity {
      let more = UnsafeMutableRawPointer(mapped(2 * capacity * MemoryLayout<Level>.stride))
        .bindMemory(to: Level.self, capacity: 2 * capacity)
      more.update(from: levels, count: capacity)
      _ = linux_unmap(levels, capacity * MemoryLayout<Level>.stride)
      levels = more
      capacity *= 2
    }
    levels[depth] = level
    depth &+= 1
  }
}
