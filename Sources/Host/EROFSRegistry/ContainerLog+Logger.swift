// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if Registry
  import EROFSContainers
  import Logging

  extension ContainerLog {
    /// A log that leads to swift-log.
    ///
    /// - Parameter logger: gets each entry, with its values as metadata.
    public init(_ logger: Logger) {
      self.init { entry in
        let level: Logger.Level =
          switch entry.level {
          case .debug: .debug
          case .info: .info
          case .warning: .warning
          }
        logger.log(level: level, "\(entry.message)", metadata: entry.metadata.mapValues { .string($0) })
      }
    }
  }
#endif
