import NIOCore
import NIOPosix
import NIOSSL
import Platform
import Synchronization
import Trust

/// Asks our own listener, over the network, what it agrees to: every version, every family of suites, plain HTTP, and what stands on its
/// answers. The one place beside the egress gate that opens a connection, and only to the port that this very process listens on.
struct HandshakeScan: Sendable {
  /// For one answer.
  static let timeoutSeconds: Int64 = 5
  /// Bytes of an answer that are looked at.
  static let maximumAnswerBytes = 64 << 10

  let host: String
  let port: Int
  /// What stands in the Host field.
  let authority: String

  static func report(on state: ListenerState) async throws -> ListenerReport {
    guard let port = state.openPort else { return ListenerReport(ending: .nowhere) }
    if let proxies = state.settings.proxies {
      return ListenerReport(ending: .proxy(isLocal: proxies.trusted.ranges.allSatisfy(\.isLoopback)))
    }
    guard state.settings.tls != nil else { return ListenerReport(ending: .thisMachine) }
    let authority = state.origin.firstRange(of: "://").map { String(state.origin[$0.upperBound...]) } ?? "localhost"
    return try await HandshakeScan(host: state.settings.address.ownHost, port: port, authority: authority).report()
  }

  func report() async throws -> ListenerReport {
    var agreed: [ListenerReport.Version: [ListenerReport.Suite]] = [:]
    var (hellos, offered) = (0, 0)
    for version in ListenerReport.Version.allCases {
      let suites = SuiteCatalogue.offered(version)
      let found = try await agreement(version, suites)
      hellos += found.hellos
      offered += suites.count
      if !found.suites.isEmpty { agreed[version] = found.suites }
    }
    let compression = try await compresses()
    let clear = try await exchange(Array("GET /healthz HTTP/1.1\r\nHost: \(authority)\r\n\r\n".utf8), tls: nil) {
      $0.count >= 5
    }
    return ListenerReport(
      ending: .here, agreed: agreed, hellos: hellos + 1, suitesOffered: offered, compresses: compression,
      answersInClear: String(decoding: clear.prefix(5), as: UTF8.self) == "HTTP/", answers: try await answers())
  }

  // MARK: Hellos

  /// Every suite that is agreed to: what was chosen is left out of the next offer, until nothing is.
  private func agreement(
    _ version: ListenerReport.Version, _ suites: [UInt16]
  ) async throws -> (suites: [ListenerReport.Suite], hellos: Int) {
    var (left, found, hellos) = (suites, [ListenerReport.Suite](), 0)
    while !left.isEmpty {
      hellos += 1
      guard case .agreed(version.code, let suite, _) = try await reply(to: ClientHello(version: version, suites: left)),
        left.contains(suite)
      else { break }
      found.append(ListenerReport.Suite(code: suite, isStrong: SuiteCatalogue.isStrong(suite)))
      left.removeAll { $0 == suite }
    }
    return (found, hellos)
  }

  private func compresses() async throws -> Bool {
    let hello = ClientHello(version: .tls12, suites: SuiteCatalogue.offered(.tls12), offersCompression: true)
    guard case .agreed(_, _, let compression) = try await reply(to: hello) else { return false }
    return compression != 0
  }

  private func reply(to hello: ClientHello) async throws -> HelloReply {
    let bytes = try await exchange(hello.bytes(), tls: nil) { HelloReply($0) != nil }
    guard let reply = HelloReply(bytes), reply != .nothing else { throw HandshakeScan.silent }
    return reply
  }

  /// A refusal is an alert. A listener that is full or slow says nothing at all, and that shows nothing.
  private static let silent = Problem(.unavailable, "Our own listener gave no answer.")

  // MARK: Answers over TLS

  /// Pages, refusals and what is no HTTP at all.
  private func answers() async throws -> [ListenerReport.Answer] {
    let host = "Host: \(authority)\r\nConnection: close\r\n"
    let asked: [(String, String)] = [
      ("a page", "GET /trust HTTP/1.1\r\nAccept: text/html\r\n\(host)\r\n"),
      ("a page without its body", "HEAD / HTTP/1.1\r\n\(host)\r\n"),
      ("the API without a credential", "GET /v1/me HTTP/1.1\r\n\(host)\r\n"),
      ("a page that is not there", "GET /nowhere HTTP/1.1\r\nAccept: text/html\r\n\(host)\r\n"),
      ("a method that is not taken", "DELETE /healthz HTTP/1.1\r\n\(host)\r\n"),
      ("another host's name", "GET / HTTP/1.1\r\nHost: another.invalid\r\nConnection: close\r\n\r\n"),
      ("a request without a host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
      ("a head that is too large", "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 40_000))\r\n\(host)\r\n"),
      ("what is no HTTP", "no request at all\r\n\r\n"),
    ]
    var answers: [ListenerReport.Answer] = []
    let context = try NIOSSLContext(configuration: HandshakeScan.client)
    for (what, request) in asked {
      let bytes = try await exchange(Array(request.utf8), tls: context) { bytes in
        bytes.indices.dropLast(3).contains { bytes[$0...].starts(with: [13, 10, 13, 10]) }
      }
      guard let answer = HandshakeScan.answer(what, bytes) else { throw HandshakeScan.silent }
      answers.append(answer)
    }
    return answers
  }

  /// Whose certificate it is does not matter here, and a name of this machine need not stand in it.
  private static var client: TLSConfiguration {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.certificateVerification = .none
    configuration.trustRoots = .certificates([])
    return configuration
  }

  private static func answer(_ what: String, _ bytes: [UInt8]) -> ListenerReport.Answer? {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
    guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3)) else {
      return nil
    }
    let name = "strict-transport-security:"
    let header = lines.dropFirst().prefix { !$0.isEmpty }.first { $0.lowercased().hasPrefix(name) }
    return ListenerReport.Answer(
      what: what, status: status, strictTransportSecurity: header.map { $0.dropFirst(name.count).trimmed })
  }

  // MARK: The connection

  /// Sends `request` and answers what comes back until `isEnough`, the other end closes, or time is up. A server that is being stopped lets nobody
  /// in and answers nothing: whoever is told to stop does not wait for that.
  private func exchange(
    _ request: [UInt8], tls: NIOSSLContext?, isEnough: @escaping @Sendable ([UInt8]) -> Bool
  ) async throws -> [UInt8] {
    try Task.checkCancellation()
    let group = MultiThreadedEventLoopGroup.singleton
    let open = Mutex<(any Channel)?>(nil)
    let bootstrap = ClientBootstrap(group: group).connectTimeout(.seconds(HandshakeScan.timeoutSeconds))
    do {
      let answer = try await withTaskCancellationHandler {
        try await bootstrap.connect(host: host, port: port) { channel in
          open.withLock { $0 = channel }
          return channel.eventLoop.makeCompletedFuture {
            let answer = channel.eventLoop.makePromise(of: [UInt8].self)
            if let tls {
              try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
            }
            try channel.pipeline.syncOperations.addHandler(OneExchange(request, answer, isEnough))
            return answer.futureResult
          }
        }.get()
      } onCancel: {
        open.withLock { $0 }?.close(promise: nil)
      }
      try Task.checkCancellation()
      return answer
    } catch let error as Problem {
      throw error
    } catch {
      try Task.checkCancellation()
      throw Problem(.unavailable, "Our own listener cannot be reached.", detail: String(reflecting: type(of: error)))
    }
  }
}

/// One request, one answer.
private final class OneExchange: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let request: [UInt8]
  private let answer: EventLoopPromise<[UInt8]>
  private let isEnough: ([UInt8]) -> Bool
  private var bytes: [UInt8] = []
  private var isOver = false
  private var alarm: Scheduled<Void>?

  init(_ request: [UInt8], _ answer: EventLoopPromise<[UInt8]>, _ isEnough: @escaping ([UInt8]) -> Bool) {
    self.request = request
    self.answer = answer
    self.isEnough = isEnough
  }

  func handlerRemoved(context: ChannelHandlerContext) { end(context) }

  func channelActive(context: ChannelHandlerContext) {
    alarm = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(HandshakeScan.timeoutSeconds)) { [weak self] in
      self?.end(context)
    }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: request)), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes += Array(unwrapInboundIn(data).readableBytesView)
    if bytes.count > HandshakeScan.maximumAnswerBytes || isEnough(bytes) { end(context) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(context)
    context.fireChannelInactive()
  }

  /// Whatever went wrong, what came until then is the answer.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { end(context) }

  private func end(_ context: ChannelHandlerContext) {
    guard !isOver else { return }
    isOver = true
    alarm?.cancel()
    answer.succeed(bytes)
    context.close(promise: nil)
  }
}
