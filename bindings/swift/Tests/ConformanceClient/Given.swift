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

    private(set) var settings: Settings
    let revision: String
    private(set) var signer: LocalKeys?
    private(set) var assertions: AssertionSource?

    /// Reads the last argument, which is the MCP server's URL, and the suite's environment variables.
    init() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let url = CommandLine.arguments.dropFirst().last else { throw Unusable(description: "no server URL") }
        settings = Settings(serverUrl: url, clientName: "Conformance client")
        revision = environment["MCP_CONFORMANCE_PROTOCOL_VERSION"] ?? settings.protocolVersion
        settings.protocolVersion = revision
        settings.clientDocument = ClientDocument(url: Self.clientDocument, redirectUris: [Self.documentRedirect])
        let scenario = environment["MCP_CONFORMANCE_SCENARIO"] ?? ""
        settings.deviations.defaultEndpoints = scenario.hasPrefix(Self.aboutOldest)
        let context = try environment["MCP_CONFORMANCE_CONTEXT"].map {
            try JSONDecoder().decode(Context.self, from: Data($0.utf8))
        }
        if let clientID = context?.clientID {
            settings.preregistered = Preregistered(
                issuer: try await issuer(context), clientId: clientID, clientSecret: context?.clientSecret)
        }
        try choose(scenario, context ?? Context())
    }

    /// What the scenarios of the extensions need beyond that.
    private mutating func choose(_ scenario: String, _ context: Context) throws {
        switch scenario {
        case "auth/client-credentials-basic": settings.grant = .clientCredentials
        case "auth/client-credentials-jwt":
            let algorithm = context.algorithm.flatMap(SigningAlgorithm.init)
            let key = try SigningKey(pem: context.privateKey ?? "", algorithm: algorithm)
            settings.grant = .clientCredentials
            settings.clientKey = key.publicJWK
            settings.preregistered?.authMethod = .privateKeyJwt
            signer = LocalKeys(key)
        case "auth/enterprise-managed-authorization":
            settings.grant = .enterpriseManaged
            settings.identityProvider = IdentityProvider(
                issuer: context.providerIssuer ?? "", tokenEndpoint: context.providerEndpoint ?? "",
                clientId: context.providerClientID ?? "")
            // The suite's server lists the grant, but not the profile.
            settings.deviations.assumeIdJag = true
            assertions = { _ in Assertion(context.identity ?? "", kind: .idToken) }
        case "auth/wif-jwt-bearer":
            settings.grant = .workloadIdentity
            assertions = { _ in Assertion(context.workload ?? "", kind: .jwt) }
        case "auth/dpop", "auth/dpop-nonce":
            let key = try SigningKey.generate(.es256)
            settings.dpop = .always
            settings.dpopKeys = [DpopKey(key: key.publicJWK)]
            signer = LocalKeys(key)
        default: break
        }
    }

    /// That of the client. Where the suite does not say it, whoever set up the client is taken to have known the one that the
    /// server names.
    private func issuer(_ context: Context?) async throws -> String {
        if let issuer = context?.issuer { return issuer }
        guard var parts = URLComponents(string: settings.serverUrl) else { throw Unusable(description: "not a URL") }
        parts.path = "/.well-known/oauth-protected-resource" + parts.path
        let request = NetworkRequest(
            method: "GET", url: parts.string ?? "", headers: [], body: nil, maxBodyBytes: 1 << 16, timeout: .seconds(5),
            reach: .loopback, purpose: "issuer")
        let reply = try await platformNetwork.send(request)
        guard let issuer = try JSONDecoder().decode(Resource.self, from: reply.body).servers.first else {
            throw Unusable(description: "the server names no authorization server")
        }
        return issuer
    }
}

/// What a scenario hands over beyond the server's URL.
private struct Context: Decodable {
    var clientID: String?
    var clientSecret: String?
    var issuer: String?
    var privateKey: String?
    var algorithm: String?
    var providerIssuer: String?
    var providerEndpoint: String?
    var providerClientID: String?
    var identity: String?
    var workload: String?

    enum CodingKeys: String, CodingKey {
        case clientID = "client_id"
        case clientSecret = "client_secret"
        case issuer
        case privateKey = "private_key_pem"
        case algorithm = "signing_algorithm"
        case providerIssuer = "idp_issuer"
        case providerEndpoint = "idp_token_endpoint"
        case providerClientID = "idp_client_id"
        case identity = "idp_id_token"
        case workload = "valid_jwt"
    }
}

private struct Resource: Decodable {
    var servers: [String]

    enum CodingKeys: String, CodingKey {
        case servers = "authorization_servers"
    }
}
