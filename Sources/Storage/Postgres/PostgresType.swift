/// The types of PostgreSQL that we send and read in binary form (`src/include/catalog/pg_type.dat`).
enum PostgresType: UInt8, Sendable {
  case bool
  case int2
  case int4
  case int8
  case text
  case bytes
  /// Read as an integer if it is one, as text otherwise; sent as text.
  case numeric
  case oid
  case void
  /// Sent as text and left to the server; never read.
  case other

  init(oid: UInt32) {
    self =
      switch oid {
      case 16: .bool
      case 17: .bytes
      case 20: .int8
      case 21: .int2
      case 23: .int4
      case 26, 28, 2205: .oid
      // text, "char", name, json, unknown, bpchar, varchar
      case 18, 19, 25, 114, 705, 1042, 1043: .text
      case 1700: .numeric
      case 2278: .void
      default: .other
      }
  }

  /// Of the elements of an array that we send; 0 for what we do not.
  var oid: UInt32 {
    switch self {
    case .bool: 16
    case .bytes: 17
    case .int8: 20
    case .int2: 21
    case .int4: 23
    case .text: 25
    case .numeric, .oid, .void, .other: 0
    }
  }

  /// As a cast names it; nil for what arrays of ours do not hold.
  var arrayName: String? {
    switch self {
    case .bool: "bool[]"
    case .bytes: "bytea[]"
    case .int8: "int8[]"
    case .int2: "int2[]"
    case .int4: "int4[]"
    case .text: "text[]"
    case .numeric, .oid, .void, .other: nil
    }
  }
}
