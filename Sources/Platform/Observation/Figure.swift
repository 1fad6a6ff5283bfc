/// A figure that a module gives to the operator's monitoring, read when it is asked for. It names parts of the product, states and
/// counts; never tenants, people or addresses.
package struct Figure: Sendable {
  package enum Kind: String, Sendable { case counter, gauge, histogram }

  package struct Sample: Sendable, Equatable {
    /// What is put behind the name: nothing, or `_bucket`, `_sum`, `_count` of a histogram.
    package let suffix: String
    package let labels: [Label]
    package let value: Double

    package init(_ value: Double, _ labels: [Label] = [], suffix: String = "") {
      self.value = value
      self.labels = labels
      self.suffix = suffix
    }
  }

  package struct Label: Sendable, Equatable {
    package let name: String
    package let value: String
    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// `steward_<what>_<unit>`, as Prometheus names things.
  package let name: String
  package let help: String
  package let kind: Kind
  /// Empty where nothing is known.
  package let read: @Sendable (Services) async throws -> [Sample]

  package init(
    _ name: String, _ kind: Kind, help: String, read: @escaping @Sendable (Services) async throws -> [Sample]
  ) {
    self.name = name
    self.kind = kind
    self.help = help
    self.read = read
  }
}

extension Histogram {
  package func samples(_ labels: [Figure.Label] = []) -> [Figure.Sample] {
    let counts = cumulative
    let bounds = self.bounds.map { "\($0)" } + ["+Inf"]
    let buckets = zip(bounds, counts).map { bound, count in
      Figure.Sample(Double(count), labels + [Figure.Label("le", bound)], suffix: "_bucket")
    }
    return buckets + [
      Figure.Sample(total, labels, suffix: "_sum"), Figure.Sample(Double(counts.last ?? 0), labels, suffix: "_count"),
    ]
  }
}

/// Figures in Prometheus' text format, version 0.0.4.
package enum Exposition {
  package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  package static func text(_ figures: [(Figure, [Figure.Sample])]) -> String {
    var out = ""
    for (figure, samples) in figures where !samples.isEmpty {
      out += "# HELP \(figure.name) \(figure.help)\n# TYPE \(figure.name) \(figure.kind.rawValue)\n"
      for sample in samples { out += line(figure.name, sample) }
    }
    return out
  }

  private static func line(_ name: String, _ sample: Figure.Sample) -> String {
    let labels = sample.labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
    return "\(name)\(sample.suffix)\(labels.isEmpty ? "" : "{\(labels)}") \(number(sample.value))\n"
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
