import Custody
import Kernel
import Ledger
import Offboarding
import Platform
import Server

/// What the record costs: Steward itself, and beside `POST /v1/vendors` a route that does the same without journal, tree and signature.
///
/// Both go through the same listener, dispatcher, limits, authenticator, parser, sealing, writer's queue, batches, savepoints and commit. The second
/// writes its rows as transient ones, which the ledger offers for what need not be on the record; so it has no entry, no change records, no
/// state commitment, no tree, no checkpoint and no receipt. The route exists in this program only, never in the product's.
enum UnrecordedServer {
  static func serve(_ place: BenchPlace, port: Int) async throws {
    let app = try place.app(port: port, further: [UnrecordedModule()])
    let demo = Demo(app: app, seeds: [], credentialsPath: place.directory + "/credentials.json")
    try await StewardServer(
      app, prepare: { _ = try await demo.prepare(url: "http://127.0.0.1:\(port)") }
    ).run()
  }
}

private struct UnrecordedModule: Module {
  private static let table = Table(
    "unrecorded_vendor", .transient,
    columns: [
      Column("id", .text, .key, purpose: "name of the row", nullable: false),
      Column("entry", .integer, .operational, purpose: "as a vendor has it; 0", nullable: false),
      Column("schema", .integer, .operational, purpose: "shape it was sealed under", nullable: false),
      Column("slot", .integer, .operational, purpose: "its key", nullable: false),
      Column("box", .bytes, .operational, purpose: "the sealed image", nullable: false),
      Column("relationship", .text, .operational, purpose: "as a vendor has it", nullable: false),
      Column("ended_on", .text, .operational, purpose: "as a vendor has it"),
    ], retention: "as long as the bench runs")

  private let keys = Keys()

  var manifest: ModuleManifest {
    ModuleManifest(
      name: "unrecorded", tables: [UnrecordedModule.table], permissions: [],
      exit: DataExit(exporter: "None: it is made by a bench.", eraser: "It ends with the bench."))
  }

  var routes: [Route] {
    [
      Route(
        .post, "/v1/unrecorded/vendors", access: .permission(.vendorsWrite),
        summary: "Add a vendor without putting it on the record.", handler: create)
    ]
  }

  /// `VendorAPI.create` and `VendorDesk.create`, line by line, but for the record.
  private func create(_ request: Request) async throws -> Response {
    let body = try await request.object(members: VendorRecord.members.subtracting(["id"]))
    let (ledger, tenant) = (request.services.ledger, try request.principal.tenant)
    let details = try VendorDraft(json: body).applied(to: nil).mapError(\.problem).get()
    let record = VendorRecord(id: VendorID.make(at: ledger.clock.now), details: details)
    let tenantKeys = try await keys.of(tenant, in: ledger)
    try await ledger.writeTransient(tenant) { work in
      _ = try work.run(try Self.insert(record, tenant, tenantKeys), on: Self.table)
    }
    return .json(record.json, status: 201).header("Location", "/v1/vendors/\(record.id)")
  }

  /// As `Work.insert` seals and binds it.
  private static func insert(_ record: VendorRecord, _ tenant: TenantID, _ keys: TenantKeys) throws -> SQL {
    let subject = try keys.takeSlot()
    let (table, schema) = (VendorRecord.table.name, Int64(VendorRecord.table.version))
    let context = SealingContext.row(tenant: tenant, table: table, key: record.key, schema: schema)
    let box = try Box.seal(CBOR.map(record.content).encoded, key: try keys.key(of: subject), context: context)
    let plain = record.plain
    return SQL(
      Self.table.statements.insert,
      [
        .text(tenant.text), .text(record.key), .integer(0), .integer(schema), .integer(subject.number), .bytes(box),
        plain["relationship"] ?? .null, plain["ended_on"] ?? .null,
      ])
  }

  /// Keys of its own for each tenant, in the installation's key store: the ledger's must not be handed out twice.
  private actor Keys {
    private var opened: [TenantID: TenantKeys] = [:]

    func of(_ tenant: TenantID, in ledger: Ledger) throws -> TenantKeys {
      if let keys = opened[tenant] { return keys }
      let own = TenantID.make(at: ledger.clock.now)
      try ledger.installation.keyStore.createTenant(own)
      let keys = try ledger.installation.keyStore.openTenant(own)
      opened[tenant] = keys
      return keys
    }
  }
}
