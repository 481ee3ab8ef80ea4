// Does a sign-in go on where its callback arrives?

import Foundation
import MCPOAuth
import TestHost
import Testing

@Suite struct TwoLegTests {
    static let redirectURI = "https://app.example.com/callback"

    static func settings() -> Settings {
        Settings(serverUrl: InMemoryServers.serverURL, redirectUri: redirectURI)
    }

    /// As it is made in each process of a web back end.
    static func backEnd(_ store: MemoryStore, account: String = "ada") throws -> OAuthClient {
        try OAuthClient(settings(), account: account, store: store, userAgent: nil, network: InMemoryServers())
    }

    @Test func theSecondLegMayBeInAnotherProcess() async throws {
        let store = MemoryStore()
        let page = try #require(try await Self.backEnd(store).begin())
        let callback = InMemoryServers.callback(of: page, to: Self.redirectURI)
        let other = try Self.backEnd(store)
        try await other.finish(callbackURL: callback)
        let authorization = try await other.authorization(method: "POST", url: InMemoryServers.serverURL)
        #expect(authorization?.header == "Bearer \(InMemoryServers.accessToken)")
        #expect(try await Self.backEnd(store).begin() == nil)
    }

    @Test func theClientThatBeganMayFinish() async throws {
        let client = try Self.backEnd(MemoryStore())
        #expect(try await client.authorization(method: "POST", url: InMemoryServers.serverURL) == nil)
        let page = try #require(try await client.begin())
        let callback = InMemoryServers.callback(of: page, to: Self.redirectURI)
        try await client.finish(callbackURL: try #require(URL(string: callback)))
        #expect(try await client.authorization(method: "POST", url: InMemoryServers.serverURL) != nil)
    }

    @Test func aCallbackIsTakenOnce() async throws {
        let store = MemoryStore()
        let client = try Self.backEnd(store)
        let page = try #require(try await client.begin())
        let query = String(try #require(InMemoryServers.callback(of: page, to: "").split(separator: "?").last))
        try await client.finish(callbackQuery: query)
        await #expect { try await client.finish(callbackQuery: query) } throws: { isCode($0, "no_pending_sign_in") }
        await #expect { try await client.finish(callbackURL: "https://app.example.com/callback") } throws: {
            isCode($0, "no_pending_sign_in")
        }
    }

    @Test func nobodyFinishesTheSignInOfAnother() async throws {
        let store = MemoryStore()
        let page = try #require(try await Self.backEnd(store, account: "ada").begin())
        let callback = InMemoryServers.callback(of: page, to: Self.redirectURI)
        let bob = try Self.backEnd(store, account: "bob")
        await #expect { try await bob.finish(callbackURL: callback) } throws: { isCode($0, "bad_record") }
        try await Self.backEnd(store, account: "ada").finish(callbackURL: callback)
    }

    @Test func severalSignInsMayBeOpenAtOnce() async throws {
        let store = MemoryStore()
        let client = try Self.backEnd(store)
        let first = try #require(try await client.begin())
        let second = try #require(try await client.begin())
        for page in [second, first] {
            try await client.finish(callbackURL: InMemoryServers.callback(of: page, to: Self.redirectURI))
        }
    }

    @Test func aRequestThatNeedsAPersonSaysWhereToSendThem() async throws {
        let client = try Self.backEnd(MemoryStore())
        let challenge = Challenge(status: 401, wwwAuthenticate: ["Bearer"], generation: nil)
        do {
            _ = try await client.recover(from: challenge)
            Issue.record("nobody was needed")
        } catch OAuthError.needsUser(let page) {
            #expect(page.issuer == "https://as.example.com" && page.scopes == ["a"] && page.newScopes == ["a"])
            try await client.finish(callbackURL: InMemoryServers.callback(of: page.url, to: page.redirectURI))
        }
        #expect(try await client.recover(from: challenge) == .retry)
    }

    @Test func anAppHandsOverTheCallbackOfItsOwnScheme() async throws {
        let (pages, show) = AsyncStream.makeStream(of: SignInPage.self)
        let client = try OAuthClient(
            Settings(
                serverUrl: InMemoryServers.serverURL, redirectUri: "com.example.app:/callback",
                privateSchemeRedirect: true),
            store: MemoryStore(),
            userAgent: ExternalBrowser { page in
                show.yield(page)
                return true
            }, network: InMemoryServers())
        async let signIn: Void = client.signIn()
        for await page in pages {
            await #expect { try await client.finish(callbackURL: page.redirectURI + "?code=x&state=forged") } throws: {
                isCode($0, "no_pending_sign_in")
            }
            try await client.finish(callbackURL: InMemoryServers.callback(of: page.url, to: page.redirectURI))
            break
        }
        try await signIn
        #expect(try await client.authorization(method: "POST", url: InMemoryServers.serverURL) != nil)
    }
}

/// Whether an error is one of ours with this code.
func isCode(_ error: any Error, _ code: String) -> Bool {
    (error as? OAuthError)?.code == code
}
