import Kernel

/// A call of AWS's JSON protocol, signed with Signature Version 4: a POST whose header names what is asked.
package enum SignedCall {
  /// `target`: such as `TrentService.Decrypt`. `sessionToken`: of credentials that end. The request is good for some minutes.
  package static func post(
    _ url: EgressURL, target: String, region: String, service: String, body: [UInt8], by key: ObjectStoreKey,
    sessionToken: String?, at now: Instant
  ) throws(EgressRefusal) -> HTTPRequest {
    let digest = Digest(sha256: body).hex
    var headers: [(name: String, value: String)] = [
      ("content-type", "application/x-amz-json-1.1"), ("x-amz-date", RequestSignature.stamp(now).time),
      ("x-amz-target", target),
    ]
    if let sessionToken { headers.append(("x-amz-security-token", sessionToken)) }
    let authority = url.port == url.scheme.port ? url.host.inURL : "\(url.host.inURL):\(url.port)"
    let authorization = RequestSignature(region: region, service: service).authorization(
      RequestSignature.Request(
        method: "POST", path: url.target, query: [], headers: headers + [("host", authority)], payload: digest),
      by: key, at: now)
    headers.append(("authorization", authorization))
    return try HTTPRequest(.post, url, headers: headers, body: body)
  }
}
