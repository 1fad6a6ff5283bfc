import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import Platform

/// The time by which stalls are measured, in milliseconds; it never goes back.
private func milliseconds() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

/// The first handler of a connection: asks the gate, counts bytes and closes what does not move. Everything of it happens on the connection's loop.
final class ConnectionWatch: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  static let inspection = TimeAmount.seconds(2)

  var pace: ConnectionPace
  /// The requests of an HTTP/1 connection.
  var requests: RequestWatch?
  private let gate: ListenerGate
  private var inspections: Scheduled<Void>?
  /// Set once the gate has let it in: then it must be told of the end.
  private var peer: ClientAddress??

  init(_ settings: LimitSettings, gate: ListenerGate) {
    self.gate = gate
    pace = ConnectionPace(settings, openedAt: milliseconds())
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { enter(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    enter(context)
    context.fireChannelActive()
  }

  private func enter(_ context: ChannelHandlerContext) {
    guard peer == nil else { return }
    let address = ClientAddress(context.remoteAddress)
    guard gate.enter(address, at: milliseconds()) else {
      context.close(mode: .all, promise: nil)
      return
    }
    peer = .some(address)
    schedule(context)
  }

  private func schedule(_ context: ChannelHandlerContext) {
    let loop = context.eventLoop.assumeIsolated()
    inspections = loop.scheduleTask(in: ConnectionWatch.inspection) { [weak self] in self?.inspect(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  private func end() {
    inspections?.cancel()
    inspections = nil
    requests = nil
    if let address = peer { gate.leave(address) }
    peer = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    pace.received(at: milliseconds())
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    pace.wrote(unwrapOutboundIn(data).readableBytes)
    context.write(data, promise: promise)
  }

  private func inspect(_ context: ChannelHandlerContext) {
    let now = milliseconds()
    let buffered = (try? context.channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)) ?? 0
    if pace.stall(at: now, buffered: buffered) != nil || requests?.isStalled(at: now) == true {
      context.close(mode: .all, promise: nil)
    } else {
      schedule(context)
    }
  }
}

/// Sees each request and answer go by, of one HTTP/1 connection or one HTTP/2 stream: measures their pace, adds what every answer must
/// carry, and answers what is no HTTP at all.
final class RequestWatch: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private var pace: RequestPace
  private let fields: [HTTPField]
  /// Nil for a stream of HTTP/2, which has inspections of its own.
  private let connection: ConnectionWatch?
  private var inspections: Scheduled<Void>?
  private var isLastAnswer = false

  init(_ settings: LimitSettings, fields: [HTTPField], connection: ConnectionWatch?) {
    pace = RequestPace(settings)
    self.fields = fields
    self.connection = connection
  }

  func isStalled(at now: Int64) -> Bool { pace.stall(at: now) != nil }

  func handlerAdded(context: ChannelHandlerContext) {
    guard connection == nil else { return }
    schedule(context)
  }

  private func schedule(_ context: ChannelHandlerContext) {
    let loop = context.eventLoop.assumeIsolated()
    inspections = loop.scheduleTask(in: ConnectionWatch.inspection) { [weak self] in
      guard let self else { return }
      if isStalled(at: milliseconds()) {
        context.close(mode: .all, promise: nil)
      } else {
        schedule(context)
      }
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  private func end() {
    inspections?.cancel()
    inspections = nil
  }

  // MARK: The request

  func read(context: ChannelHandlerContext) {
    pace.asked(at: milliseconds())
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let now = milliseconds()
    pace.arrived(at: now)
    switch unwrapInboundIn(data) {
    case .head:
      pace.head(at: now)
      connection?.pace.busy()
    case .body(let bytes): pace.body(bytes.readableBytes)
    case .end:
      pace.end()
      if pace.phase == .idle { connection?.pace.idle(at: now) }
    }
    context.fireChannelRead(data)
  }

  /// What cannot be read as HTTP, or has more of a head than is read (RFC 6585 §5), is told so, and that was that.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard connection != nil, pace.phase == .idle, isParseError(error) else {
      context.fireErrorCaught(error)
      return
    }
    let isTooLarge = error as? HTTPParserError == .headerOverflow || error is NIOHTTPDecoderError
    var head = HTTPResponse(status: isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest)
    head.headerFields[.contentLength] = "0"
    isLastAnswer = true
    pace.head(at: milliseconds())
    pace.end()
    write(context: context, data: wrapOutboundOut(.head(head)), promise: nil)
    write(context: context, data: wrapOutboundOut(.end(nil)), promise: nil)
  }

  private func isParseError(_ error: any Error) -> Bool {
    error is HTTPParserError || error is NIOHTTPDecoderError || error is ByteToMessageDecoderError
  }

  // MARK: The answer

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let now = milliseconds()
    switch unwrapOutboundIn(data) {
    case .head(var head):
      if head.status.kind != .informational { complete(&head, at: now) }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .body(let bytes):
      let count = bytes.readableBytes
      pace.writing(count, at: now)
      let promise = promise ?? context.eventLoop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenComplete { [weak self] _ in
        self?.pace.written(count, at: milliseconds())
      }
      context.write(data, promise: promise)
    case .end:
      context.write(data, promise: promise)
      ended(context, at: now)
    }
  }

  private func complete(_ head: inout HTTPResponse, at now: Int64) {
    for field in fields where head.headerFields[field.name] == nil { head.headerFields.append(field) }
    guard let connection else { return }
    if connection.pace.isOld(at: now) { isLastAnswer = true }
    if isLastAnswer { head.headerFields[.connection] = "close" }
  }

  private func ended(_ context: ChannelHandlerContext, at now: Int64) {
    pace.answered(at: now)
    guard let connection, pace.phase == .idle else { return }
    connection.pace.idle(at: now)
    guard isLastAnswer else { return }
    context.flush()
    context.close(mode: .all, promise: nil)
  }
}

/// A request that names its host in the first line is asked of that host (RFC 9112 §3.2.2); what the Host field says then is not looked at.
/// Stands before the codec, which would drop the name.
final class TargetForm: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = unwrapInboundIn(data), !head.uri.hasPrefix("/"), head.uri != "*" else {
      context.fireChannelRead(data)
      return
    }
    if head.headers["Host"].count == 1 {
      head.headers.replaceOrAdd(name: "Host", value: TargetForm.authority(of: head.uri))
    }
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }

  /// What stands between `//` and the path; of a target without a scheme (CONNECT), all of it.
  static func authority(of target: String) -> String {
    guard let start = target.firstRange(of: "://")?.upperBound else { return target }
    return String(target[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" })
  }
}
