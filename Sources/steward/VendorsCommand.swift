import ArgumentParser
import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import Platform

struct VendorsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vendors", abstract: "Keep vendors over the API.", subcommands: [Import.self])

  struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Import a vendor register from a CSV file.",
      discussion: """
        The token comes from the environment variable STEWARD_TOKEN or from --token-file, never from a flag.

        STEWARD_TOKEN=$(cat token) steward vendors import vendors.csv --server http://localhost:8080
        """)

    /// Bytes of an answer; a thousand rejected lines fit.
    private static let largestAnswer = 4 << 20

    @Argument(help: ArgumentHelp("The CSV file.", valueName: "FILE")) var file: String
    @Option(help: ArgumentHelp("Where the server is.", valueName: "URL")) var server = "http://localhost:8080"
    @Option(help: ArgumentHelp("A file that holds the token.", valueName: "FILE")) var tokenFile: String?
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let answer = try await send(try token())
        output.print(answer, text: text(answer))
        if (answer["rejected_total"]?.integer ?? 0) > 0 { throw ExitCodes.refused }
      }
    }

    private func token() throws -> String {
      if let tokenFile {
        guard let bytes = FileBytes.read(tokenFile, limit: 4_096) else {
          throw Problem.invalid("token-file", "The token file cannot be read.")
        }
        return String(decoding: bytes, as: UTF8.self).trimmed
      }
      guard let value = getenv("STEWARD_TOKEN") else {
        throw Problem.invalid("token", "Put the token into STEWARD_TOKEN, or name a file with --token-file.")
      }
      return String(cString: value).trimmed
    }

    private func send(_ token: String) async throws -> JSON {
      guard let chunks = FileBytes.chunks(file) else { throw Problem.invalid("file", "The file cannot be read.") }
      var request = HTTPClientRequest(url: server + "/v1/vendors/import")
      request.method = .POST
      request.headers.add(name: "Authorization", value: "Bearer \(token)")
      request.headers.add(name: "Content-Type", value: "text/csv")
      request.body = .stream(chunks.buffers, length: .unknown)
      let answer: (status: UInt, body: [UInt8])
      do {
        let response = try await HTTPClient.shared.execute(request, timeout: .minutes(10))
        let body = try await response.body.collect(upTo: Import.largestAnswer)
        answer = (response.status.code, Array(body.readableBytesView))
      } catch {
        throw Problem(.unavailable, "The server does not answer at \(server); start it or name it with --server.")
      }
      guard let json = try? JSON.parse(answer.body) else {
        throw Problem(.unavailable, "The server's answer is not understood; is \(server) Steward?")
      }
      guard answer.status < 300 else {
        throw Problem(.conflict, json["detail"]?.string ?? "The server refused the file.")
      }
      return json
    }

    private func text(_ answer: JSON) -> String {
      func count(_ name: String) -> Int { answer[name]?.integer ?? 0 }
      let rejected = (answer["rejected"]?.array ?? []).map { line in
        "  line \(line["line"]?.integer ?? 0), \(line["field"]?.string ?? "line"): \(line["reason"]?.string ?? "")"
      }
      let head =
        "\(count("created")) created, \(count("updated")) updated, \(count("unchanged")) unchanged, "
        + "\(count("rejected_total")) rejected"
      return ([head] + rejected).joined(separator: "\n")
    }
  }
}

/// Files as the command line reads them.
enum FileBytes {
  private static let chunkSize = 1 << 16

  static func read(_ path: String, limit: Int) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = Glibc.read(descriptor, &buffer, limit)
    return count >= 0 ? Array(buffer.prefix(count)) : nil
  }

  /// Nil if the file cannot be opened.
  static func chunks(_ path: String) -> Chunks? {
    guard let file = fopen(path, "rbe") else { return nil }
    let held = OpenFile(file)
    return Chunks {
      return {
        var buffer = [UInt8](repeating: 0, count: chunkSize)
        let count = fread(&buffer, 1, buffer.count, held.file)
        return count > 0 ? Array(buffer.prefix(count)) : nil
      }
    }
  }

  private final class OpenFile: @unchecked Sendable {
    // Read by one request at a time, closed when that is over.
    let file: UnsafeMutablePointer<FILE>
    init(_ file: UnsafeMutablePointer<FILE>) { self.file = file }
    deinit { fclose(file) }
  }
}

extension Chunks {
  /// As the HTTP client wants them.
  fileprivate var buffers: AsyncThrowingMapSequence<Chunks, ByteBuffer> { map { ByteBuffer(bytes: $0) } }
}
