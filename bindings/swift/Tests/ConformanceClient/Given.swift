// What does the suite want?

import Foundation
import MCPOAuth

/// One run of the suite: what the authorization starts from, and the revision of MCP to speak.
struct Given {
    /// The client ID metadata document that the suite knows of. Nobody fetches it.
    private static let clientDocument = "https://conformance-test.local/client-metadata.json"
    /// A redirect URI that it could list: any port of a loopback address stands for all (RFC 8252 §7.3).
    private static let documentRedirect = "http://127.0.0.1/callback"
    /// The scenarios about servers of revision 2025-03-26, which may publish no metadata at all.
    private static let aboutOldest = "auth/2025-03-26-"

    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    /// What a scenario hands over beyond the server's URL, as far as it concerns a client that has a redirect URI.
    private struct Context: Decodable {
        var clientID: String?
        var clientSecret: String?
        var issuer: String?

        enum CodingKeys: String, CodingKey {
            case clientID = "client_id"
            case clientSecret = "client_secret"
            case issuer
        }
    }

    let settings: Settings
    let revision: String

    /// Reads the last argument, which is the MCP server's URL, and the suite's environment variables.
    init() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let url = CommandLine.arguments.dropFirst().last else { throw Unusable(description: "no server URL") }
        var settings = Settings(serverUrl: url, clientName: "Conformance client")
        revision = environment["MCP_CONFORMANCE_PROTOCOL_VERSION"] ?? settings.protocolVersion
        settings.protocolVersion = revision
        settings.clientDocument = ClientDocument(url: Self.clientDocument, redirectUris: [Self.documentRedirect])
        let scenario = environment["MCP_CONFORMANCE_SCENARIO"] ?? ""
        settings.deviations.defaultEndpoints = scenario.hasPrefix(Self.aboutOldest)
        if let context = environment["MCP_CONFORMANCE_CONTEXT"] {
            settings.preregistered = try Self.client(JSONDecoder().decode(Context.self, from: Data(context.utf8)))
        }
        self.settings = settings
    }

    private static func client(_ context: Context) throws -> Preregistered? {
        guard let clientID = context.clientID else { return nil }
        guard let issuer = context.issuer else {
            throw Unusable(description: "a client was handed over without the issuer that it belongs to")
        }
        return Preregistered(issuer: issuer, clientId: clientID, clientSecret: context.clientSecret)
    }
}
