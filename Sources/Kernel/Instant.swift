/// A moment: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC with three digits of fraction.
package struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let milliseconds: Int64

  /// The years 1970 to 9999 can be written; outside them the moment is clamped.
  package init(milliseconds: Int64) {
    self.milliseconds = min(max(milliseconds, 0), 253_402_300_799_999)
  }

  /// Returns nil unless `text` is exactly `yyyy-mm-ddThh:mm:ss.fffZ`.
  package init?(_ text: some StringProtocol) { self.init(utf8: Array(text.utf8)[...]) }

  package init?(utf8 text: ArraySlice<UInt8>) {
    let start = text.startIndex
    func isAt(_ offset: Int, _ mark: Unicode.Scalar) -> Bool { text[start + offset] == UInt8(ascii: mark) }
    func number(_ from: Int, _ to: Int) -> Int? { decimal(text[start + from..<start + to]) }
    guard text.count == 24, isAt(10, "T"), isAt(13, ":"), isAt(16, ":"), isAt(19, "."), isAt(23, "Z"),
      let day = Day(utf8: text[start..<start + 10]), let hour = number(11, 13), hour < 24,
      let minute = number(14, 16), minute < 60, let second = number(17, 19), second < 60,
      let fraction = number(20, 23)
    else { return nil }
    let seconds = Int64(day.daysSince1970) * 86_400 + Int64(hour * 3_600 + minute * 60 + second)
    guard seconds >= 0 else { return nil }
    milliseconds = seconds * 1_000 + Int64(fraction)
  }

  package var day: Day { Day(daysSince1970: Int(milliseconds / 86_400_000)) }

  package var description: String {
    let inDay = Int(milliseconds % 86_400_000)
    var out = Array(day.description.utf8)
    out.reserveCapacity(24)
    out.append(UInt8(ascii: "T"))
    appendDecimal(inDay / 3_600_000, width: 2, to: &out)
    out.append(UInt8(ascii: ":"))
    appendDecimal(inDay / 60_000 % 60, width: 2, to: &out)
    out.append(UInt8(ascii: ":"))
    appendDecimal(inDay / 1_000 % 60, width: 2, to: &out)
    out.append(UInt8(ascii: "."))
    appendDecimal(inDay % 1_000, width: 3, to: &out)
    out.append(UInt8(ascii: "Z"))
    return String(decoding: out, as: UTF8.self)
  }

  package static func < (a: Instant, b: Instant) -> Bool { a.milliseconds < b.milliseconds }

  package func adding(seconds: Int) -> Instant {
    Instant(milliseconds: milliseconds.addingReportingOverflow(Int64(seconds) &* 1_000).partialValue)
  }
}

/// A day of the Gregorian calendar, `yyyy-mm-dd`.
package struct Day: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let daysSince1970: Int

  package init(daysSince1970: Int) {
    self.daysSince1970 = min(max(daysSince1970, -719_162), 2_932_896)
  }

  /// Returns nil unless `text` is a day that exists, written `yyyy-mm-dd`.
  package init?(_ text: some StringProtocol) { self.init(utf8: Array(text.utf8)[...]) }

  init?(utf8 text: ArraySlice<UInt8>) {
    let start = text.startIndex
    guard text.count == 10, text[start + 4] == UInt8(ascii: "-"), text[start + 7] == UInt8(ascii: "-"),
      let year = decimal(text[start..<start + 4]), year >= 1,
      let month = decimal(text[start + 5..<start + 7]), (1...12).contains(month),
      let day = decimal(text[start + 8..<start + 10]), day >= 1, day <= Day.length(ofMonth: month, year: year)
    else { return nil }
    daysSince1970 = Day.number(year: year, month: month, day: day)
  }

  package func adding(days: Int) -> Day {
    Day(daysSince1970: daysSince1970.addingReportingOverflow(days).partialValue)
  }

  /// Year, month and day; Howard Hinnant's `civil_from_days`.
  package var civil: (year: Int, month: Int, day: Int) {
    let shifted = daysSince1970 + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  package var description: String {
    let (year, month, day) = civil
    var out: [UInt8] = []
    appendDecimal(year, width: 4, to: &out)
    out.append(UInt8(ascii: "-"))
    appendDecimal(month, width: 2, to: &out)
    out.append(UInt8(ascii: "-"))
    appendDecimal(day, width: 2, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  package static func < (a: Day, b: Day) -> Bool { a.daysSince1970 < b.daysSince1970 }

  private static func number(year: Int, month: Int, day: Int) -> Int {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func length(ofMonth month: Int, year: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

private func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
  var value = 0
  for digit in digits {
    guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
    value = value * 10 + Int(digit - UInt8(ascii: "0"))
  }
  return value
}

private func appendDecimal(_ value: Int, width: Int, to out: inout [UInt8]) {
  var divisor = 1
  for _ in 1..<width { divisor *= 10 }
  while divisor > 0 {
    out.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
    divisor /= 10
  }
}
