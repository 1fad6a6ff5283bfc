import Glibc
import Kernel
import Synchronization

@testable import Web

extension Target {
  static let web: [Target] = [address, cookie, media, multipart]

  private static let address = Target("address", texts: ["a=1&b=%C3%A9+x&a=", "%2f%2F..%00", "q=%f0%9f%98%80"]) {
    text in
    if let query = try? Query(parsing: text) {
      must(
        query.pairs.count == text.utf8.split(separator: UInt8(ascii: "&")).count,
        "query: not one pair between two ampersands")
      let again = query.pairs.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(
        separator: "&")
      must(
        same((try? Query(parsing: again))?.pairs, query.pairs), "query: written again it reads differently: \(again)")
    }
    must(PercentEncoding.decode(PercentEncoding.encode(text)) == text, "percent: does not come back")
    let incoming = Incoming(method: "GET", target: text, headers: Headers(), body: Chunks(bytes: []), remoteAddress: "")
    if let segments = incoming.segments {
      let slashes = text.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }.filter {
        $0 == UInt8(ascii: "/")
      }.count
      must(segments.count == slashes || (segments.isEmpty && slashes == 1), "path: not one segment behind each slash")
    }
  }

  private static func same(_ a: [(name: String, value: String)]?, _ b: [(name: String, value: String)]) -> Bool {
    guard let a, a.count == b.count else { return false }
    return zip(a, b).allSatisfy {
      $0.name.utf8.elementsEqual($1.name.utf8) && $0.value.utf8.elementsEqual($1.value.utf8)
    }
  }

  private static let cookie = Target("cookie", texts: ["s=abc; t=\"x\"; s=2", "steward=1;;=; b", "a=b=c"]) { text in
    for name in ["s", "steward", ""] {
      guard let value = Cookie.value(name, in: ["Cookie": text]) else { continue }
      must(!value.utf8.contains(UInt8(ascii: ";")), "cookie: a value with a semicolon")
    }
  }

  private static let media = Target(
    "media",
    texts: [
      "text/html;q=0.8, application/json; q=1.000, */*", #"multipart/form-data; boundary="a;b\"c""#, "text/*;q=.5",
    ]
  ) { text in
    _ = Accept.prefersHTML(text)
    let offers = ["text/html", "application/json", "text/csv"]
    if let choice = Accept.choose(text, among: offers) {
      must(offers.contains(choice), "accept: chose what was not offered")
    }
    guard let type = MediaType(text) else { return }
    must(MediaType(type.essence)?.essence == type.essence, "media: its essence is no media type: \(type.essence)")
  }

  private static let multipart = Target(
    "multipart",
    texts: [
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n"
        + "Content-Type: text/plain\r\n\r\nhello\r\n--x--\r\n",
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n--x-\r\n\r\n--x--",
    ]
  ) { text in
    let bytes = Array(text.utf8)
    let whole = form(Chunks(bytes: bytes))
    for size in [1, 7] {
      must(form(pieces(bytes, size)) == whole, "multipart: in pieces of \(size) it reads differently")
    }
  }

  private static func pieces(_ bytes: [UInt8], _ size: Int) -> Chunks {
    Chunks {
      var rest = bytes[...]
      return {
        guard !rest.isEmpty else { return nil }
        defer { rest = rest.dropFirst(size) }
        return Array(rest.prefix(size))
      }
    }
  }

  /// What the form says, or "refused". Nothing here waits: every step is at hand.
  private static func form(_ body: Chunks) -> String {
    let said = Mutex("")
    let done = Mutex(false)
    Task {
      let text = await read(body)
      said.withLock { $0 = text }
      done.withLock { $0 = true }
    }
    while !done.withLock({ $0 }) { sched_yield() }
    return said.withLock { $0 }
  }

  private static func read(_ body: Chunks) async -> String {
    do {
      let form = try await FormReader.read(contentType: "multipart/form-data; boundary=x", body: body)
      let content = try await form.file?.chunks.collect(limit: 1 << 20)
      return
        "\(form.fields) \(form.file?.field ?? "-") \(form.file?.filename ?? "-") \(form.file?.mediaType ?? "-") \(content ?? [])"
    } catch { return "refused" }
  }
}
