// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension HostCodec {
  static let stored = HostCodec(
    mkfsNames: ["stored"], limits: { _ in "no limits" }, largestPclusterBlocks: { _ in nil }, stepsPerByte: 1,
    stepsPerStoredByte: 1, linux: (99, 0),
    linuxWay: .stream(LinuxStream(what: { _ in "nothing" }, bytes: { _ in 0 }, source: "a test")))
}
