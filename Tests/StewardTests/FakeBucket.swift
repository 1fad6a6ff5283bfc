import Foundation
import Glibc
import Platform
import Synchronization

/// A little object store on this machine, for tests of what goes wrong: each answer can be exchanged, and connections can be cut.
/// That real stores take our requests is tested end to end, with one that checks every signature.
final class FakeBucket: Sendable {
  struct State {
    var objects: [String: [UInt8]] = [:]
    var uploads: [String: (key: String, parts: [Int: [UInt8]])] = [:]
    /// Asked before each call: nil lets it be, a status answers with it, 0 cuts the connection before the call counts, -1 after.
    var fault: @Sendable (_ call: String, _ number: Int) -> Int? = { _, _ in nil }
    /// "PUT /bucket/key?query" of every call.
    var calls: [String] = []
    var next = 1
  }

  let state = Mutex(State())
  let port: Int
  private let listener: Int32

  var objects: [String: [UInt8]] { state.withLock { $0.objects } }
  var uploads: Int { state.withLock { $0.uploads.count } }
  var calls: [String] { state.withLock { $0.calls } }

  func fail(_ fault: @escaping @Sendable (String, Int) -> Int?) { state.withLock { $0.fault = fault } }

  init() {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length)
        listen(descriptor, 16)
        getsockname(descriptor, $0, &length)
      }
      return Int(UInt16(bigEndian: pointer.pointee.sin_port))
    }
    Thread.detachNewThread { [self] in
      while true {
        let client = accept(descriptor, nil, nil)
        guard client >= 0 else { return _ = close(descriptor) }
        Thread.detachNewThread { [self] in
          serve(client)
          close(client)
        }
      }
    }
  }

  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  func settings() throws -> ObjectStoreSettings {
    var settings = try ObjectStoreSettings(
      endpoint: "http://127.0.0.1:\(port)", bucket: "bucket", region: "here", accessKey: "key",
      secret: { SecretBytes([1, 2, 3]) }, isOwn: true)
    // So small that everything large is small enough for a test.
    (settings.pieces.put, settings.pieces.part, settings.pieces.get) = (160_000, 80_000, 50_000)
    return settings
  }

  // MARK: One call

  private func serve(_ client: Int32) {
    guard let (head, body) = request(client) else { return }
    let lines = head.split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count > 1 else { return }
    let call = "\(words[0]) \(words[1])"
    let range = lines.first { $0.lowercased().hasPrefix("range:") }.map { String($0.dropFirst(6)) }
    let (fault, number) = state.withLock { state in
      state.calls.append(call)
      return (state.fault, state.calls.count)
    }
    let decided = fault(call, number)
    if decided == 0 { return }
    var answer = (status: 500, headers: "", body: [UInt8]())
    if let decided, decided > 0 {
      answer = (decided, "", Array("<Error><Code>Asked</Code></Error>".utf8))
    } else {
      answer = state.withLock { FakeBucket.answer(&$0, String(words[0]), String(words[1]), range, body) }
    }
    if decided == -1 { return }
    let text =
      "HTTP/1.1 \(answer.status) X\r\ncontent-length: \(answer.body.count)\r\n\(answer.headers)connection: close\r\n\r\n"
    send(client, Array(text.utf8) + answer.body)
  }

  private func request(_ client: Int32) -> (String, [UInt8])? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    let end = Array("\r\n\r\n".utf8)
    var headEnd: Int?
    while true {
      if headEnd == nil, let place = bytes.firstRange(of: end) { headEnd = place.upperBound }
      if let headEnd {
        let head = String(decoding: bytes[..<headEnd], as: UTF8.self)
        let length =
          head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
          .flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
        if bytes.count >= headEnd + length { return (head, Array(bytes[headEnd..<headEnd + length])) }
      }
      let got = recv(client, &buffer, buffer.count, 0)
      guard got > 0 else { return nil }
      bytes += buffer[0..<got]
    }
  }

  private func send(_ client: Int32, _ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard sent > 0 else { return }
      rest = rest.dropFirst(sent)
    }
  }

  private static func answer(
    _ state: inout State, _ method: String, _ target: String, _ range: String?, _ body: [UInt8]
  ) -> (status: Int, headers: String, body: [UInt8]) {
    let parts = target.split(separator: "?", maxSplits: 1)
    let key = String(parts[0].dropFirst("/bucket/".count))
    let query = Dictionary(
      (parts.count > 1 ? parts[1] : "").split(separator: "&").map { item in
        let halves = item.split(separator: "=", maxSplits: 1)
        return (String(halves[0]), halves.count > 1 ? String(halves[1]).removingPercentEncoding ?? "" : "")
      }, uniquingKeysWith: { first, _ in first })
    let tag = "etag: \"tag\"\r\n"
    switch (method, query["uploadId"]) {
    case ("PUT", let upload?):
      guard state.uploads[upload] != nil else { return (404, "", Array("<Code>NoSuchUpload</Code>".utf8)) }
      state.uploads[upload]?.parts[Int(query["partNumber"] ?? "") ?? 0] = body
      return (200, tag, [])
    case ("PUT", nil):
      state.objects[key] = body
      return (200, tag, [])
    case ("POST", let upload?):
      guard let held = state.uploads.removeValue(forKey: upload) else {
        return (404, "", Array("<Code>NoSuchUpload</Code>".utf8))
      }
      state.objects[held.key] = held.parts.sorted { $0.key < $1.key }.flatMap(\.value)
      return (200, tag, Array("<CompleteMultipartUploadResult/>".utf8))
    case ("POST", nil):
      let id = "u\(state.next)"
      state.next += 1
      state.uploads[id] = (key, [:])
      return (200, "", Array("<UploadId>\(id)</UploadId>".utf8))
    case ("DELETE", let upload?):
      return (state.uploads.removeValue(forKey: upload) == nil ? 404 : 204, "", [])
    case ("DELETE", nil):
      state.objects[key] = nil
      return (204, "", [])
    default: return get(state, key, query, range, tag)
    }
  }

  private static func get(
    _ state: State, _ key: String, _ query: [String: String], _ range: String?, _ tag: String
  ) -> (status: Int, headers: String, body: [UInt8]) {
    if let prefix = query["prefix"] {
      if query["uploads"] != nil {
        let items = state.uploads.filter { $0.value.key.hasPrefix(prefix) }.map {
          "<Upload><Key>\($0.value.key)</Key><UploadId>\($0.key)</UploadId></Upload>"
        }
        return (200, "", Array(items.joined().utf8))
      }
      // Pages of two, so that following them is tested too.
      let found = state.objects.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }
      let start = Int(query["continuation-token"] ?? "0") ?? 0
      let page = found.dropFirst(start).prefix(2).map {
        "<Contents><Key>\($0.key)</Key><Size>\($0.value.count)</Size></Contents>"
      }
      let more = found.count > start + 2
      return (
        200, "",
        Array(
          ("<IsTruncated>\(more)</IsTruncated>"
            + (more ? "<NextContinuationToken>\(start + 2)</NextContinuationToken>" : "")
            + page.joined()).utf8)
      )
    }
    guard let object = state.objects[key] else { return (404, "", Array("<Code>NoSuchKey</Code>".utf8)) }
    let bounds = (range ?? "").split { !$0.isNumber }.compactMap { Int($0) }
    guard bounds.count == 2, bounds[0] < object.count else { return (416, "", []) }
    let last = min(bounds[1], object.count - 1)
    return (
      206, tag + "content-range: bytes \(bounds[0])-\(last)/\(object.count)\r\n", Array(object[bounds[0]...last])
    )
  }
}
