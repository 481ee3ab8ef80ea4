// Is anything shown, or kept, that was signed, vouched for or to be typed in?

import Foundation
import MCPOAuth
import TestHost
import Testing

@Suite struct LeakTests {
    @Test func nothingSignedIsShownOrKept() async throws {
        let (key, bound) = (try SigningKey.generate(.es256), try SigningKey.generate(.edDSA))
        let dpop = #","dpop":{"offered":true,"required":true,"server_nonce":"required","resource_nonce":"rotating"}"#
        let bed = try Testbed(behaviour: KeyedTests.known(key, dpop))
        var settings = KeyedTests.settings(bed, key)
        settings.dpop = .always
        settings.dpopKeys = [DpopKey(key: bound.publicJWK)]
        let watch = Watch(keys: [key, bound])
        let client = try watch.client(settings)
        try await Self.use(client, bed, watch)
        try await bed.make("expire_access_tokens")
        try await Self.use(client, bed, watch)
        try await client.signOut()
        try watch.check(asked: ["SigningRequest", "Authorization(generation"], secrets: 12)
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func noAssertionIsShownOrKept() async throws {
        let bed = try Testbed(behaviour: #"{"workload":{"offered":true}}"#)
        var settings = Settings(serverUrl: bed.mcpURL, authorizationServer: bed.issuer)
        settings.grant = .workloadIdentity
        let watch = Watch(mint: { request in
            Assertion(try await bed.mint("workload_assertion?audience=\(request.audience)"), kind: .jwt)
        })
        try await Self.use(try watch.client(settings), bed, watch)
        try watch.check(asked: ["AssertionRequest", "Assertion(jwt)"], secrets: 2)
    }

    @Test func noIdentityIsShownOrKept() async throws {
        let bed = try Testbed(behaviour: GrantTests.enterprise)
        let watch = Watch(mint: { request in
            // The first is refused: the failure and what led to it show nothing either.
            Assertion(try await bed.mint(request.renew ? "id_token" : "id_token?flaw=forged"), kind: .idToken)
        })
        try await Self.use(try watch.client(GrantTests.employee(bed)), bed, watch)
        try watch.check(asked: ["AssertionRequest", "Assertion(idToken)"], secrets: 5)
    }

    @Test func noCodeIsShownToAnybodyElse() async throws {
        let bed = try Testbed(behaviour: #"{"device":{"offered":true,"interval":1}}"#)
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.grant = .deviceCode
        let watch = Watch(decide: { code in
            try? await bed.make("decide_device?user_code=\(code.code)&decision=allow")
        })
        try await Self.use(try watch.client(settings), bed, watch)
        try watch.check(asked: ["DeviceCode"], secrets: 3)
    }

    @Test func noErrorOfTheProgramIsRepeated() async throws {
        struct Talkative: Error { let key = "SECRET" }
        let bed = try Testbed(behaviour: #"{"workload":{"offered":true}}"#)
        var settings = Settings(serverUrl: bed.mcpURL, authorizationServer: bed.issuer)
        settings.grant = .workloadIdentity
        let watch = Watch(mint: { _ in throw Talkative() })
        do {
            try await watch.client(settings).signIn()
            Issue.record("nobody was needed")
        } catch {
            #expect(!SecretTests.shown(error).contains("SECRET"))
        }
        #expect(!SecretTests.shown(OAuthError.signing(Talkative())).contains("SECRET"))
    }

    private static func use(_ client: OAuthClient, _ bed: Testbed, _ watch: Watch) async throws {
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        _ = try await session.call("whoami")
        let authorization = try await client.authorization(method: "POST", url: bed.mcpURL)
        watch.seen.add(authorization as Any)
        watch.seen.add(secret: authorization?.proof)
        watch.seen.add(client)
        watch.seen.add(try await client.status() as Any)
    }
}

/// A network, user, store and signer that show all that they are handed, and remember what must not be seen.
private struct Watch: Network, UserAgent, CredentialStore, Signer {
    let seen = Seen()
    private let kept = Seen()
    private let memory = MemoryStore()
    private let keys: [SigningKey]
    private let mint: AssertionSource?
    private let decide: @Sendable (DeviceCode) async -> Void

    /// What is sent once, or is for the user alone.
    private static let fleeting: Set = [
        "assertion", "client_assertion", "subject_token", "device_code", "code", "code_verifier",
    ]

    init(
        keys: [SigningKey] = [], mint: AssertionSource? = nil,
        decide: @escaping @Sendable (DeviceCode) async -> Void = { _ in }
    ) {
        self.keys = keys
        self.mint = mint
        self.decide = decide
    }

    func client(_ settings: Settings) throws -> OAuthClient {
        try OAuthClient(
            settings, store: self, userAgent: self, network: self, signer: keys.isEmpty ? nil : self,
            assertions: assertion, observer: { seen.add($0) })
    }

    @Sendable private func assertion(for request: AssertionRequest) async throws -> Assertion {
        seen.add(request)
        guard let mint else { throw Refused(.unable) }
        let assertion = try await mint(request)
        seen.add(assertion)
        seen.add(secret: assertion.token)
        return assertion
    }

    /// That everything was looked at, and nothing found.
    func check(asked: [String], secrets least: Int) throws {
        for key in keys {
            seen.add(key)
            seen.add(LocalKeys(key))
            for line in try key.pem().split(separator: "\n") where !line.hasPrefix("-") {
                seen.add(secret: String(line))
            }
        }
        let (text, secrets) = seen.all
        for name in asked { #expect(text.contains(name), "\(name) was not looked at") }
        #expect(secrets.count >= least)
        // Not as an expectation of its own, which would show them.
        let isLeaking = secrets.contains { text.contains($0) }
        let isKept = secrets.contains { kept.all.0.contains($0) }
        #expect(!isLeaking && !isKept)
    }

    func send(_ request: NetworkRequest) async throws -> NetworkReply {
        seen.add(request)
        for field in request.headers where field.name.lowercased() == "dpop" { seen.add(secret: field.value) }
        for pair in String(decoding: request.body ?? Data(), as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2, Self.fleeting.contains(parts[0]) { seen.add(secret: parts[1].removingPercentEncoding) }
        }
        let reply = try await platformNetwork.send(request)
        seen.add(reply)
        return reply
    }

    func sign(_ request: SigningRequest) async throws -> Data {
        seen.add(request)
        seen.add(secret: String(decoding: request.input, as: UTF8.self))
        let signature = try await LocalKeys(keys).sign(request)
        let text = signature.base64EncodedString().replacingOccurrences(of: "+", with: "-")
        seen.add(secret: text.replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: ""))
        return signature
    }

    func bind(preferred: String) async throws -> Redirect {
        try await Headless().bind(preferred: preferred)
    }

    func open(_ page: SignInPage) async throws -> Opened {
        seen.add(page)
        return try await Headless().open(page)
    }

    func show(_ code: DeviceCode) async throws {
        seen.add(code)
        seen.add(secret: code.code)
        seen.add(secret: code.completeURL)
        await decide(code)
    }

    func load(_ key: String) async throws -> Data? {
        await memory.load(key)
    }

    func save(
        _ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?
    ) async throws -> Written {
        // A pending sign-in keeps its verifier and its code, until it is finished.
        if key.hasPrefix("grant/") { kept.add(String(decoding: record, as: UTF8.self)) }
        return await memory.save(record, as: key, generation: generation, expected: expected, expiry: expiry)
    }

    func delete(_ key: String, expected: UInt64) async throws -> Written {
        await memory.delete(key, expected: expected)
    }
}
