// Does a program get its answer from a protected server?

import Foundation
import MCPOAuth
import TestHost
import Testing

/// A client of the testbed that signs in without a person.
func makeClient(
    _ bed: Testbed, account: String = "", store: any CredentialStore = MemoryStore(),
    userAgent: (any UserAgent)? = Headless(), observer: (@Sendable (TraceEntry) -> Void)? = nil
) throws -> OAuthClient {
    try OAuthClient(
        Settings(serverUrl: bed.mcpURL), account: account, store: store, userAgent: userAgent, observer: observer)
}

@Suite struct SignInTests {
    @Test(arguments: ["2025-03-26", "2025-11-25", "2026-07-28"])
    func aToolAnswersInEachRevision(revision: String) async throws {
        let bed = try Testbed()
        var session = try MCPSession(makeClient(bed), url: bed.mcpURL, revision: revision)
        let answer = try await session.call("whoami")
        #expect(answer.contains("user-1"))
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func aToolThatNeedsMoreScopesGetsThem() async throws {
        let bed = try Testbed()
        var session = try MCPSession(makeClient(bed), url: bed.mcpURL, revision: "2026-07-28")
        _ = try await session.call("whoami")
        _ = try await session.call("write_note", ["text": "hello"])
        #expect(try await session.call("read_note").contains("hello"))
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func tokensThatHaveExpiredAreRefreshed() async throws {
        let bed = try Testbed()
        var session = try MCPSession(makeClient(bed), url: bed.mcpURL, revision: "2026-07-28")
        _ = try await session.call("whoami")
        try await bed.make("expire_access_tokens")
        _ = try await session.call("whoami")
        #expect(try await bed.count(of: "refreshes") == 1)
        #expect(try await bed.count(of: "code_exchanges") == 1)
        #expect(try await bed.ask("breaches") == "[]")
    }

    @Test func thoseWhoAreChallengedTogetherSignInOnce() async throws {
        let bed = try Testbed()
        let client = try makeClient(bed)
        let challenge = Challenge(status: 401, wwwAuthenticate: ["Bearer error=\"invalid_token\""], generation: nil)
        try await withThrowingTaskGroup(of: Recovery.self) { group in
            for _ in 0..<8 { group.addTask { try await client.recover(from: challenge) } }
            for try await recovery in group { #expect(recovery == .retry) }
        }
        #expect(try await bed.count(of: "code_exchanges") == 1)
    }

    @Test func theTokenIsForThisServerAlone() async throws {
        let bed = try Testbed()
        let client = try makeClient(bed)
        try await client.signIn()
        #expect(try await client.authorization(method: "POST", url: bed.mcpURL) != nil)
        #expect(try await client.authorization(method: "POST", url: "http://127.0.0.1:9/mcp") == nil)
    }

    @Test func anotherClientOnTheSameStoreGoesOn() async throws {
        let bed = try Testbed()
        let store = MemoryStore()
        try await makeClient(bed, store: store).signIn()
        let other = try makeClient(bed, store: store, userAgent: nil)
        try await other.signIn()
        #expect(try await bed.count(of: "code_exchanges") == 1)
        #expect(try await other.status()?.issuers.first?.hasTokens == true)
        #expect(try await makeClient(bed, account: "another", store: store).status() == nil)
    }

    @Test func signingOutForgetsTheTokens() async throws {
        let bed = try Testbed()
        let client = try makeClient(bed)
        try await client.signIn()
        try await client.signOut()
        #expect(try await client.authorization(method: "POST", url: bed.mcpURL) == nil)
        #expect(try await client.status()?.issuers.allSatisfy { !$0.hasTokens } == true)
    }

    @Test func everyDecisionIsShownToTheObserver() async throws {
        let bed = try Testbed()
        let (names, show) = AsyncStream.makeStream(of: String.self)
        try await makeClient(bed, observer: { show.yield($0.name) }).signIn()
        show.finish()
        var seen: [String] = []
        for await name in names { seen.append(name) }
        #expect(seen.contains("nothing_stored") && seen.count > 5)
    }
}
