import Kernel
import Web

/// All routes of all modules, found by method and path. A literal segment goes before a parameter.
package struct RouteTable: Sendable {
  package let routes: [Route]
  private var root = Node()

  /// What a path leads to.
  package enum Match: Sendable {
    case route(Route, parameters: [String: String])
    /// There is something at this path, but not for this method.
    case otherMethods([Method])
    case nothing
  }

  /// Throws if two routes answer to the same method and path, or a path is not well formed: at start, not at a request.
  package init(_ routes: [Route]) throws {
    self.routes = routes.sorted { ($0.path, $0.method.rawValue) < ($1.path, $1.method.rawValue) }
    for route in routes { try root.insert(route, pattern: try RouteTable.pattern(of: route.path)[...]) }
  }

  package func match(_ method: Method?, _ segments: [String]) -> Match {
    var parameters: [String: String] = [:]
    guard let node = root.find(segments[...], &parameters) else { return .nothing }
    if let method, let route = node.routes[method] { return .route(route, parameters: parameters) }
    return .otherMethods(node.routes.keys.sorted { $0.rawValue < $1.rawValue })
  }

  /// One segment of a route's path.
  enum Segment: Hashable {
    case literal(String)
    case parameter(String)
    /// `{name+}`: this segment and all that follow, joined with slashes.
    case rest(String)
  }

  private static func pattern(of path: String) throws -> [Segment] {
    guard path.hasPrefix("/") else { throw Problem(.internal, "The route \(path) does not begin with a slash.") }
    return path.split(separator: "/").map { piece in
      guard piece.hasPrefix("{"), piece.hasSuffix("}") else { return .literal(String(piece)) }
      let name = piece.dropFirst().dropLast()
      return name.hasSuffix("+") ? .rest(String(name.dropLast())) : .parameter(String(name))
    }
  }

  /// A node of the tree of segments. Parameter names belong to routes below; one place has one name.
  private struct Node: Sendable {
    var routes: [Method: Route] = [:]
    var literals: [String: Node] = [:]
    var parameter: Named?
    var rest: Named?

    mutating func insert(_ route: Route, pattern: ArraySlice<Segment>) throws {
      guard let segment = pattern.first else {
        guard routes.updateValue(route, forKey: route.method) == nil else {
          throw Problem(.internal, "Two routes answer to \(route.name).")
        }
        return
      }
      let below = pattern.dropFirst()
      switch segment {
      case .literal(let text): try literals[text, default: Node()].insert(route, pattern: below)
      case .parameter(let name): parameter = try Node.grown(parameter, name, route, below)
      case .rest(let name): rest = try Node.grown(rest, name, route, below)
      }
    }

    private static func grown(
      _ old: Named?, _ name: String, _ route: Route, _ below: ArraySlice<Segment>
    ) throws -> Named {
      guard old == nil || old?.name == name else {
        throw Problem(.internal, "Call the parameter of \(route.name) \(old?.name ?? "") as other routes do.")
      }
      var node = old?.node ?? Node()
      try node.insert(route, pattern: below)
      return Named(name, node)
    }

    func find(_ segments: ArraySlice<String>, _ parameters: inout [String: String]) -> Node? {
      guard let first = segments.first else { return routes.isEmpty ? nil : self }
      if let found = literals[first]?.find(segments.dropFirst(), &parameters) { return found }
      if let parameter, let found = parameter.node.find(segments.dropFirst(), &parameters) {
        parameters[parameter.name] = first
        return found
      }
      guard let rest, !rest.node.routes.isEmpty else { return nil }
      parameters[rest.name] = segments.joined(separator: "/")
      return rest.node
    }
  }

  private final class Named: Sendable {
    let name: String
    let node: Node
    init(_ name: String, _ node: Node) {
      self.name = name
      self.node = node
    }
  }
}
