// What does a browser do whose user has nothing to decide? It follows redirects, the one to the program included.

import Foundation
import MCPOAuth
import TestHost

let request = { (url: String) in
    NetworkRequest(
        method: "GET", url: url, headers: [HeaderField("user-agent", "browser")], body: nil, maxBodyBytes: 1 << 20,
        timeout: .seconds(20), reach: .loopback, purpose: "page")
}
var url = CommandLine.arguments.last ?? ""
for _ in 0..<10 {
    let reply = try await platformNetwork.send(request(url))
    guard let location = reply.headers.first(where: { $0.name.lowercased() == "location" })?.value else { break }
    url = URL(string: location, relativeTo: URL(string: url))?.absoluteString ?? ""
}
