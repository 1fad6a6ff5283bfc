import Kernel

/// A key in a token, as RFC 7512 writes it: `pkcs11:token=steward;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/steward/pin`.
///
/// `module-path`, `pin-source`, `object` or `id`, and one of `token`, `serial`, `slot-id` are needed. A PIN never stands here (`pin-value` is
/// refused): addresses are seen in lists of processes.
package struct TokenAddress: Sendable, Hashable {
  package let module: String
  package let pinFile: String
  package let token: String?
  package let serial: String?
  package let slot: UInt?
  /// CKA_LABEL and CKA_ID of the key.
  package let object: String?
  package let id: [UInt8]?

  init(_ text: String) throws {
    let halves = text.dropFirst("pkcs11:".count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = try PercentText.pairs(halves[0], separator: ";")
    let query = try PercentText.pairs(halves.count > 1 ? halves[1] : "", separator: "&")
    guard query["pin-value"] == nil, path["pin-value"] == nil else {
      throw RootForm.wrong(
        "Write the PIN to a file and name that with pin-source: everybody on the machine sees an address.")
    }
    if let other = path.keys.first(where: { !["token", "serial", "slot-id", "object", "id", "type"].contains($0) })
      ?? query.keys.first(where: { !["module-path", "pin-source"].contains($0) })
    {
      throw RootForm.wrong(
        "\(other) is not read in a pkcs11: address; leave it out (token, serial, slot-id, object, id, module-path, pin-source)."
      )
    }
    guard let module = query["module-path"], module.hasPrefix("/") else {
      throw RootForm.wrong(
        "Name the module's library in the pkcs11: address: …?module-path=/usr/lib/softhsm/libsofthsm2.so.")
    }
    guard let pin = query["pin-source"].map({ $0.hasPrefix("file:") ? String($0.dropFirst(5)) : $0 }),
      pin.hasPrefix("/")
    else { throw RootForm.wrong("Name the file of the PIN in the pkcs11: address: …&pin-source=/etc/steward/pin.") }
    self.module = module
    pinFile = pin
    token = path["token"]
    serial = path["serial"]
    slot = path["slot-id"].flatMap { UInt($0) }
    object = path["object"]
    // RFC 7512 §2.3: the bytes of the id, percent-encoded; ours are kept to text.
    id = path["id"].map { Array($0.utf8) }
    guard token != nil || serial != nil || slot != nil, object != nil || id != nil else {
      throw RootForm.wrong("Name the token and the key in the pkcs11: address: pkcs11:token=steward;object=root?….")
    }
  }

  /// What the root key is bound to: the key's own name, without where the library or the PIN is on this machine.
  var keyName: String {
    [
      token.map { "token=\($0)" }, serial.map { "serial=\($0)" }, slot.map { "slot-id=\($0)" },
      object.map { "object=\($0)" }, id.map { "id=\(Hex.encode($0))" },
    ].compactMap(\.self).joined(separator: ";")
  }
}
