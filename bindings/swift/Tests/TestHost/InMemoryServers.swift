// How does a flow go without sockets?

import Foundation
import MCPOAuth

/// An authorization server in memory, and a user who consents at once. Its tokens are marked, to be looked for.
public struct InMemoryServers: Network, UserAgent {
    public static let serverURL = "https://mcp.example.com/mcp"
    public static let accessToken = "SECRET-access-token"
    public static let refreshToken = "SECRET-refresh-token"
    public static let code = "SECRET-code"
    private static let issuer = "https://as.example.com"

    private let expiresIn: Int
    private let tokenType: String

    /// - Parameters:
    ///   - expiresIn: how many seconds a token is good for.
    ///   - isBound: whether tokens are bound to a key. Nobody looks at the proofs.
    public init(expiresIn: Int = 3600, isBound: Bool = false) {
        self.expiresIn = expiresIn
        tokenType = isBound ? "DPoP" : "Bearer"
    }

    public func send(_ request: NetworkRequest) async throws -> NetworkReply {
        switch request.purpose {
        case "resource_metadata": reply(Self.resourceMetadata)
        case "server_metadata": reply(Self.serverMetadata)
        case "registration": reply(try registered(request.body ?? Data()), status: 201)
        default:
            reply(
                """
                {"access_token":"\(Self.accessToken)","refresh_token":"\(Self.refreshToken)",
                "token_type":"\(tokenType)","expires_in":\(expiresIn),"scope":"a"}
                """)
        }
    }

    private static let resourceMetadata = """
        {"resource":"\(serverURL)","authorization_servers":["\(issuer)"],"scopes_supported":["a"]}
        """

    private static let serverMetadata = """
        {"issuer":"\(issuer)","authorization_endpoint":"\(issuer)/authorize","token_endpoint":"\(issuer)/token",
        "registration_endpoint":"\(issuer)/register","response_types_supported":["code"],
        "code_challenge_methods_supported":["S256"],"token_endpoint_auth_methods_supported":["none"],
        "dpop_signing_alg_values_supported":["ES256"]}
        """

    public func bind(preferred: String) async throws -> Redirect {
        Redirect(uri: preferred.replacingOccurrences(of: ":0/", with: ":49152/"))
    }

    public func open(_ page: SignInPage) async throws -> Opened {
        .cameBack(callbackURL: Self.callback(of: page.url, to: page.redirectURI))
    }

    /// The callback of a user who consents.
    public static func callback(of page: URL, to redirectURI: String) -> String {
        let items = URLComponents(url: page, resolvingAgainstBaseURL: false)?.queryItems ?? []
        let state = items.first { $0.name == "state" }?.value ?? ""
        return "\(redirectURI)?code=\(code)&state=\(state)"
    }

    private func registered(_ request: Data) throws -> String {
        var client = try JSONSerialization.jsonObject(with: request) as? [String: Any] ?? [:]
        client["client_id"] = "client-1"
        return String(decoding: try JSONSerialization.data(withJSONObject: client), as: UTF8.self)
    }

    private func reply(_ body: String, status: Int = 200) -> NetworkReply {
        NetworkReply(
            status: status, headers: [HeaderField("content-type", "application/json")], body: Data(body.utf8))
    }
}
