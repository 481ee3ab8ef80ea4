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

/// Where a program keeps its keys.
final class Vault {
    private var secret = ""

    func keep(_ secret: String) { self.secret = secret }

    func kept() -> String { secret }
}

/// The examples stand here once more, each line as it is there.
@Suite(.serialized) struct ReadmeTests {
    @Test func theREADMEShowsWhatIsTestedHere() throws {
        let here = URL(fileURLWithPath: #filePath)
        let tested = Set(try String(contentsOf: here, encoding: .utf8).split(separator: "\n").map(trimmed))
        let readme = here.deletingLastPathComponent().appendingPathComponent("../../README.md").standardizedFileURL
        let parts = try String(contentsOf: readme, encoding: .utf8).components(separatedBy: "```")
        let examples = stride(from: 1, to: parts.count, by: 2).map { parts[$0] }.filter { $0.hasPrefix("swift\n") }
        #expect(examples.count == 12)
        for example in examples {
            for line in example.split(separator: "\n").dropFirst() {
                #expect(tested.contains(trimmed(line)), "not tested: \(line)")
            }
        }
    }

    private func trimmed(_ line: Substring) -> String {
        line.trimmingCharacters(in: .whitespaces)
    }

    /// A program's own HTTP client.
    private func transport(to server: String) -> @Sendable (URLRequest) async throws -> (Data, HTTPURLResponse) {
        { request in
            let fields = (request.allHTTPHeaderFields ?? [:]).map { HeaderField($0.key, $0.value) }
            let reply = try await platformNetwork.send(
                NetworkRequest(
                    method: "POST", url: server, headers: fields, body: request.httpBody, maxBodyBytes: 1 << 20,
                    timeout: .seconds(10), reach: .loopback, purpose: "readme"))
            let url = try #require(request.url)
            let names = Dictionary(reply.headers.map { ($0.name, $0.value) }) { "\($0), \($1)" }
            let response = HTTPURLResponse(url: url, statusCode: reply.status, httpVersion: nil, headerFields: names)
            return (reply.body, try #require(response))
        }
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

            let transport = transport(to: server)
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

        @Test func aUserSignsInOnAnotherDevice() async throws {
            let bed = try Testbed(behaviour: #"{"device":{"offered":true,"interval":1}}"#)
            let (lines, line) = AsyncStream.makeStream(of: String.self)
            struct Screen {
                let line: AsyncStream<String>.Continuation
                func show(_ text: String) { line.yield(text) }
            }
            let screen = Screen(line: line)
            var settings = Settings(serverUrl: bed.mcpURL)
            settings.grant = .deviceCode
            let agent = SystemBrowser(showCode: { code in screen.show("\(code.url): \(code.code)") })
            let television = try OAuthClient(settings, userAgent: agent)
            async let signedIn: Void = television.signIn()
            for await text in lines {
                try await bed.make("decide_device?user_code=\(text.suffix(9))&decision=allow")
                break
            }
            try await signedIn
        }

        @Test func tokensAreBoundToAKey() async throws {
            let bed = try Testbed(behaviour: #"{"dpop":{"offered":true,"required":true,"resource_nonce":"required"}}"#)
            let server = bed.mcpURL
            let vault = Vault()
            var settings = Settings(serverUrl: server)
            let key = try SigningKey.generate(.es256)
            try vault.keep(key.pem())  // It has to last as long as the tokens do: SigningKey(pem: …) reads it.
            settings.dpop = .whenSupported
            settings.dpopKeys = [DpopKey(key: key.publicJWK)]
            let bound = try OAuthClient(settings, signer: LocalKeys(key))
            try await bound.signIn()
            var request = URLRequest(url: URL(string: server)!)
            request.httpMethod = "POST"
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.setValue("application/json, text/event-stream", forHTTPHeaderField: "Accept")
            request.httpBody = Data(initialize.utf8)
            let transport = transport(to: server)
            let fields = try await bound.authorization(method: "POST", url: server)
            request.setValue(fields?.header, forHTTPHeaderField: "Authorization")
            request.setValue(fields?.proof, forHTTPHeaderField: "DPoP")
            let (_, reply) = try await transport(request)
            await bound.note(reply)
            // The first lacked the nonce, and was answered with it.
            #expect(reply.statusCode == 401 && fields?.header.hasPrefix("DPoP ") == true)
            let (_, response) = try await bound.data(for: request)
            #expect(response.statusCode == 200)
            #expect(try SigningKey(pem: vault.kept()).thumbprint == key.thumbprint)
            #expect(try await bed.ask("breaches") == "[]")
        }
    #endif

    @Test func aProgramActsForItself() async throws {
        let key = try SigningKey.generate(.es256)
        let bed = try Testbed(behaviour: KeyedTests.known(key).replacingOccurrences(of: "\n", with: ""))
        let issuer = bed.issuer
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.grant = .clientCredentials
        settings.preregistered = Preregistered(issuer: issuer, clientId: "job", authMethod: .privateKeyJwt)
        settings.clientKey = key.publicJWK
        let job = try OAuthClient(settings, userAgent: nil, signer: LocalKeys(key))
        try await job.signIn()
        #expect(try await bed.count(of: "client_credentials") == 1)
    }

    @Test func aWorkloadShowsWhatItsPlatformSays() async throws {
        let bed = try Testbed(behaviour: #"{"workload":{"offered":true,"audience":"issuer"}}"#)
        let issuer = bed.issuer
        let folder = Scratch()
        try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
        let file = folder.url.appendingPathComponent("token")
        try Data(try await bed.mint("workload_assertion?audience=\(issuer)").utf8).write(to: file)
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.workloadAudience = issuer
        settings.grant = .workloadIdentity
        settings.authorizationServer = issuer
        let pod = try OAuthClient(settings, userAgent: nil, assertions: assertionFile(at: file))
        try await pod.signIn()
        #expect(try await bed.count(of: "workload_grants") == 1)
    }

    @Test func anIdentityProviderVouches() async throws {
        struct Session {
            let bed: Testbed
            func idToken(newer: Bool) async throws -> String { try await bed.mint("id_token") }
        }
        let bed = try Testbed(
            behaviour: GrantTests.enterprise.replacingOccurrences(
                of: #"{"offered":true}"#,
                with: #"{"offered":true,"client":{"client_id":"notes","client_secret":"secret"}}"#))
        let (provider, secret, session) = (bed.identityProvider, "secret", Session(bed: bed))
        var settings = Settings(serverUrl: bed.mcpURL)
        settings.preregistered = Preregistered(
            issuer: bed.issuer, clientId: "client-at-server", clientSecret: "secret-at-server")
        settings.grant = .enterpriseManaged
        settings.identityProvider = IdentityProvider(
            issuer: provider, tokenEndpoint: provider + "/token", clientId: "notes", clientSecret: secret)
        let employee = try OAuthClient(
            settings,
            assertions: { request in Assertion(try await session.idToken(newer: request.renew), kind: .idToken) })
        try await employee.signIn()
        #expect(try await bed.count(of: "enterprise_grants") == 1)
    }

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
