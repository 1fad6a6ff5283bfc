import Kernel
import Web

/// The OpenAPI 3.1 document of the API, read from the route table, so that it cannot say anything that is not so.
package enum OpenAPI {
  package static func document(_ catalogue: Catalogue, version: String) -> JSON {
    let routes = catalogue.table.routes.filter { !$0.path.hasPrefix("/assets/") }
    var paths: [String: JSON] = [:]
    for route in routes {
      let path = route.path.replacing("+}", with: "}")
      var item = paths[path]?.object ?? [:]
      item[route.method.rawValue.lowercased()] = operation(route)
      paths[path] = .object(item)
    }
    return [
      "openapi": "3.1.0",
      "info": ["title": "Steward", "version": .string(version)],
      "paths": .object(paths),
      "components": [
        "securitySchemes": [
          "token": ["type": "http", "scheme": "bearer"],
          "session": ["type": "apiKey", "in": "cookie", "name": "steward_session"],
        ],
        "schemas": ["problem": problem, "list": list],
      ],
    ]
  }

  private static func operation(_ route: Route) -> JSON {
    var members: [String: JSON] = [
      "operationId": .string(operationID(route)),
      "summary": .string(route.summary),
      "tags": .array([.string(tag(route))]),
      "responses": responses(route),
    ]
    let parameters = pathParameters(route) + (isList(route) ? listParameters : [])
    if !parameters.isEmpty { members["parameters"] = .array(parameters) }
    switch route.access {
    case .open: members["security"] = .array([])
    case .signedIn, .permission, .anyOf:
      members["security"] = [["token": []], ["session": []]]
    }
    members["x-access"] = .string(PermissionMatrix.access(route.access))
    if route.bodyLimit != Route.ordinaryBodyLimit { members["x-body-limit"] = .integer(Int64(route.bodyLimit)) }
    return .object(members)
  }

  /// "get_v1_vendors_id": unique because method and path are.
  private static func operationID(_ route: Route) -> String {
    let words = route.path.split { !$0.isLetter && !$0.isNumber }.joined(separator: "_")
    return route.method.rawValue.lowercased() + (words.isEmpty ? "" : "_" + words)
  }

  private static func tag(_ route: Route) -> String {
    guard route.kind == .api else { return "pages" }
    return route.path.split(separator: "/").dropFirst().first.map(String.init) ?? "api"
  }

  private static func isList(_ route: Route) -> Bool {
    route.kind == .api && route.method == .get && route.summary.hasPrefix("List ")
  }

  private static func pathParameters(_ route: Route) -> [JSON] {
    route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { piece in
      let name = piece.dropFirst().dropLast().replacing("+", with: "")
      return ["name": .string(String(name)), "in": "path", "required": true, "schema": ["type": "string"]]
    }
  }

  private static let listParameters: [JSON] = [
    [
      "name": "limit", "in": "query",
      "schema": [
        "type": "integer", "minimum": 1, "maximum": .integer(Int64(Request.largestLimit)),
        "default": .integer(Int64(Request.ordinaryLimit)),
      ],
    ],
    ["name": "cursor", "in": "query", "schema": ["type": "string"]],
  ]

  private static func responses(_ route: Route) -> JSON {
    let problem: JSON = ["application/problem+json": ["schema": ["$ref": "#/components/schemas/problem"]]]
    var success: [String: JSON] = ["description": "Done."]
    if isList(route) {
      success["content"] = ["application/json": ["schema": ["$ref": "#/components/schemas/list"]]]
    }
    if route.kind == .api, !route.method.isSafe {
      success["headers"] = [
        "Steward-Receipt": [
          "description": "Proof that the write is on the record (docs/format.md §3.5).", "schema": ["type": "string"],
        ]
      ]
    }
    return ["2XX": .object(success), "default": ["description": "A problem (RFC 9457).", "content": problem]]
  }

  private static let problem: JSON = [
    "type": "object", "required": ["type", "title", "status", "detail"],
    "properties": [
      "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
      "detail": ["type": "string"], "reference": ["type": "string"],
      "errors": [
        "type": "array",
        "items": [
          "type": "object", "required": ["field", "message"],
          "properties": ["field": ["type": "string"], "message": ["type": "string"]],
        ],
      ],
    ],
  ]

  private static let list: JSON = [
    "type": "object", "required": ["items", "next"],
    "properties": [
      "items": ["type": "array", "items": ["type": "object"]], "next": ["type": ["string", "null"]],
    ],
  ]
}
