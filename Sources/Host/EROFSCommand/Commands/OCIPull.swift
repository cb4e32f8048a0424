// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSContainers
import EROFSTools
import SystemPackage

#if Registry
  import EROFSRegistry
#endif

struct OCIPull: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Fetches a container image from a registry.",
    discussion: """
      REFERENCE is written as for docker pull: alpine, quay.io/name/image:tag, localhost:5000/image@sha256:DIGEST.

      OUTPUT becomes an OCI image layout, a directory with that image only; with --form it becomes what erofs oci unpack makes \
      of it. It appears under its name when all of it is complete and is what its digests say. Connections that are cut are \
      made again, and what came is kept.

      Credentials are those of docker login (config.json in $DOCKER_CONFIG or ~/.docker, and the programs that it names in \
      credHelpers and credsStore), or else of podman login ($REGISTRY_AUTH_FILE, or containers/auth.json in \
      $XDG_RUNTIME_DIR), or --username and --password-stdin. They are sent to the registry and to its server for tokens only.

      An erofs that was built without the trait Registry has no client for registries, and says so.
      """)

  enum Form: String, ExpressibleByArgument, CaseIterable { case layout, layers, metadata, archives, merged }

  @Argument(help: "The image.")
  var reference: String

  @Argument(help: "The directory that is made, or with --form merged the image.", completion: .file())
  var output: RawArgument

  @Option(help: "What is made: layout, layers, metadata, archives or merged.")
  var form = Form.layout

  @OptionGroup var images: LayerOptions

  @Flag(help: "Append hashes for dm-verity to each image, as erofs oci unpack does.")
  var verity = false

  @Option(help: ArgumentHelp("Who logs in.", valueName: "name"))
  var username: String?

  @Flag(help: "Read the password from standard input, to the end of its first line.")
  var passwordStdin = false

  @Flag(help: "Do not log in, whatever docker's or podman's configuration says.")
  var anonymous = false

  @Option(
    help: ArgumentHelp(
      "A file of certificates (PEM) of authorities that are believed besides the system's.", valueName: "file"),
    completion: .file())
  var caFile: RawArgument?

  @Flag(help: "Speak HTTP without TLS. Registries on this machine need no such option.")
  var plainHttp = false

  @Option(help: ArgumentHelp("How many layers come at once.", valueName: "n"))
  var parallel = 4

  @OptionGroup var progress: ProgressOptions

  @Flag(help: "Print what was made as JSON.")
  var json = false

  func validate() throws {
    if (username != nil) != passwordStdin {
      throw ValidationError("--username and --password-stdin are given together")
    }
    if anonymous, username != nil { throw ValidationError("--anonymous and --username cannot be used together") }
    if let username, username.isEmpty || username.contains(":") { throw ValidationError("--username: it has no colon") }
    guard (1...64).contains(parallel) else { throw ValidationError("--parallel: between 1 and 64") }
    if form == .layout, verity || !images.mkfs.isEmpty {
      throw ValidationError("--verity and --mkfs are for images: choose one with --form")
    }
    do { _ = try ImageReference(reference) } catch { throw ValidationError("\(error)") }
  }

  func run() throws {
    #if Registry
      Interruption.watch()
      do { try fetch(ImageReference(reference)) } catch {
        if Interruption.isRequested { Interruption.endBySignal() }
        throw CommandError("\(reference): \(error)")
      }
    #else
      throw CommandError(
        "this erofs has no client for registries: it was built without the trait Registry (./install --registry builds with it)"
      )
    #endif
  }
}

#if Registry
  extension OCIPull {
    private func fetch(_ reference: ImageReference) throws {
      // All that may fail first: the transport has to be shut down.
      let (credentials, options) = (try self.credentials(for: reference), try images.options())
      let transport = try HTTPTransport(authorities: caFile?.filePath)
      var client = RegistryClient(transport)
      client.credentials = credentials
      (client.allowsPlainHTTP, client.parallel) = (plainHttp, parallel)
      let (own, platform, bar) = (client, images.wanted, progress.progress("pulling"))
      let place = output.filePath
      if form == .layout {
        let pulled = try Self.finish(transport, bar) {
          try await own.pull(reference, for: platform, to: place, progress: $0)
        }
        let text = JSON.object([("path", .string("\(output)")), ("digest", .string("\(pulled.digest)"))]).text()
        return StandardOutput.shared.write(text: json ? text + "\n" : "\(pulled.digest)\n")
      }
      var unpacking = LayoutUnpacking()
      unpacking.form = .init(rawValue: form.rawValue)!
      (unpacking.options, unpacking.hasHashTrees) = (options, verity)
      let wanted = unpacking
      let made = try Self.finish(transport, bar) {
        try await own.unpack(reference, for: platform, by: wanted, at: place, progress: $0)
      }
      OCIUnpack.report(made, json: json)
    }

    private static func password() throws -> String {
      guard let line = readLine(), !line.isEmpty else { throw CommandError("standard input has no password") }
      return line
    }

    private func credentials(for reference: ImageReference) throws -> RegistryCredentials? {
      if let username {
        return RegistryCredentials(username: username, password: try Self.password())
      }
      if anonymous { return nil }
      do { return try RegistryCredentials.ofLogin(to: reference.registry) } catch {
        throw CommandError("\(error) (--anonymous goes on without)")
      }
    }

    /// Waits for it; a signal ends it. The connections are closed then.
    private static func finish<Result: Sendable>(
      _ transport: HTTPTransport, _ bar: Progress,
      _ body: @escaping @Sendable (@escaping @Sendable (RegistryClient.Progress) -> Void) async throws -> Result
    ) throws -> Result {
      defer { bar.end() }
      return try Waiting.result(of: {
        let result: Swift.Result<Result, any Error>
        do {
          result = .success(
            try await body { state in
              if state.done == 0 { bar.begin(total: state.total) }
              bar.advance(to: state.done)
            })
        } catch { result = .failure(error) }
        try? await transport.shutdown()
        return try result.get()
      })
    }
  }
#endif
