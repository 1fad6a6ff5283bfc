import Foundation
import Kernel
import Testing

@testable import Egress

@Suite("Requests to an object store")
struct ObjectStoreTests {
  private let key = ObjectStoreKey(
    id: "AKIAIOSFODNN7EXAMPLE", secret: SecretBytes(Array("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".utf8)))
  private let then = Instant("2013-05-24T00:00:00.000Z") ?? Instant(milliseconds: 0)

  private func place(
    _ endpoint: String = "https://s3.amazonaws.com", style: ObjectStorePlace.Style = .host
  ) throws
    -> ObjectStorePlace
  {
    try ObjectStorePlace(endpoint: endpoint, bucket: "examplebucket", region: "us-east-1", style: style)
  }

  private func authorization(_ call: ObjectStoreCall, _ place: ObjectStorePlace) throws -> String {
    let request = try place.request(call, by: key, at: then)
    return request.headers.first { $0.name == "authorization" }?.value ?? ""
  }

  @Test("signatures are those of the published examples (AWS, Signature Calculations for the Authorization Header)")
  func vectors() throws {
    let get = try authorization(.get(key: "test.txt", range: 0...9, tag: nil), try place())
    #expect(
      get
        == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    let empty = Digest(sha256: []).hex
    let headers = [
      ("host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", empty), ("x-amz-date", "20130524T000000Z"),
    ].map { (name: $0.0, value: $0.1) }
    for (query, signature) in [
      (
        [("prefix", "J"), ("max-keys", "2")],
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
      ), ([("lifecycle", "")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ] {
      let request = RequestSignature.Request(
        method: "GET", path: "/", query: query.map { (name: $0.0, value: $0.1) }, headers: headers, payload: empty)
      let made = RequestSignature(region: "us-east-1", service: "s3").authorization(request, by: key, at: then)
      #expect(made.hasSuffix("Signature=\(signature)"))
    }
  }

  @Test("another body, key, day or header makes another signature")
  func signs() throws {
    let place = try place()
    let put = { (bytes: [UInt8], name: String) in try authorization(.put(key: name, bytes: bytes), place) }
    let first = try put([1], "a")
    #expect(try put([1], "a") == first)
    #expect(try put([2], "a") != first)
    #expect(try put([1], "b") != first)
    #expect(
      try authorization(.get(key: "a", range: 0...1, tag: nil), place)
        != authorization(.get(key: "a", range: 0...2, tag: nil), place))
    let other = ObjectStoreKey(id: key.id, secret: SecretBytes([1, 2, 3]))
    #expect(try place.request(.put(key: "a", bytes: [1]), by: other, at: then).headers.last?.value != first)
  }

  @Test("what is sent carries its checksum, and the secret stands nowhere in it")
  func carries() throws {
    let request = try place().request(.put(key: "t/f", bytes: [1, 2, 3]), by: key, at: then)
    let headers = Dictionary(request.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    #expect(headers["x-amz-checksum-sha256"] == Digest(sha256: [1, 2, 3]).base64)
    #expect(headers["x-amz-content-sha256"] == Digest(sha256: [1, 2, 3]).hex)
    #expect(!headers.values.contains { $0.contains("wJalrXUtnFEMI") })
    #expect(request.url.text == "https://examplebucket.s3.amazonaws.com:443/t/f")
    let inPath = try ObjectStorePlace(
      endpoint: "http://127.0.0.1:9000", bucket: "b.1x", region: "eu", prefix: "here/files")
    let list = try inPath.request(.list(prefix: "t/", after: "a b+/="), by: key, at: then)
    #expect(
      list.url.text
        == "http://127.0.0.1:9000/b.1x/?list-type=2&max-keys=1000&prefix=here%2Ffiles%2Ft%2F&continuation-token=a%20b%2B%2F%3D"
    )
    #expect(inPath.key(ofListed: "here/files/t/f") == "t/f" && inPath.key(ofListed: "elsewhere/t/f") == nil)
  }

  @Test(
    "a place that cannot be meant is refused",
    arguments: [
      ("http://store.example", "bucket", "eu", ""), ("https://store.example/path", "bucket", "eu", ""),
      ("https://user@store.example", "bucket", "eu", ""), ("https://store.example", "Bucket", "eu", ""),
      ("https://store.example", "b/c", "eu", ""), ("https://store.example", "..", "eu", ""),
      ("https://store.example", "bucket", "eu/west", ""), ("https://store.example", "bucket", "", ""),
      ("https://store.example", "bucket", "eu", "/a"), ("https://store.example", "bucket", "eu", "a//b"),
      ("https://store.example", "bucket", "eu", "../a"), ("https://store.example", "bucket", "eu", "a b"),
      ("https://store.example", "bucket", "eu", "a?b"), ("ftp://store.example", "bucket", "eu", ""),
    ])
  func refused(endpoint: String, bucket: String, region: String, prefix: String) {
    #expect(throws: EgressRefusal.self) {
      try ObjectStorePlace(endpoint: endpoint, bucket: bucket, region: region, prefix: prefix)
    }
  }

  @Test("a bucket with dots is not put before the host: no certificate would fit")
  func dots() {
    #expect(throws: EgressRefusal.self) {
      try ObjectStorePlace(endpoint: "https://store.example", bucket: "a.bc", region: "eu", style: .host)
    }
  }

  @Test("texts of a store are read by name, with the entities of XML and no others")
  func texts() {
    let text = ObjectStoreText(
      Array(
        "<R><IsTruncated>true</IsTruncated><Contents><Key>a&amp;lt;b</Key><Size>7</Size></Contents><Contents><Key>c</Key></R>"
          .utf8))
    #expect(text.first("IsTruncated") == "true")
    #expect(text.all("Contents").count == 1)
    #expect(text.all("Contents").first?.first("Key") == "a&lt;b")
    #expect(text.first("Nothing") == nil)
    #expect(ObjectStoreText([0xff, 0x3c]).first("R") == nil)
    let done = ObjectStoreText.completion([ObjectStoreCall.Part(tag: "\"x<&\"", sha256: Digest(sha256: []))])
    #expect(done.contains("<ETag>\"x&lt;&amp;\"</ETag>"))
  }
}
