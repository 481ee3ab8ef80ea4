// Does a flow leave anything behind?

import Foundation
import MCPOAuth
import TestHost
import Testing

#if os(Linux)
    /// Alone in its process, since it looks at all the memory of it.
    @Suite(.serialized) struct SoakTests {
        static let flows = 10_000
        /// What the first flows need is needed once.
        static let warmUp = 1_000
        /// A fifth of a kilobyte for each flow, which moves a hundred times as much: what fragmentation may cost.
        static let mostGrowth = 2 << 20

        static func flow(_ number: Int) async throws {
            let servers = InMemoryServers(expiresIn: number % 2 == 0 ? 3600 : 1)
            let client = try OAuthClient(
                Settings(serverUrl: InMemoryServers.serverURL), store: MemoryStore(), userAgent: servers,
                network: servers)
            try await client.signIn()
            // Every second token is as good as expired: it is refreshed.
            _ = try await client.authorization(method: "POST", url: InMemoryServers.serverURL)
            if number % 3 == 0 { try await client.signOut() }
            if number % 4 == 0 { try await boundFlow() }
            if number % 5 == 0 {
                let (pages, show) = AsyncStream.makeStream(of: SignInPage.self)
                let silent = try OAuthClient(
                    Settings(serverUrl: InMemoryServers.serverURL, redirectUri: "http://127.0.0.1:1/callback"),
                    store: MemoryStore(), userAgent: SilentPerson(shown: show), network: servers)
                let waiting = Task { try await silent.signIn() }
                await MisuseTests.first(pages)
                waiting.cancel()
                _ = await waiting.result
            }
        }

        /// With a key that is gone afterwards.
        static func boundFlow() async throws {
            let servers = InMemoryServers(isBound: true)
            let key = try SigningKey.generate(.es256)
            var settings = Settings(serverUrl: InMemoryServers.serverURL)
            settings.dpop = .always
            settings.dpopKeys = [DpopKey(key: key.publicJWK)]
            let client = try OAuthClient(
                settings, store: MemoryStore(), userAgent: servers, network: servers, signer: LocalKeys(key))
            try await client.signIn()
            let authorization = try await client.authorization(method: "POST", url: InMemoryServers.serverURL)
            #expect(authorization?.proof != nil)
        }

        static func memory() throws -> Int {
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            return (Int(pages[1]) ?? 0) * 4096
        }

        @Test func memoryStaysFlat() async throws {
            for number in 0..<Self.warmUp { try await Self.flow(number) }
            let before = try Self.memory()
            for number in Self.warmUp..<Self.flows { try await Self.flow(number) }
            let growth = try Self.memory() - before
            print("\(Self.flows) flows: \(before >> 10) KiB, then \(growth >> 10) KiB more")
            #expect(growth < Self.mostGrowth)
        }
    }
#endif
