// How far can `URLSession` be relied on where it is not the default?

#if canImport(FoundationNetworking)
    import Foundation
    import FoundationNetworking
    import MCPOAuth
    import TestHost
    import Testing

    // Within the others, so that none of these runs while a proxy is in the environment: `URLSession` would follow it.
    extension NetworkTests {
        @Suite struct URLSessionTests {
            private let network = URLSessionNetwork()
            private let limits = NetworkTests(network: URLSessionNetwork())

            @Test func aRedirectIsHandedBack() async throws { try await limits.aRedirectIsHandedBack() }

            @Test func aRefusalIsHandedBackWithItsBody() async throws {
                try await limits.aRefusalIsHandedBackWithItsBody()
            }

            @Test func anAnswerMayBeAsLargeAsItsLimitAndNoLarger() async throws {
                try await limits.anAnswerMayBeAsLargeAsItsLimitAndNoLarger()
            }

            @Test func silenceEndsInTime() async throws { try await limits.silenceEndsInTime() }

            @Test func aConnectionThatBreaksIsSaidToHaveBroken() async throws {
                try await limits.aConnectionThatBreaksIsSaidToHaveBroken()
            }

            @Test(arguments: ["http://127.0.0.1:1/", "http://localhost:1/"])
            func anAddressOutsideItsReachIsNotConnectedTo(url: String) async {
                await limits.anAddressOutsideItsReachIsNotConnectedTo(url: url)
            }

            @Test func aNameThatDoesNotResolveIsSaidSo() async { await limits.aNameThatDoesNotResolveIsSaidSo() }

            @Test func aCancelledExchangeEndsAtOnce() async throws { try await limits.aCancelledExchangeEndsAtOnce() }

            /// The requests of the flow, and those of the program with the server's refusal among them.
            @Test func aSignInGoesThroughIt() async throws {
                let bed = try Testbed()
                let client = try OAuthClient(
                    Settings(serverUrl: bed.mcpURL), store: MemoryStore(), userAgent: Headless(), network: network)
                var request = URLRequest(url: try #require(URL(string: bed.mcpURL)))
                request.httpMethod = "POST"
                request.setValue("application/json", forHTTPHeaderField: "Content-Type")
                request.setValue("application/json, text/event-stream", forHTTPHeaderField: "Accept")
                request.httpBody = Data(initialize.utf8)
                let session = URLSession(configuration: .ephemeral)
                let (statuses, seen) = AsyncStream.makeStream(of: Int.self)
                _ = try await client.send(request) { authorized in
                    let (body, response) = try await session.data(for: authorized)
                    let answer = try #require(response as? HTTPURLResponse)
                    seen.yield(answer.statusCode)
                    return (body, answer)
                }
                seen.finish()
                session.invalidateAndCancel()
                #expect(await statuses.reduce(into: []) { $0.append($1) } == [401, 200])
                #expect(try await bed.ask("breaches") == "[]")
            }
        }
    }
#endif
