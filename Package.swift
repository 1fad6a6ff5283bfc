// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A target of ours: language mode 6, no implicit existentials.
func part(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "_CryptoExtras", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
  name: "steward",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "steward", targets: ["steward"]),
    .executable(name: "steward-verify", targets: ["steward-verify"]),
  ],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CPKCS11"),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

    part("Kernel", [crypto]),
    part("TransparencyLog", ["Kernel", crypto]),
    part("Storage", ["Kernel", "CSQLite", "CPostgres", grdb, .product(name: "GRDBSQLite", package: "GRDB.swift")]),
    part("Custody", ["Kernel", "Storage", "Egress", "CArgon2", "CLinux", "CPKCS11", crypto, cryptoExtras]),
    part("Ledger", ["Kernel", "Storage", "Custody", "TransparencyLog", crypto, cryptoExtras, grdb]),
    part("Backup", ["Kernel", "Storage", "Custody", "Ledger", "TransparencyLog", crypto]),
    part("Egress", ["Kernel", "CCurl", crypto]),
    part("Web", ["Kernel", hummingbird, mustache]),
    part(
      "Platform", ["Kernel", "TransparencyLog", "Storage", "Custody", "Ledger", "Egress", "Web", hummingbird, logging]),

    part("Accounts", ["Platform", "CArgon2"]),
    part("AuditTrail", ["Platform", "TransparencyLog"]),
    part("Erasures", ["Platform", "Custody", "Certificate"]),
    part("Offboarding", ["Platform", "Certificate"]),
    part("Operations", ["Platform", "Custody"]),
    part("Subprocessors", ["Platform"]),
    part("Trust", ["Platform", "Custody", "TransparencyLog"]),

    part("Certificate", ["Kernel", "TransparencyLog"]),
    part(
      "Server",
      [
        "CLinux", "Custody", "Egress", "Accounts", "AuditTrail", "Backup", "Erasures", "Offboarding", "Operations",
        "Subprocessors", "Trust", hummingbird, logging,
        nioSSL, .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "HummingbirdHTTP2", package: "hummingbird"), .product(name: "Yams", package: "Yams"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    .executableTarget(
      name: "steward",
      dependencies: ["Server", "CLinux", arguments, .product(name: "AsyncHTTPClient", package: "async-http-client")],
      swiftSettings: strict),
    .executableTarget(
      name: "steward-verify", dependencies: ["Certificate"], swiftSettings: strict),
    .executableTarget(
      name: "steward-bench",
      dependencies: [
        "Server", "Accounts", "Custody", "Offboarding", "Storage", hummingbird, grdb,
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: strict),

    part("TestDatabase", ["Ledger", "Storage", "Kernel"]),
    .target(
      name: "TestKit",
      dependencies: [
        "Server", "TestDatabase", .product(name: "HummingbirdTesting", package: "hummingbird"),
      ],
      swiftSettings: strict),
    tests("KernelTests", ["Kernel"]),
    tests("TransparencyLogTests", ["TransparencyLog"]),
    tests("StorageTests", ["Storage", "Kernel"]),
    .executableTarget(
      name: "key-worker", dependencies: ["Custody", "Kernel"], path: "Tests/KeyWorker", swiftSettings: strict),
    tests("CustodyTests", ["Custody", "Storage", "Kernel", "key-worker", crypto]),
    tests("LedgerTests", ["Ledger", "TestDatabase", "Custody", "Storage", "Kernel", "TransparencyLog", crypto]),
    tests("BackupTests", ["Backup", "Ledger", "Custody", "Storage", "Kernel", "TransparencyLog"]),
    tests("EgressTests", ["Egress", "Kernel"]),
    tests("CertificateTests", ["Certificate"]),
    tests("StewardTests", ["TestKit", "TestDatabase", "Certificate", "Erasures", "Operations"]),
  ]
)
