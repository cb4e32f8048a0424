// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import EROFSTools

@Suite struct FileCreationMaskTests {
  /// Reading it from several threads changes it for none: a thread that creates files meanwhile sees only the one.
  @Test func readingIsNoChange() throws {
    let before = FileCreationMask.current
    let folder = TemporaryFolder()
    let modes = SynchronizedArray<mode_t>()
    runThreads(4) { thread in
      for number in 0..<500 {
        if thread % 2 == 0 {
          modes.append(0o666 & ~FileCreationMask.current)
        } else {
          let file = open(folder("\(thread)-\(number)"), O_CREAT | O_WRONLY | O_EXCL, 0o666)
          var status = stat()
          fstat(file, &status)
          modes.append(status.st_mode & 0o777)
          close(file)
        }
      }
    }
    #expect(Set(modes.all) == [0o666 & ~before])
    #expect(FileCreationMask.current == before)
  }
}
