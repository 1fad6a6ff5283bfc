import HTTPTypes
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOHTTPTypesHTTP1
import NIOSSL
import NIOTLS
import Platform

/// One connection of the listener: through the gate, TLS if it is set up, then HTTP/2 or HTTP/1.1 as the client chose, watched on the way.
struct ListenerChannel: ServerChildChannel {
  enum Spoken: Sendable {
    case http1(HTTP1Channel.Value)
    case http2(HTTP2Channel.Value)
  }

  struct Value: ServerChildChannelValue {
    let spoken: EventLoopFuture<Spoken>
    let channel: any Channel
  }

  private let settings: LimitSettings
  private let gate: ListenerGate
  private let certificates: ListenerCertificates?
  private let fields: [HTTPField]
  private let http1: HTTP1Channel
  private let http2: HTTP2Channel

  init(
    _ settings: LimitSettings, gate: ListenerGate, certificates: ListenerCertificates?, fields: [HTTPField],
    responder: @escaping HTTPChannelHandler.Responder
  ) {
    self.settings = settings
    self.gate = gate
    self.certificates = certificates
    self.fields = fields
    http1 = HTTP1Channel(
      responder: responder,
      configuration: .init(
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: settings.maximumHeaderFieldBytes, maxHeaderListSize: settings.maximumHeaderBytes,
          maxHeaderFieldCount: settings.maximumHeaderFields)))
    // swift-nio-http2 itself allows 100 streams at once, 16 KiB of header list, 5 CONTINUATION frames in a row, 200 resets and 200
    // control frames in 30 seconds (CVE-2023-44487, CVE-2024-27316), and closes what goes beyond.
    var configuration = HTTP2ChannelConfiguration(
      idleTimeout: .seconds(settings.idleSeconds), gracefulCloseTimeout: .seconds(settings.idleSeconds),
      streamConfiguration: .init(
        additionalChannelHandlers: [RequestWatch(settings, fields: fields, connection: nil)]))
    configuration.maxAgeTimeout = .seconds(settings.maximumConnectionSeconds)
    http2 = HTTP2Channel(responder: responder, configuration: configuration)
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let watch = ConnectionWatch(settings, gate: gate)
      try channel.pipeline.syncOperations.addHandler(watch)
      return Value(spoken: try spoken(on: channel, watch, logger), channel: channel)
    }
  }

  private func spoken(
    on channel: any Channel, _ watch: ConnectionWatch, _ logger: Logger
  ) throws -> EventLoopFuture<Spoken> {
    let watch = NIOLoopBound(watch, eventLoop: channel.eventLoop)
    guard let certificates else { return plain(channel, watch, logger) }
    let chosen = NIOTypedApplicationProtocolNegotiationHandler<Spoken> { result in
      switch result {
      case .negotiated("h2"):
        watch.value.pace.isMultiplexed = true
        return http2.setup(channel: channel, logger: logger).map { .http2($0) }
      case .negotiated("http/1.1"), .fallback: return plain(channel, watch, logger)
      case .negotiated: return channel.close().flatMapThrowing { throw ChannelError.inputClosed }
      }
    }
    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.context))
    try channel.pipeline.syncOperations.addHandler(HandshakeEnd())
    try channel.pipeline.syncOperations.addHandler(chosen)
    return chosen.protocolNegotiationResult
  }

  private func plain(
    _ channel: any Channel, _ watch: NIOLoopBound<ConnectionWatch>, _ logger: Logger
  ) -> EventLoopFuture<Spoken> {
    http1.setup(channel: channel, logger: logger).flatMapThrowing { [settings, fields] value in
      let pipeline = channel.pipeline.syncOperations
      let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
      let requests = RequestWatch(settings, fields: fields, connection: watch.value)
      watch.value.requests = requests
      try pipeline.addHandler(TargetForm(), position: .before(codec))
      try pipeline.addHandler(requests, position: .after(codec))
      return .http1(value)
    }
  }

  func handle(value: Value, logger: Logger) async {
    // A handshake that fails is the client's affair, and there are thousands of them: no line of the log.
    guard let spoken = try? await value.spoken.get() else {
      value.channel.close(promise: nil)
      return
    }
    // A request then goes from the socket to its handler and back without changing threads.
    await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
      switch spoken {
      case .http1(let channel): await http1.handle(value: channel, logger: logger)
      case .http2(let channel): await http2.handle(value: channel, logger: logger)
      }
    }
  }
}

/// Runs the tasks of a connection on its event loop. What takes long there would hold up the loop's other connections: the dispatcher
/// sends every handler elsewhere that is not declared brief.
private final class LoopExecutor: TaskExecutor {
  private let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// Closes a connection whose TLS has failed: there is nothing more to say on it, and it would wait for its time to run out.
private final class HandshakeEnd: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.fireErrorCaught(error)
    context.close(mode: .all, promise: nil)
  }
}
