import Custody
import Glibc
import Platform

/// Where a secret is, never the secret: an absolute path, or the name of a systemd credential (`LoadCredential=`), which lies
/// in `$CREDENTIALS_DIRECTORY` for this process alone.
package struct SecretFile: Sendable, Equatable {
  package let name: String

  package init(_ name: String) { self.name = name }

  private var isCredential: Bool { !name.hasPrefix("/") }

  /// Nil for a credential while there are none.
  package var path: String? {
    guard isCredential else { return name }
    guard let directory = getenv("CREDENTIALS_DIRECTORY") else { return nil }
    return String(cString: directory) + "/" + name
  }

  /// What is wrong with the file, as a sentence that says what to do; nil if it can be used.
  package func fault() -> String? {
    guard let path else {
      return "Give the credential \(name) to the service (LoadCredential=\(name):FILE), or write an absolute path here."
    }
    guard let facts = FileFacts(of: path) else {
      return "There is no file \(path) that can be looked at; write the secret there, or correct the path."
    }
    guard facts.kind == .file else { return "\(path) is not a plain file; name one that is." }
    guard isCredential || facts.mode & 0o027 == 0 else {
      return "Others can read or change \(path); run chmod 0640 \(path), or 0600."
    }
    guard access(path, R_OK) == 0 else {
      return "This user cannot read \(path); give it to the user that Steward runs as."
    }
    return nil
  }

  /// The first line, without the line feed. The text of errors holds nothing of it.
  package func firstLine() throws -> String {
    if let fault = fault() { throw Problem(.unavailable, fault) }
    guard let path, let bytes = try DurableFile.read(path) else {
      throw Problem(.unavailable, "A secret's file is gone; put it back.")
    }
    guard
      let text = String(
        validating: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self),
      !text.isEmpty
    else { throw Problem(.unavailable, "The file \(path) holds no secret in its first line; write it there.") }
    return text
  }
}
