// How does a sign-in go that the server grants without asking a person?

import Foundation
import MCPOAuth

/// Follows the redirects of the authorization server itself until one leads to the redirect URI. No cookies, no scripts, no
/// forms: where a page is shown, a person is needed.
public struct Headless: UserAgent {
    private static let hops = 10

    public init() {}

    public func bind(preferred: String) async throws -> Redirect {
        Redirect(uri: preferred.replacingOccurrences(of: ":0/", with: ":\(UInt16.random(in: 20_000...60_000))/"))
    }

    public func open(_ page: SignInPage) async throws -> Opened {
        var url = page.url.absoluteString
        for _ in 0..<Self.hops {
            let request = NetworkRequest(
                method: "GET", url: url, headers: [HeaderField("user-agent", "headless")], body: nil,
                maxBodyBytes: 1 << 20, timeout: .seconds(20), reach: page.reach, purpose: "page")
            let reply = try await platformNetwork.send(request)
            guard [301, 302, 303, 307, 308].contains(reply.status),
                let location = reply.headers.first(where: { $0.name.lowercased() == "location" })?.value
            else { throw Refused(.needsUser) }
            // An absolute location is kept as it was sent: `state` and `iss` are compared byte for byte.
            url =
                location.contains("://")
                ? location : URL(string: location, relativeTo: URL(string: url))?.absoluteString ?? ""
            if url.hasPrefix(page.redirectURI + "?") { return .cameBack(callbackURL: url) }
        }
        throw Refused(.unable)
    }
}
