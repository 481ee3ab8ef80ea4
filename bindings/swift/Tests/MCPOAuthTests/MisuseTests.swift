// Does a mistake, or a loss of interest, end as an ordinary error?

import Foundation
import MCPOAuth
import TestHost
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Shows the page and waits for nobody.
struct SilentPerson: UserAgent {
    let shown: AsyncStream<SignInPage>.Continuation

    func bind(preferred: String) async throws -> Redirect { Redirect(uri: preferred) }

    func open(_ page: SignInPage) async throws -> Opened {
        shown.yield(page)
        return .shown
    }
}

struct Broken: Error, Equatable {}

/// Fails at what it is told to.
struct BrokenStore: CredentialStore {
    var breaksOnLoad = false
    let memory = MemoryStore()

    func load(_ key: String) async throws -> Data? {
        if breaksOnLoad { throw Broken() }
        return await memory.load(key)
    }

    func save(
        _ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?
    ) async throws -> Written {
        throw Broken()
    }

    func delete(_ key: String, expected: UInt64) async throws -> Written { throw Broken() }
}

@Suite struct MisuseTests {
    /// A client whose user never comes back, and the pages that they are shown.
    static func silent() throws -> (OAuthClient, AsyncStream<SignInPage>) {
        let (pages, show) = AsyncStream.makeStream(of: SignInPage.self)
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL, redirectUri: "http://127.0.0.1:1/callback"),
            store: MemoryStore(), userAgent: SilentPerson(shown: show), network: InMemoryServers())
        return (client, pages)
    }

    static func first(_ pages: AsyncStream<SignInPage>) async {
        for await _ in pages { return }
    }

    @Test func settingsThatCannotWorkAreNamed() throws {
        do {
            _ = try OAuthClient("http://mcp.example.com/mcp", store: MemoryStore())
            Issue.record("plain http was accepted")
        } catch OAuthError.settings(let field, _) {
            #expect(field == "server_url")
        }
    }

    @Test func aClosedClientSaysSo() async throws {
        let (client, pages) = try Self.silent()
        let waiting = Task { try await client.signIn() }
        await Self.first(pages)
        await client.close()
        await #expect { try await waiting.value } throws: { isCode($0, "cancelled") }
        await #expect { try await client.signIn() } throws: { isCode($0, "closed") }
        await #expect { try await client.finish(callbackURL: "https://a.example.com/?state=x") } throws: {
            isCode($0, "closed")
        }
        await #expect { try await client.data(for: URLRequest(url: URL(fileURLWithPath: "/"))) } throws: {
            isCode($0, "closed")
        }
        await client.close()
    }

    @Test func aCancelledTaskEndsAtOnceAndItsFlowWithIt() async throws {
        let (client, pages) = try Self.silent()
        let waiting = Task { try await client.signIn() }
        await Self.first(pages)
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        // Nothing is left that the next one would have to wait for.
        let next = Task { try await client.signIn() }
        await Self.first(pages)
        await client.cancel()
        await #expect { try await next.value } throws: { isCode($0, "cancelled") }
    }

    @Test func aFlowGoesOnForThoseWhoStillWait() async throws {
        let (client, pages) = try Self.silent()
        let first = Task { try await client.signIn() }
        var page: SignInPage?
        for await shown in pages {
            page = shown
            break
        }
        let second = Task { try await client.signIn() }
        // The second has to wait already.
        try await Task.sleep(for: .milliseconds(50))
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        let open = try #require(page)
        try await client.finish(callbackURL: InMemoryServers.callback(of: open.url, to: open.redirectURI))
        try await second.value
    }

    @Test func aSignInThatNobodyFinishesIsGivenUp() async throws {
        let (_, show) = AsyncStream.makeStream(of: SignInPage.self)
        let client = try OAuthClient(
            Settings(
                serverUrl: InMemoryServers.serverURL, redirectUri: "http://127.0.0.1:1/callback",
                signInTimeoutMs: 200),
            store: MemoryStore(), userAgent: SilentPerson(shown: show), network: InMemoryServers())
        await #expect { try await client.signIn() } throws: { isCode($0, "expired") }
    }

    @Test func aTaskThatWasCancelledBeforehandBeginsNothing() async throws {
        let (client, _) = try Self.silent()
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await client.signIn()
        }
        await #expect(throws: CancellationError.self) { try await late.value }
    }

    @Test(arguments: [false, true])
    func whatTheStoreThrowsIsHandedOn(breaksOnLoad: Bool) async throws {
        let servers = InMemoryServers()
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: BrokenStore(breaksOnLoad: breaksOnLoad),
            userAgent: servers, network: servers)
        do {
            try await client.signIn()
            Issue.record("the store was not needed")
        } catch OAuthError.store(let error, let failure) {
            #expect(error is Broken && failure.code == "store_failed" && failure.stage == .store)
        }
    }

    @Test func anAgentThatGivesAnUnusableAddressIsToldSo() async throws {
        struct Confused: UserAgent {
            func bind(preferred: String) async throws -> Redirect { Redirect(uri: "http://example.com/callback") }
            func open(_ page: SignInPage) async throws -> Opened { .shown }
        }
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: MemoryStore(), userAgent: Confused(),
            network: InMemoryServers())
        do {
            try await client.signIn()
            Issue.record("the redirect URI was accepted")
        } catch OAuthError.refusedAnswer(let problem, _) {
            #expect(problem.contains("redirect URI"))
        }
    }

    @Test(arguments: [Refusal.needsUser, .denied, .unable])
    func aRefusalOfTheAgentEndsTheFlow(reason: Refusal) async throws {
        struct Refusing: UserAgent {
            let reason: Refusal
            func bind(preferred: String) async throws -> Redirect { Redirect(uri: "http://127.0.0.1:1/callback") }
            func open(_ page: SignInPage) async throws -> Opened { throw Refused(reason) }
        }
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: MemoryStore(), userAgent: Refusing(reason: reason),
            network: InMemoryServers())
        do {
            try await client.signIn()
            Issue.record("nobody refused")
        } catch let error as OAuthError {
            #expect(error.advice == .askUser && error.stage == .authorization)
        }
    }

    @Test func aForgedCallbackAtTheAgentEndsTheFlow() async throws {
        struct Forger: UserAgent {
            func bind(preferred: String) async throws -> Redirect { Redirect(uri: "http://127.0.0.1:1/callback") }
            func open(_ page: SignInPage) async throws -> Opened {
                .cameBack(callbackURL: page.redirectURI + "?code=x&state=forged")
            }
        }
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: MemoryStore(), userAgent: Forger(),
            network: InMemoryServers())
        await #expect { try await client.signIn() } throws: { isCode($0, "declined") }
    }

    @Test func aClientSourceIsAskedWhereNothingElseIsLeft() async throws {
        struct NoRegistration: Network {
            func send(_ request: NetworkRequest) async throws -> NetworkReply {
                var reply = try await InMemoryServers().send(request)
                let text = String(decoding: reply.body, as: UTF8.self)
                reply.body = Data(text.replacingOccurrences(of: "registration_endpoint", with: "nothing").utf8)
                return reply
            }
        }
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL, askForClient: true), store: MemoryStore(),
            userAgent: InMemoryServers(), network: NoRegistration(),
            clientSource: { issuer, _ in
                issuer == "https://as.example.com" ? ProvidedClient(clientID: "given") : nil
            })
        try await client.signIn()
        #expect(try await client.authorization(method: "POST", url: InMemoryServers.serverURL) != nil)
    }
}
