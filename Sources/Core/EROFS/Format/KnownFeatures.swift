// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// What this reader knows. Programs that define `EROFS_BASIC_IMAGES` know what compressed images need and no more; what hangs on
// another feature is left out when they are compiled, because no superblock with it is accepted.

extension IncompatibleFeatures {
  #if EROFS_BASIC_IMAGES
    /// What this reader knows.
    @inlinable public static var known: Self { Self(rawValue: 0x13) }
  #else
    /// What this reader knows.
    @inlinable public static var known: Self { Self(rawValue: 0x1FF) }
  #endif
}
