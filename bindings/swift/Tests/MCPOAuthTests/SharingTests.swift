// What if several processes share a store, or a program brings what it has?

import Foundation
import MCPOAuth
import TestHost
import Testing

/// Lets a refresh through when it is told to.
private actor Barrier {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private(set) var refreshes = 0

    func pass() async {
        refreshes += 1
        if !isOpen { await withCheckedContinuation { waiting.append($0) } }
    }

    func open() {
        isOpen = true
        for one in waiting { one.resume() }
        waiting = []
    }
}

private struct GuardedServers: Network {
    let barrier = Barrier()

    func send(_ request: NetworkRequest) async throws -> NetworkReply {
        if request.purpose == "refresh" { await barrier.pass() }
        return try await InMemoryServers().send(request)
    }
}

@Suite struct SharingTests {
    /// Two clients on one store: one is about to refresh the token that both hold, the other waits for it.
    private struct Refreshing {
        let servers = GuardedServers()
        let one: OAuthClient
        let two: OAuthClient
        let done: Task<Recovery, any Error>
        let waited: Task<Recovery, any Error>
        /// One for each time that it waits.
        var waits: AsyncStream<Void>.Iterator

        init() async throws {
            let store = MemoryStore()
            let (waits, wait) = AsyncStream.makeStream(of: Void.self)
            let settings = Settings(serverUrl: InMemoryServers.serverURL)
            one = try OAuthClient(settings, store: store, userAgent: InMemoryServers(), network: servers)
            two = try OAuthClient(
                settings, store: store, userAgent: nil, network: servers,
                observer: { if $0.name == "refresh_awaited" { wait.yield() } })
            try await one.signIn()
            let held = try await two.authorization(method: "POST", url: InMemoryServers.serverURL)
            let challenge = Challenge(
                status: 401, wwwAuthenticate: ["Bearer error=\"invalid_token\""], generation: held?.generation)
            done = Task { [one] in try await one.recover(from: challenge) }
            while await servers.barrier.refreshes == 0 { try await Task.sleep(for: .milliseconds(5)) }
            waited = Task { [two] in try await two.recover(from: challenge) }
            self.waits = waits.makeAsyncIterator()
            await self.waits.next()
        }

        func expectOneRefresh() async throws {
            let (first, second) = (
                try await one.authorization(method: "POST", url: InMemoryServers.serverURL),
                try await two.authorization(method: "POST", url: InMemoryServers.serverURL)
            )
            #expect(first != nil && first == second)
            #expect(await servers.barrier.refreshes == 1)
        }
    }

    @Test func oneRefreshesAndTheOtherWaits() async throws {
        let both = try await Refreshing()
        await both.servers.barrier.open()
        #expect(try await both.done.value == .retry)
        #expect(try await both.waited.value == .retry)
        try await both.expectOneRefresh()
    }

    @Test func whoeverIsToldOfTheRefreshWaitsNoLonger() async throws {
        var both = try await Refreshing()
        // Each wait is twice as long as the one before: now for two seconds.
        for _ in 0..<3 { await both.waits.next() }
        await both.servers.barrier.open()
        #expect(try await both.done.value == .retry)
        let start = ContinuousClock.now
        try await both.two.storeChanged()
        #expect(try await both.waited.value == .retry)
        #expect(ContinuousClock.now - start < .seconds(1.5))
        try await both.expectOneRefresh()
    }

    @Test func waitingForARefreshCanBeGivenUp() async throws {
        let both = try await Refreshing()
        await both.two.cancel()
        await #expect { _ = try await both.waited.value } throws: { isCode($0, "cancelled") }
        await both.servers.barrier.open()
        #expect(try await both.done.value == .retry)
    }

    @Test func aSignInElsewhereEndsTheOneHere() async throws {
        let store = MemoryStore()
        let (pages, show) = AsyncStream.makeStream(of: SignInPage.self)
        let here = try OAuthClient(
            TwoLegTests.settings(), account: "ada", store: store,
            userAgent: ExternalBrowser { page in
                show.yield(page)
                return true
            }, network: InMemoryServers())
        let there = try OAuthClient(
            TwoLegTests.settings(), account: "ada", store: store, userAgent: InMemoryServers(),
            network: InMemoryServers())
        async let signIn: Void = here.signIn()
        for await page in pages {
            #expect(try #require(page.expiry) > Date())
            break
        }
        // Nothing that would serve.
        try await here.storeChanged()
        try await there.signIn()
        try await here.storeChanged()
        try await signIn
        let url = InMemoryServers.serverURL
        let held = try await here.authorization(method: "POST", url: url)
        #expect(try await there.authorization(method: "POST", url: url) == held && held != nil)
        // Signed out there, signed out here.
        try await there.signOut(forgetClient: true)
        #expect(try await there.status() == nil)
        try await here.storeChanged()
        #expect(try await here.authorization(method: "POST", url: url) == nil)
    }

    private func brought(_ expiresAt: Date, issuer: String = "https://as.example.com") -> ProvidedTokens {
        ProvidedTokens(
            issuer: issuer, tokenEndpoint: "https://as.example.com/token", clientId: "brought-client",
            accessToken: "brought-SECRET-at", refreshToken: "brought-SECRET-rt",
            expiresAtMs: UInt64(expiresAt.timeIntervalSince1970 * 1000), scope: "a")
    }

    @Test func tokensThatAreBroughtAreUsedAndRefreshed() async throws {
        let url = InMemoryServers.serverURL
        let client = try OAuthClient(
            Settings(serverUrl: url), store: MemoryStore(), userAgent: nil, network: InMemoryServers())
        try await client.provide(brought(Date() + 3600))
        #expect(try await client.authorization(method: "POST", url: url)?.header == "Bearer brought-SECRET-at")
        try await client.provide(brought(Date()))
        let refreshed = try await client.authorization(method: "POST", url: url)
        #expect(refreshed?.header == "Bearer \(InMemoryServers.accessToken)")
        await #expect { try await client.provide(brought(Date(), issuer: "http://as.example.com")) } throws: {
            isCode($0, "bad_tokens") && "\($0)".contains("issuer")
        }
        var shown = "\(brought(Date()))"
        dump(brought(Date()), to: &shown)
        #expect(!shown.contains("SECRET"))
    }

    @Test func tokensThatAreBroughtEndASignIn() async throws {
        let (pages, show) = AsyncStream.makeStream(of: SignInPage.self)
        let client = try OAuthClient(
            TwoLegTests.settings(), store: MemoryStore(),
            userAgent: ExternalBrowser { page in
                show.yield(page)
                return true
            }, network: InMemoryServers())
        let signIn = Task { try await client.signIn() }
        for await _ in pages { break }
        try await client.provide(brought(Date() + 3600))
        await #expect { try await signIn.value } throws: { isCode($0, "cancelled") }
        #expect(try await client.authorization(method: "POST", url: InMemoryServers.serverURL) != nil)
    }
}

@Suite struct PendingTests {
    private static let redirectURI = "https://app.example.com/callback"

    private func page(_ state: String) -> URL {
        URL(string: "https://as.example.com/authorize?client_id=c&state=\(state)")!
    }

    @Test func aCallbackFindsItsSignInOnce() throws {
        let pending = Pending<String>(capacity: 2)
        try pending.add(page("one"), "first")
        try pending.add(page("two"), "before")
        try pending.add(page("two"), "second")
        #expect(throws: Pending<String>.Full.self) { try pending.add(page("three"), "third") }
        for unknown in ["", Self.redirectURI, Self.redirectURI + "?code=c", Self.redirectURI + "?state=other"] {
            #expect(pending.take(callbackURL: unknown) == nil)
        }
        #expect(pending.take(callbackURL: Self.redirectURI + "?code=c&state=two") == "second")
        #expect(pending.take(callbackURL: Self.redirectURI + "?code=c&state=two") == nil)
        #expect(pending.forget(page("one")) == "first")
        try pending.add(page("three"), "late", expiry: Date())
        #expect(pending.count == 0)
    }

    @Test func aCallbackIsRoutedToWhoFinishesIt() async throws {
        let store = MemoryStore()
        let pending = Pending<OAuthClient>(capacity: 8)
        for account in ["ada", "bob"] {
            let client = try TwoLegTests.backEnd(store, account: account)
            let page = try #require(try await client.begin())
            try pending.add(page, client)
            let callback = InMemoryServers.callback(of: page, to: Self.redirectURI)
            let found = try await findSignIn(callback, in: store)
            #expect(found.account == account && found.serverUrl == InMemoryServers.serverURL)
            try await #require(pending.take(callbackURL: callback)).finish(callbackURL: callback)
            for unknown in [callback, Self.redirectURI] {
                await #expect { _ = try await findSignIn(unknown, in: store) } throws: {
                    isCode($0, "no_pending_sign_in")
                }
            }
        }
        #expect(pending.count == 0)
    }
}
