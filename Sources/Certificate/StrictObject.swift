import Kernel

/// A JSON object that has exactly the members of its format; every other is refused, and so is a missing one.
struct StrictObject {
  private let members: [String: JSON]
  /// What the object is, for the sentence that refuses it.
  private let what: String

  init(_ json: JSON?, _ names: [String], _ what: String) throws(BundleError) {
    guard let members = json?.object, members.count == names.count, names.allSatisfy({ members[$0] != nil }) else {
      throw BundleError("\(what) does not have exactly the members \(names.joined(separator: ", "))")
    }
    self.members = members
    self.what = what
  }

  func json(_ name: String) -> JSON { members[name] ?? .null }

  func text(_ name: String) throws(BundleError) -> String {
    guard let text = members[name]?.string else { throw BundleError("\(name) of \(what) is not a text") }
    return text
  }

  func optionalText(_ name: String) throws(BundleError) -> String? {
    json(name).isNull ? nil : try text(name)
  }

  /// Zero or more.
  func integer(_ name: String) throws(BundleError) -> Int64 {
    guard case .integer(let value)? = members[name], value >= 0 else {
      throw BundleError("\(name) of \(what) is not a whole number")
    }
    return value
  }

  func bool(_ name: String) throws(BundleError) -> Bool {
    guard let value = members[name]?.bool else { throw BundleError("\(name) of \(what) is not true or false") }
    return value
  }

  func list(_ name: String) throws(BundleError) -> [JSON] {
    guard let list = members[name]?.array else { throw BundleError("\(name) of \(what) is not a list") }
    return list
  }

  func texts(_ name: String) throws(BundleError) -> [String] {
    let list = try list(name)
    let texts = list.compactMap(\.string)
    guard texts.count == list.count else { throw BundleError("\(name) of \(what) holds something that is not a text") }
    return texts
  }

  func day(_ name: String) throws(BundleError) -> Day {
    guard let day = Day(try text(name)) else { throw BundleError("\(name) of \(what) is not a day") }
    return day
  }

  func optionalDay(_ name: String) throws(BundleError) -> Day? {
    json(name).isNull ? nil : try day(name)
  }

  func check(_ name: String, is value: String) throws(BundleError) {
    guard members[name]?.string == value else { throw BundleError("\(name) of \(what) is not \(value)") }
  }
}
