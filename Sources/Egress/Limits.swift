/// How long and how large a call may get.
package struct EgressLimits: Sendable {
  package var connectSeconds = 10
  package var totalSeconds = 30
  /// A call that moves less than one byte a second for so long is ended.
  package var stalledSeconds = 10
  /// Bytes of an answer's body, as it comes over the wire; nothing is unpacked.
  package var bodyBytes = 1 << 20
  /// Bytes of all header lines together.
  package var headerBytes = 64 << 10

  package init() {}
}

/// What kept a call from coming to its end.
package enum EgressFault: Error, Sendable, Equatable {
  case refused(EgressRefusal)
  case unreachable
  case timeout
  /// TLS was to be used and the other side does not offer it.
  case noTLS
  /// The certificate, the name in it or the handshake is not good.
  case certificate
  case credentials
  case tooLarge
  /// The connection ended, or what came is not the protocol.
  case broken
  /// A file that the configuration names cannot be used.
  case configuration
}
