import Platform
import Server
import TestKit
import Testing

/// Where people meet legal holds, and the end of an organisation, without knowing an id.
@Suite("pages of legal holds")
struct HoldPageTests {
  @Test("a hold is placed from the page of a vendor or case, shown there, and named by what people call it")
  func placed() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let scene = try await HoldReachTests.Scene(house)
    let name = try #require(try await house.anna.get("/v1/vendors/\(scene.vendor)").json()["name"]?.string)
    let pages = [
      ("/vendors/\(scene.vendor)", "vendor", scene.vendor), ("/cases/\(scene.caseID)", "case", scene.caseID),
    ]
    for (path, type, id) in pages {
      let link = "/erasures?hold=\(type)&amp;id=\(id)#holds"
      let page = try await house.olga.page(path).text
      #expect(page.contains(link), "\(path)")
      #expect(!page.contains("Under legal hold"))
      #expect(try await !house.anna.page(path).text.contains("/erasures?hold="), "only an owner places one")
      let form = try await house.olga.page("/erasures?hold=\(type)&id=\(id)").text
      #expect(form.contains("<option value=\"\(type)\" selected>") && form.contains("value=\"\(id)\""))
    }
    #expect(try await scene.hold("vendor", scene.vendor) == 201)
    for (path, _, _) in pages {
      let page = try await house.anna.page(path).text
      #expect(page.contains("Under legal hold") && page.contains("/erasures#holds"), "\(path)")
      #expect(try await !house.olga.page(path).text.contains("/erasures?hold="))
    }
    let list = try await house.anna.page("/erasures").text
    #expect(list.contains("Vendor \(name)"))
    #expect(try await house.anna.post("/v1/erasures", scene.eraser.body("vendor", scene.vendor)).status == 201)
    #expect(try await house.anna.page("/erasures").text.contains("Vendor \(name)</a></th>"))
  }

  @Test("who asks for the end of an organisation stands in its own audit trail, and who takes that back")
  func told() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    let body = eraser.body("tenant", house.acme.id.text)
    let erasure = try #require(try await house.olga.post("/v1/erasures", body).json()["id"]?.string)
    #expect(try await house.olga.post("/v1/erasures/\(erasure)/confirm", ["confirmation": 1]).status == 200)
    #expect(try await house.olga.post("/v1/erasures/\(erasure)/withdraw").status == 200)
    let object = "tenant:\(house.acme.id)"
    let items = try await house.adam.get("/v1/audit?object=\(object)").json()["items"]?.array ?? []
    let told = items.filter { $0["object"]?.string == object }.compactMap { $0["action"]?.string }.prefix(3)
    #expect(told == ["erasure.withdraw", "erasure.confirm", "erasure.propose"], "\(items)")
  }
}
