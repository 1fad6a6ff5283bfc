/// Values made once with another implementation, so that an error shared by our sealing and our opening shows.
enum KnownAnswer {
  /// Key 00…1f, context ["steward/known-answer/v1","F10"], nonce 64…6f, plaintext "steward"; Python's hmac and cryptography.
  static let box = """
    0157955d53070d9010e410c31221ebfd523c8c8d3e226fe457f5bb85569f38a86b6465666768696a6b6c6d6e6f\
    cd63b181124db5b43c1090fdef92a8dd4215b540f00e29
    """
}
