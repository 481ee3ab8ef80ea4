// Do the examples of the README work?

import Foundation
import MCPOAuth
import TestHost
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What opens a session of MCP.
let initialize = """
    {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},
    "clientInfo":{"name":"readme","version":"1"}}}
    """

/// The examples stand here once more, each line as it is there.
@Suite(.serialized) struct ReadmeTests {
    @Test func theREADMEShowsWhatIsTestedHere() throws {
        let here = URL(fileURLWithPath: #filePath)
        let tested = Set(try String(contentsOf: here, encoding: .utf8).split(separator: "\n").map(trimmed))
        let readme = here.deletingLastPathComponent().appendingPathComponent("../../README.md").standardizedFileURL
        let parts = try String(contentsOf: readme, encoding: .utf8).components(separatedBy: "```")
        let examples = stride(from: 1, to: parts.count, by: 2).map { parts[$0] }.filter { $0.hasPrefix("swift\n") }
        #expect(examples.count == 6)
        for example in examples {
            for line in example.split(separator: "\n").dropFirst() {
                #expect(tested.contains(trimmed(line)), "not tested: \(line)")
            }
        }
    }

    private func trimmed(_ line: Substring) -> String {
        line.trimmingCharacters(in: .whitespaces)
    }

    #if os(macOS) || os(Linux)
        @Test func requestsAreAuthorized() async throws {
            let bed = try Testbed()
            let server = bed.mcpURL
            let client = try OAuthClient(server)
            var request = URLRequest(url: URL(string: server)!)
            request.httpMethod = "POST"
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.setValue("application/json, text/event-stream", forHTTPHeaderField: "Accept")
            request.httpBody = Data(initialize.utf8)
            let (body, response) = try await client.data(for: request)
            print(response.statusCode, String(decoding: body, as: UTF8.self))
            #expect(response.statusCode == 200)

            let transport: @Sendable (URLRequest) async throws -> (Data, HTTPURLResponse) = { request in
                let fields = (request.allHTTPHeaderFields ?? [:]).map { HeaderField($0.key, $0.value) }
                let reply = try await platformNetwork.send(
                    NetworkRequest(
                        method: "POST", url: server, headers: fields, body: request.httpBody, maxBodyBytes: 1 << 20,
                        timeout: .seconds(10), reach: .loopback, purpose: "readme"))
                let url = try #require(request.url)
                let response = HTTPURLResponse(url: url, statusCode: reply.status, httpVersion: nil, headerFields: nil)
                return (reply.body, try #require(response))
            }
            let (answer, status) = try await client.send(request) { authorized in
                try await transport(authorized)
            }
            let authorization = try await client.authorization(method: "POST", url: server)
            print(status.statusCode, answer.count, authorization?.header.hasPrefix("Bearer ") == true)
            #expect(status.statusCode == 200 && authorization != nil)
            try await client.signOut(forgetClient: true)
        }

        @Test func settingsAreSaid() async throws {
            let bed = try Testbed()
            let server = bed.mcpURL
            var settings = Settings(serverUrl: server, clientName: "Notes")
            settings.scopes = ["notes:read"]
            settings.deviations.assumeS256 = true
            let notes = try OAuthClient(
                settings, account: "ada", store: MemoryStore(),
                observer: { print("\($0.text) [\($0.clause)]") })
            try await notes.signIn()
            #expect(try await notes.status()?.issuers.first?.scopes == "notes:read")
        }
    #endif

    @Test func aStoreOfOnesOwnIsUsed() async throws {
        actor Shelf: CredentialStore {
            private var records: [String: (generation: UInt64, bytes: Data)] = [:]

            func load(_ key: String) -> Data? { records[key]?.bytes }

            func save(_ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?) -> Written {
                guard records[key]?.generation == expected else { return .conflict }
                records[key] = (generation, record)
                return .done
            }

            func delete(_ key: String, expected: UInt64) -> Written {
                guard records[key]?.generation == expected else { return .conflict }
                records[key] = nil
                return .done
            }
        }
        try await StoreTests.check(Shelf())
    }

    @Test func aWebBackEndFinishesWhatItBegan() async throws {
        let bed = try Testbed()
        let server = bed.mcpURL
        let shelf = MemoryStore()
        func backEnd(for user: String) throws -> OAuthClient {
            let settings = Settings(serverUrl: server, redirectUri: "https://app.example.com/callback")
            return try OAuthClient(settings, account: user, store: shelf, userAgent: nil)
        }

        /// The page to redirect the user to; `nil` if they have signed in already.
        func begin(for user: String) async throws -> URL? {
            try await backEnd(for: user).begin()
        }

        /// What the page at the redirect URI does, with the user of its session.
        func callback(_ url: String, for user: String) async throws {
            try await backEnd(for: user).finish(callbackURL: url)
        }

        let page = try #require(try await begin(for: "ada"))
        let opened = try await Headless().open(
            SignInPage(
                url: page, redirectURI: "https://app.example.com/callback", issuer: bed.issuer, scopes: [],
                newScopes: [], reach: .loopback))
        guard case .cameBack(let url) = opened else { throw Testbed.Failed() }
        try await callback(url, for: "ada")
        #expect(try await begin(for: "ada") == nil)
        await #expect { try await callback(url, for: "ada") } throws: { isCode($0, "no_pending_sign_in") }
    }

    @Test func failuresSayWhatToDo() async throws {
        let bed = try Testbed()
        for agent: (any UserAgent)? in [nil, ExternalBrowser { _ in false }] {
            let client = try makeClient(bed, userAgent: agent)
            do {
                try await client.signIn()
            } catch OAuthError.needsUser(let page) {
                print("sign in at", page.issuer)  // `page.url` is for the user alone.
            } catch let error as OAuthError {
                print(error.code, error.advice, error)
            }
        }
    }
}
