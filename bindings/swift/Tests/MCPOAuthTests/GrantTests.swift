// Does a program get its answer where no browser of its own leads to the server?

import Foundation
import MCPOAuth
import TestHost
import Testing

/// Notes what it is asked for, and has what it is told to.
actor Assertions {
    private(set) var requests: [AssertionRequest] = []
    private let mint: @Sendable (AssertionRequest) async throws -> Assertion

    init(_ mint: @escaping @Sendable (AssertionRequest) async throws -> Assertion) {
        self.mint = mint
    }

    nonisolated var source: AssertionSource {
        { request in
            await self.note(request)
            return try await self.mint(request)
        }
    }

    private func note(_ request: AssertionRequest) {
        requests.append(request)
    }
}

@Suite struct GrantTests {
    // MARK: Workloads

    private static func workload(_ bed: Testbed, _ assertions: AssertionSource?) throws -> OAuthClient {
        var settings = Settings(serverUrl: bed.mcpURL, authorizationServer: bed.issuer)
        settings.grant = .workloadIdentity
        settings.refreshSkewMs = 0
        return try OAuthClient(settings, store: MemoryStore(), userAgent: nil, assertions: assertions)
    }

    @Test func aWorkloadShowsAFreshAssertionEachTime() async throws {
        let bed = try Testbed(behaviour: #"{"workload":{"offered":true},"token":{"lifetime":2}}"#)
        let assertions = Assertions { request in
            Assertion(try await bed.mint("workload_assertion?audience=\(request.audience)"), kind: .jwt)
        }
        let client = try Self.workload(bed, assertions.source)
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        #expect(try await session.call("whoami").contains("agent"))
        try await Task.sleep(for: .milliseconds(2_100))
        try await bed.behave(#"{"workload":{"offered":true}}"#)
        _ = try await session.call("whoami")
        #expect(try await bed.count(of: "workload_grants") == 2)
        #expect(try await bed.ask("breaches") == "[]")
        let requests = await assertions.requests
        #expect(requests.count == 2 && requests.allSatisfy { $0.purpose == .workload && $0.issuer == bed.issuer })
    }

    @Test func aRefusedAssertionLeadsNowhereElse() async throws {
        let bed = try Testbed(behaviour: #"{"workload":{"offered":true}}"#)
        let client = try Self.workload(bed) { _ in
            Assertion(try await bed.mint("workload_assertion?audience=nobody"), kind: .jwt)
        }
        await #expect { try await client.signIn() } throws: { isCode($0, "assertion_rejected") }
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func whereNobodyHasAnAssertionItSaysSo() async throws {
        let bed = try Testbed(behaviour: #"{"workload":{"offered":true}}"#)
        for source: AssertionSource? in [nil, { _ in throw Broken() }] {
            let client = try Self.workload(bed, source)
            await #expect { try await client.signIn() } throws: { isCode($0, "assertion_needed") }
        }
    }

    @Test func aFileIsReadAfreshEachTime() async throws {
        let folder = Scratch()
        try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
        let file = folder.url.appendingPathComponent("token")
        let source = assertionFile(at: file)
        let workload = AssertionRequest(purpose: .workload, issuer: "https://as.example.com", audience: "a")
        let identity = AssertionRequest(purpose: .identity, issuer: "https://idp.example.com", audience: "a")
        await #expect(throws: (any Error).self) { try await source(workload) }
        for token in ["first", "second"] {
            try Data("\(token)\n".utf8).write(to: file)
            #expect(try await source(workload) == Assertion(token, kind: .jwt))
        }
        #expect(try await source(identity) == Assertion("second", kind: .idToken))
    }

    // MARK: Enterprises

    static let enterprise = """
        {"enterprise":{"offered":true},"registration":{"offered":false,"clients":[
        {"client_id":"client-at-server","client_secret":"secret-at-server"}]}}
        """

    static func employee(_ bed: Testbed) -> Settings {
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.grant = .enterpriseManaged
        settings.preregistered = Preregistered(
            issuer: bed.issuer, clientId: "client-at-server", clientSecret: "secret-at-server")
        settings.identityProvider = IdentityProvider(
            issuer: bed.identityProvider, tokenEndpoint: bed.identityProvider + "/token",
            clientId: "client-at-provider", clientSecret: "secret-at-provider")
        return settings
    }

    private static func employee(_ bed: Testbed, _ assertions: AssertionSource?) throws -> OAuthClient {
        try OAuthClient(employee(bed), store: MemoryStore(), userAgent: nil, assertions: assertions)
    }

    @Test func anIdentityProviderVouchesForTheUser() async throws {
        let bed = try Testbed(behaviour: Self.enterprise)
        let assertions = Assertions { _ in Assertion(try await bed.mint("id_token"), kind: .idToken) }
        let client = try Self.employee(bed, assertions.source)
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        #expect(try await session.call("whoami").contains("user-1"))
        #expect(try await bed.count(of: "token_exchanges") == 1)
        #expect(try await bed.count(of: "enterprise_grants") == 1)
        #expect(try await bed.ask("breaches") == "[]")
        let request = await assertions.requests.first
        #expect(request?.purpose == .identity && request?.issuer == bed.identityProvider)
        #expect(request?.audience == "client-at-provider" && request?.renew == false)
    }

    @Test(arguments: ["expired", "forged"])
    func anIdentityThatIsNoGoodIsAskedForAnew(flaw: String) async throws {
        let bed = try Testbed(behaviour: Self.enterprise)
        let assertions = Assertions { request in
            Assertion(try await bed.mint(request.renew ? "id_token" : "id_token?flaw=\(flaw)"), kind: .idToken)
        }
        try await Self.employee(bed, assertions.source).signIn()
        #expect(await assertions.requests.map(\.renew) == [false, true])
        #expect(try await bed.ask("breaches") == "[]")
    }

    // MARK: Devices

    private static func device(_ bed: Testbed, _ agent: (any UserAgent)?) throws -> OAuthClient {
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.grant = .deviceCode
        return try OAuthClient(settings, store: MemoryStore(), userAgent: agent)
    }

    @Test func aCodeIsShownOnceUntilTheUserHasEnteredIt() async throws {
        let bed = try Testbed(behaviour: #"{"device":{"offered":true,"interval":1,"slow_downs":0}}"#)
        let (codes, show) = AsyncStream.makeStream(of: DeviceCode.self)
        let agent = ExternalBrowser(open: { _ in false }, showCode: { show.yield($0) })
        let client = try Self.device(bed, agent)
        async let signedIn: Void = client.signIn()
        var seen = codes.makeAsyncIterator()
        let code = try #require(await seen.next())
        #expect(code.issuer == bed.issuer && code.completeURL?.contains(code.code) == true && code.expiry > Date())
        while try await bed.count(of: "device_polls") < 2 { try await Task.sleep(for: .milliseconds(100)) }
        try await bed.make("decide_device?user_code=\(code.code)&decision=allow")
        try await signedIn
        show.finish()
        #expect(await seen.next() == nil)
        var session = try MCPSession(client, url: bed.mcpURL, revision: "2026-07-28")
        #expect(try await session.call("whoami").contains("user-1"))
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func aUserWhoSaysNoIsTold() async throws {
        let bed = try Testbed(behaviour: #"{"device":{"offered":true,"interval":1}}"#)
        let client = try Self.device(
            bed,
            ExternalBrowser(
                open: { _ in false },
                showCode: { code in try? await bed.make("decide_device?user_code=\(code.code)&decision=deny") }))
        await #expect { try await client.signIn() } throws: { isCode($0, "access_denied") }
    }

    @Test func whereNobodySeesACodeASignInNeedsAUser() async throws {
        let bed = try Testbed(behaviour: #"{"device":{"offered":true}}"#)
        for agent: (any UserAgent)? in [nil, Headless(), ExternalBrowser { _ in false }] {
            let client = try Self.device(bed, agent)
            await #expect { try await client.signIn() } throws: { isCode($0, "needs_user") }
        }
    }

    @Test func whoStopsWaitingStopsAsking() async throws {
        let bed = try Testbed(behaviour: #"{"device":{"offered":true,"interval":1}}"#)
        let (codes, show) = AsyncStream.makeStream(of: DeviceCode.self)
        let client = try Self.device(bed, ExternalBrowser(open: { _ in false }, showCode: { show.yield($0) }))
        let signIn = Task { try await client.signIn() }
        for await _ in codes { break }
        signIn.cancel()
        await #expect(throws: CancellationError.self) { try await signIn.value }
        let polls = try await bed.count(of: "device_polls")
        try await Task.sleep(for: .milliseconds(1_500))
        #expect(try await bed.count(of: "device_polls") <= polls + 1)
    }

    // MARK: The end

    @Test func signingOutGivesTheTokensBack() async throws {
        let bed = try Testbed()
        let client = try makeClient(bed)
        try await client.signIn()
        try await client.signOut()
        #expect(try await bed.count(of: "revocations") >= 1)
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func aServerThatTakesNothingBackKeepsNobodySignedIn() async throws {
        let down = #"{"faults":[{"at":"revocation","fault":{"answer":{"status":503}}}]}"#
        for behaviour in [down, #"{"faults":[{"at":"revocation","fault":"drop_before"}]}"#] {
            let bed = try Testbed(behaviour: behaviour)
            let client = try makeClient(bed)
            try await client.signIn()
            try await client.signOut()
            #expect(try await client.authorization(method: "POST", url: bed.mcpURL) == nil)
            #expect(try await client.status()?.issuers.allSatisfy { !$0.hasTokens } != false)
        }
    }

    @Test func whoDoesNotWantToTellTheServerNeedNot() async throws {
        let bed = try Testbed()
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.revokeOnSignOut = false
        let client = try OAuthClient(settings, store: MemoryStore(), userAgent: Headless())
        try await client.signIn()
        try await client.signOut()
        #expect(try await bed.count(of: "revocations") == 0)
    }
}
