// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSMount
import EROFSTools

extension Mounting {
  /// Checks that the extra devices are those of the image, so that a wrong one is an error now, and not wrong bytes later.
  ///
  /// What cannot be opened, or is no image, is left to the mount, which says so.
  ///
  /// - Throws: `DeviceError`, or an `EROFSError` if the device table cannot be read.
  func checkDevices() throws {
    guard !devices.isEmpty, let file = try? ImageFile(image, devices: devices, offset: offset),
      let superblock = try? Superblock(reading: file)
    else { return }
    try file.checkDevices(superblock)
  }
}
