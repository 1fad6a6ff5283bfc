@testable import Storage
import Testing

@Suite("The URL of a database")
struct PostgresURLTests {
  @Test("a URL is read into libpq's parameters")
  func read() throws {
    let server = try PostgresServer(
      url:
        "postgres://app:p%40ss%2Fw%3F@db-1.example:5432,[2001:db8::1]/steward?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    )
    #expect(
      server.parameters == [
        "user": "app", "password": "p@ss/w?", "host": "db-1.example,2001:db8::1", "port": "5432,", "dbname": "steward",
        "sslmode": "verify-full", "sslrootcert": "/etc/ca.pem",
      ])
    #expect(server.description == "postgres://app@db-1.example:5432,[2001:db8::1]/steward")
    #expect(try PostgresServer(url: "postgresql://u@/d?host=/run/postgresql").isLocal)
    #expect(try PostgresServer(url: "postgres://u@%2Frun%2Fpostgresql/d").hosts == ["/run/postgresql"])
  }

  @Test("nothing that can be printed shows the password")
  func secret() throws {
    let server = try PostgresServer(url: "postgres://app:hunter2@localhost/steward?sslpassword=hunter2")
    var dumped = ""
    dump(server, to: &dumped)
    for text in ["\(server)", String(reflecting: server), dumped, "\([server])"] {
      #expect(!text.contains("hunter2"))
    }
  }

  @Test(
    "what is not understood is refused in one sentence, without repeating it",
    arguments: [
      "", "mysql://u:hunter2@localhost/d", "postgres://localhost/d", "postgres://u:hunter2@localhost",
      "postgres://u@localhost/",
      "postgres://:hunter2@localhost/d", "postgres://u:hun:ter2@localhost/d", "postgres://u:hunter2@x@localhost/d",
      "postgres://u@localhost:0/d", "postgres://u@localhost:hunter2/d", "postgres://u@[::1/d", "postgres://u@/d",
      "postgres://u@localhost/d?options=-chunter2", "postgres://u@localhost/d?sslmode=prefer",
      "postgres://u@localhost/d?hunter2",
      "postgres://u@localhost/d?sslmode=disable&sslmode=require", "postgres://u:%zz@localhost/d",
      "postgres://u:%00@localhost/d",
      "postgres://u:%ff@localhost/d", "postgres://u@localhost/d#x", "postgres://u@local host/d",
      "postgres://u@localhost/d/e",
      "postgres://u@localhost/d?host=elsewhere",
      "postgres://u@" + String(repeating: "h,", count: 20) + "h/d?sslmode=require",
      "postgres://u@db.example/d", "postgres://u@127.db.example/d", "postgres://u@localhost/d?hostaddr=192.0.2.1",
      "postgres://u@localhost,db.example/d", "postgres://u@localhost/" + String(repeating: "d", count: 5_000),
    ])
  func refused(url: String) {
    let error = #expect(throws: PostgresURL.Invalid.self) { try PostgresServer(url: url) }
    #expect(error?.description.contains("hunter2") == false)
  }

  @Test("somebody else at the same place")
  func changed() throws {
    let server = try PostgresServer(url: "postgres://a:x@localhost/d")
    #expect(server.with(user: "b").with(database: "e").description == "postgres://b@localhost/e")
    #expect(server.with(user: "b", password: "y").parameters["password"] == "y")
  }
}

@Suite("Holes in statements")
struct PostgresHolesTests {
  @Test(
    "a question mark outside of quotes and comments is a hole",
    arguments: [
      ("SELECT 1", "SELECT 1", 0),
      ("a = ? AND b = ?", "a = $1 AND b = $2", 2),
      ("'?' '''?' ?", "'?' '''?' $1", 1),
      ("\"a?\" \"b\"\"?\" ?", "\"a?\" \"b\"\"?\" $1", 1),
      ("-- what?\n?", "-- what?\n$1", 1),
      ("-- what?", "-- what?", 0),
      ("/* ? /* ? */ ? */ ?", "/* ? /* ? */ ? */ $1", 1),
      ("/* ?", "/* ?", 0),
      ("E'\\'?' ?", "E'\\'?' $1", 1),
      ("'\\' ?", "'\\' $1", 1),
      ("type'\\' ?", "type'\\' $1", 1),
      ("$$ ? $$ ?", "$$ ? $$ $1", 1),
      ("$a$ $$ ? $b$ $a$ ?", "$a$ $$ ? $b$ $a$ $1", 1),
      ("a$b$ ? $b$", "a$b$ $1 $b$", 1),
      ("$1 = $12", "$1 = $12", 12),
      ("'ü?' ü ?", "'ü?' ü $1", 1),
      ("'open ?", "'open ?", 0),
    ])
  func translated(sql: String, expected: String, count: Int) throws {
    let holes = try PostgresHoles(sql)
    #expect(holes.text == expected)
    #expect(holes.count == count)
  }

  @Test("question marks and numbered holes do not mix")
  func mixed() { #expect(throws: StorageError.self) { try PostgresHoles("$1 = ?") } }
}
