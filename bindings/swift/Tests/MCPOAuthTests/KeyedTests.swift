// Does a program get its answer with keys of its own?

import Foundation
import MCPOAuth
import TestHost
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A signer that counts, and asks whatever has the keys.
final class CountingSigner: Signer, @unchecked Sendable {
    private let keys: LocalKeys
    private let lock = NSLock()
    private var made = 0

    init(_ keys: SigningKey...) {
        self.keys = LocalKeys(keys)
    }

    var count: Int { lock.withLock { made } }

    func sign(_ request: SigningRequest) async throws -> Data {
        lock.withLock { made += 1 }
        // As a key service would, whose answer others do not wait for.
        await Task.yield()
        return try await keys.sign(request)
    }
}

@Suite struct KeyedTests {
    /// A client that is known to the testbed's first server by a public key.
    static func known(_ key: SigningKey, _ more: String = "") -> String {
        """
        {"registration":{"offered":false,"clients":[{"client_id":"job","token_endpoint_auth_method":"private_key_jwt",
        "jwks":{"keys":[\(key.publicJWK)]},"redirect_uris":["http://127.0.0.1:4711/callback"]}]},
        "client_credentials":{"offered":true}\(more)}
        """
    }

    static func settings(_ bed: Testbed, _ key: SigningKey) -> Settings {
        var settings = Settings(serverUrl: bed.mcpURL, redirectUri: "http://127.0.0.1:4711/callback")
        settings.clientKey = key.publicJWK
        settings.preregistered = Preregistered(issuer: bed.issuer, clientId: "job", authMethod: .privateKeyJwt)
        return settings
    }

    @Test(arguments: SigningAlgorithm.allCases)
    func aClientIsAuthorizedByItsKeyAlone(algorithm: SigningAlgorithm) async throws {
        let key = try SigningKey.generate(algorithm, keyID: "of the job")
        let bed = try Testbed(behaviour: Self.known(key))
        var settings = Self.settings(bed, key)
        settings.grant = .clientCredentials
        let client = try OAuthClient(settings, store: MemoryStore(), userAgent: nil, signer: LocalKeys(key))
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        #expect(try await session.call("whoami").contains("job"))
        #expect(try await bed.count(of: "client_credentials") == 1)
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func aTokenWithoutAUserIsReplacedWhenItHasExpired() async throws {
        let key = try SigningKey.generate(.es256)
        let bed = try Testbed(behaviour: Self.known(key, #","token":{"lifetime":2}"#))
        var settings = Self.settings(bed, key)
        settings.grant = .clientCredentials
        settings.refreshSkewMs = 0
        let client = try OAuthClient(settings, store: MemoryStore(), userAgent: nil, signer: LocalKeys(key))
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        _ = try await session.call("whoami")
        try await Task.sleep(for: .milliseconds(2_100))
        try await bed.behave(Self.known(key))
        _ = try await session.call("whoami")
        #expect(try await bed.count(of: "client_credentials") == 2)
        #expect(try await bed.count(of: "refreshes") == 0)
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func aUserSignsInToAClientWithAKey() async throws {
        let key = try SigningKey.generate(.es256)
        let bed = try Testbed(behaviour: Self.known(key))
        let client = try OAuthClient(
            Self.settings(bed, key), store: MemoryStore(), userAgent: Headless(), signer: LocalKeys(key))
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        _ = try await session.call("whoami")
        try await bed.make("expire_access_tokens")
        _ = try await session.call("whoami")
        #expect(try await bed.count(of: "refreshes") == 1)
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func whereNobodySignsItSaysSo() async throws {
        let key = try SigningKey.generate(.es256)
        let bed = try Testbed(behaviour: Self.known(key))
        var settings = Self.settings(bed, key)
        settings.grant = .clientCredentials
        for signer in [nil, LocalKeys(try SigningKey.generate(.es256))] {
            let client = try OAuthClient(settings, store: MemoryStore(), userAgent: nil, signer: signer)
            await #expect { try await client.signIn() } throws: { isCode($0, "signing_failed") }
        }
        #expect(try await bed.ask("breaches") == "[]")
    }

    // MARK: Tokens that are bound to a key

    static let nonces = ["never", "required", "rotating"]

    @Test(arguments: Self.nonces, Self.nonces)
    func aBoundTokenIsShownWithAProof(ofServer: String, ofResource: String) async throws {
        let behaviour = """
            {"dpop":{"offered":true,"required":true,"server_nonce":"\(ofServer)","resource_nonce":"\(ofResource)"}}
            """
        let bed = try Testbed(behaviour: behaviour)
        let key = try SigningKey.generate(.es256)
        let client = try Self.bound(bed, key)
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        _ = try await session.call("whoami")
        try await bed.make("expire_access_tokens")
        _ = try await session.call("write_note", ["text": "hello"])
        #expect(try await session.call("read_note").contains("hello"))
        #expect(try await bed.ask("breaches") == "[]")
    }

    private static func bound(
        _ bed: Testbed, _ key: SigningKey, signer: (any Signer)? = nil, store: MemoryStore = MemoryStore()
    ) throws -> OAuthClient {
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.dpop = .whenSupported
        settings.dpopKeys = [DpopKey(key: key.publicJWK)]
        return try OAuthClient(settings, store: store, userAgent: Headless(), signer: signer ?? LocalKeys(key))
    }

    @Test func manyRequestsAtOnceHaveAProofEach() async throws {
        let bed = try Testbed(behaviour: #"{"dpop":{"offered":true,"required":true,"resource_nonce":"required"}}"#)
        let key = try SigningKey.generate(.edDSA)
        let signer = CountingSigner(key)
        let client = try Self.bound(bed, key, signer: signer)
        try await client.signIn()
        let before = signer.count
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
                    _ = try await session.call("whoami")
                }
            }
            try await group.waitForAll()
        }
        // Each that came before the nonce was repeated once.
        #expect((17...32).contains(signer.count - before))
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func whoSendsRequestsAloneAsksForEach() async throws {
        let bed = try Testbed(behaviour: #"{"dpop":{"offered":true,"required":true,"resource_nonce":"rotating"}}"#)
        let key = try SigningKey.generate(.es256)
        let client = try Self.bound(bed, key)
        try await client.signIn()
        let first = try #require(try await client.authorization(method: "POST", url: bed.mcpURL))
        let second = try #require(try await client.authorization(method: "POST", url: bed.mcpURL))
        #expect(first.header == second.header && first.header.hasPrefix("DPoP "))
        #expect(first.proof != nil && first.proof != second.proof)
        // A nonce that came with any answer is in the next proof.
        let url = try #require(URL(string: bed.mcpURL))
        let fields = ["DPoP-Nonce": "fresh-nonce"]
        let answer = try #require(
            HTTPURLResponse(url: url, statusCode: 200, httpVersion: nil, headerFields: fields))
        await client.note(answer)
        let third = try #require(try await client.authorization(method: "POST", url: bed.mcpURL)?.proof)
        let said = try #require(claims(of: third))
        #expect(said["nonce"] as? String == "fresh-nonce" && said["htm"] as? String == "POST")
    }

    @Test func whereNobodySignsAProofTheRequestIsNotSent() async throws {
        let bed = try Testbed(behaviour: #"{"dpop":{"offered":true,"required":true}}"#)
        let key = try SigningKey.generate(.es256)
        let store = MemoryStore()
        try await Self.bound(bed, key, store: store).signIn()
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.dpop = .whenSupported
        settings.dpopKeys = [DpopKey(key: key.publicJWK)]
        let client = try OAuthClient(settings, store: store, userAgent: nil)
        await #expect { try await client.data(for: URLRequest(url: URL(string: bed.mcpURL)!)) } throws: {
            isCode($0, "signing_failed")
        }
        #expect(try await bed.count(of: "tool_calls") == 0)
    }

    private func claims(of proof: String) -> [String: Any]? {
        let part = proof.split(separator: ".").dropFirst().first.map(String.init) ?? ""
        let padding = String(repeating: "=", count: (4 - part.utf8.count % 4) % 4)
        let text = part.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/") + padding
        return Data(base64Encoded: text).flatMap { try? JSONSerialization.jsonObject(with: $0) } as? [String: Any]
    }
}
