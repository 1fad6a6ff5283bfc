import Kernel

/// The vendor register that the demo imports: 833 vendors that do not exist, with everything that makes a real register awkward.
///
/// Made from word lists and a fixed seed, so that it is the same on every machine and at every start. Names are nonsense words,
/// addresses lie under domains reserved by RFC 2606 and RFC 6761, registry ids start at 900001, where no real register has one.
/// `Examples/vendors.csv` is its golden output. Lines end with CR LF, fields are quoted as in RFC 4180.
package enum SampleRegister {
  package static let count = 833
  package static let firstRegistryID = 900_001
  package static let header = "registry_id,name,privacy_url,standard_retention_days,data_categories,purposes,deleted_on"

  /// The whole file, about 300 KiB of UTF-8.
  package static func csv() -> String {
    var draw = Draw(seed: 0x5EED_0F57_E4A2_D000)
    let names = SampleNames.make(count, &draw)
    var registryID = firstRegistryID
    var lines = [header]
    for (index, name) in names.enumerated() {
      lines.append(line(index, name, registryID, &draw).map(quoted).joined(separator: ","))
      registryID += draw.oneIn(9) ? 2 : 1
    }
    return lines.joined(separator: "\r\n") + "\r\n"
  }

  private static func line(_ index: Int, _ name: SampleNames.Name, _ registryID: Int, _ draw: inout Draw) -> [String] {
    [
      String(registryID),
      name.text,
      privacyURL(name.slug, registryID, &draw),
      retentionDays(&draw),
      list(from: categories, atLeast: 2, &draw),
      index % 46 == 7 ? "" : list(from: purposes, atLeast: 1, &draw),
      index % 41 == 17 ? endedOn(&draw) : "",
    ]
  }

  /// Most under a domain of their own, some long, some with a query, as registers have them.
  private static func privacyURL(_ slug: String, _ registryID: Int, _ draw: inout Draw) -> String {
    let host = draw.pick(hosts).split(separator: "*", omittingEmptySubsequences: false).joined(separator: slug)
    let path = draw.pick(paths)
    if draw.oneIn(60) {
      let sections = (1...12).map { "section-\($0)=services" }.joined(separator: "&")
      return "https://\(host)/legal/notices/\(registryID)/privacy?\(sections)#retention"
    }
    return "https://\(host)\(path)"
  }

  /// `*` is the vendor's own name.
  private static let hosts = words("*.example www.*.example *.test *.example.com *.example.net *.example.org")

  private static let paths = ["/privacy", "/privacy/", "/legal/privacy-policy", "/en/privacy.html", "/datenschutz", ""]

  /// Nothing declared for about one in eleven; zero days is a declaration.
  private static func retentionDays(_ draw: inout Draw) -> String {
    if draw.oneIn(11) { return "" }
    return String(draw.pick(declaredDays))
  }

  private static let declaredDays = [
    365, 365, 365, 365, 90, 90, 90, 30, 30, 30, 0, 0, 180, 180, 730, 4320, 60, 395, 3650, 120, 7, 1095, 1, 28, 1825,
  ]

  /// In the order of the catalogue, each item with the same chance, split by a semicolon and a space. One in thirty names all.
  private static func list(from catalogue: [String], atLeast least: Int, _ draw: inout Draw) -> String {
    if draw.oneIn(30) { return catalogue.joined(separator: "; ") }
    var chosen = catalogue.filter { _ in draw.oneIn(2) }
    if chosen.count < least { chosen = Array(catalogue.prefix(least)) }
    return chosen.joined(separator: "; ")
  }

  private static let categories = [
    "Names and contact details", "IP addresses", "Device identifiers", "Log-in times", "Customers’ profiles",
    "Employees’ records", "Invoices and payment references", "Support conversations", "Browsing and interaction data",
    "Non-precise location data", "Precise location data", "Contracts", "Privacy choices",
  ]

  private static let purposes = [
    "Deliver the service", "Store and back up files", "Send messages on the customer’s behalf",
    "Measure how the service is used", "Detect fraud and misuse", "Answer support requests",
    "Pay suppliers and employees", "Develop and improve services",
    "Understand audiences through statistics or combinations of data from different sources", "Meet legal duties",
  ]

  /// A day in 2023 or 2024, written as registers write it.
  private static func endedOn(_ draw: inout Draw) -> String {
    "\(Day(daysSince1970: 19_500 + draw.below(400)))T00:00:00Z"
  }

  /// RFC 4180: quotes only where they are needed, an inner quote doubled.
  private static func quoted(_ field: String) -> String {
    let needsQuotes = field.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") }
    guard needsQuotes else { return field }
    return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}

/// Names of companies that do not exist: two nonsense syllables, a trade, a legal form; every twentieth is a hard one.
enum SampleNames {
  struct Name {
    let text: String
    /// For the host name: ASCII letters, digits and hyphens.
    let slug: String
  }

  static func make(_ count: Int, _ draw: inout Draw) -> [Name] {
    var stems = heads.flatMap { head in tails.map { tail in head + tail } }
    draw.shuffle(&stems)
    return stems.prefix(count).enumerated().map { index, stem in
      index % 20 == 11 ? hard(index, stem) : plain(index, stem, &draw)
    }
  }

  private static func plain(_ index: Int, _ stem: String, _ draw: inout Draw) -> Name {
    let capital = stem.prefix(1).uppercased() + stem.dropFirst()
    let trade = draw.oneIn(3) ? "" : " " + draw.pick(trades)
    let form = draw.pick(forms)
    // Trailing spaces are what spreadsheets leave behind.
    return Name(text: capital + trade + form + (draw.oneIn(50) ? " " : ""), slug: stem)
  }

  /// The names that break careless importers, around a nonsense stem so that no two are the same.
  private static func hard(_ index: Int, _ stem: String) -> Name {
    let shape = hardShapes[index / 20 % hardShapes.count]
    let capital = stem.prefix(1).uppercased() + stem.dropFirst()
    let text = shape.split(separator: "*", omittingEmptySubsequences: false).joined(separator: capital)
    return Name(text: text, slug: stem)
  }

  /// `*` is the stem.
  private static let hardShapes = [
    "* \"The Ledger People\" Ltd.", "*, Inc. d/b/a \"*, Now\"", "株式会社*サンプル", "ООО «*-Пример»", "شركة * للأمثلة",
    "Παράδειγμα * Α.Ε.", "*\u{200B} Analytics", "  * Beispielgesellschaft für Datenübertragung mbH & Co. KG",
    "O’* & Sons’ Tools", "*® Données Privées S.à r.l.", "* Árvíztűrő Kft.", "예시 * 주식회사", "*; the semicolon company",
    "=*(1+1)", "דוגמה * בע״מ", "e\u{301}cole * S.A.", "* 🧾 Receipts", "*\u{00A0}Non-Breaking Oy", "*, *, and *, LLP",
    "Ł*ń Przykład sp. z o.o.", "\u{2068}*\u{2069} Isolate AB",
  ]

  private static let heads = words(
    "quil marr thrum bexl dorv fenn grom hask ilv jorr kelv lumb mosk nerr orb pell rask sorv tarv ulm vask wend yarr zeph brim "
      + "cald drus estr fjol glim hurn ipsw")

  private static let tails = words(
    "abble ackern adoon affit aggory aldine ammory anquil arrowby assow attick avendish ebbit eddow effory eggle ellwick emmer "
      + "ennory epple erring essoon ettle ibbory iddle iggen immock innet ipple irrow")

  private static let trades = words(
    "Analytics Cloud Media Payroll Print Mail Storage Telephony Logistics Research Signals Forms")

  private static let forms = [
    " Ltd", " Limited", " GmbH", " Inc.", ", Inc.", " B.V.", " S.A.", " AB", " LLC", ", LLC", " Oy", " ApS", "",
  ]
}

/// Draws that come out the same everywhere: SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.
struct Draw {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// From 0 to `bound` - 1; a bound below 1 counts as 1. The bias of the remainder does not matter here.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }

  mutating func oneIn(_ n: Int) -> Bool { below(n) == 0 }

  /// `choices` is never empty here: it is always one of the lists above.
  mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

  /// Fisher and Yates.
  mutating func shuffle<T>(_ items: inout [T]) {
    for i in items.indices.reversed() { items.swapAt(i, below(i + 1)) }
  }
}

private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
