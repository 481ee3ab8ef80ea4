// Is a secret ever shown?

import Foundation
import MCPOAuth
import MCPOAuthMachine
import TestHost
import Testing

@Suite struct SecretTests {
    /// In every form in which Swift shows a value.
    static func shown(_ value: Any) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return "\(value) \(String(reflecting: value)) \(String(describing: value)) \(dumped) "
            + Mirror(reflecting: value).children.map { "\($0.value)" }.joined()
            + ((value as? any Error)?.localizedDescription ?? "")
    }

    @Test func noSettingIsShownThatIsSecret() {
        var settings = Settings(serverUrl: InMemoryServers.serverURL)
        settings.softwareStatement = "SECRET-statement"
        settings.initialAccessToken = "SECRET-initial"
        settings.preregistered = Preregistered(
            issuer: "https://as.example.com", clientId: "app", clientSecret: "SECRET-client")
        settings.identityProvider = IdentityProvider(
            issuer: "https://idp.example.com", tokenEndpoint: "https://idp.example.com/token", clientId: "app",
            clientSecret: "SECRET-provider")
        #expect(!Self.shown(settings).contains("SECRET"))
        #expect(!Self.shown(settings.preregistered as Any).contains("SECRET"))
        #expect(Self.shown(settings).contains(InMemoryServers.serverURL))
        settings.clientKey = #"{"kty":"EC","crv":"P-256","d":"SECRET-key"}"#
        settings.dpopKeys = [DpopKey(key: #"{"kty":"EC","crv":"P-256","d":"SECRET-key"}"#)]
        #expect(!Self.shown(settings).contains("SECRET"))
        #expect {
            try OAuthClient(settings, store: MemoryStore())
        } throws: {
            isCode($0, "bad_settings") && !Self.shown($0).contains("SECRET")
        }
        #expect(!Self.shown(ProvidedClient(clientID: "app", clientSecret: "SECRET-client")).contains("SECRET"))
    }

    @Test func nothingOfAFlowIsShownThatIsSecret() async throws {
        let seen = Seen()
        let servers = Watched(seen: seen)
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: servers, userAgent: servers, network: servers,
            observer: { seen.add($0) })
        try await client.signIn()
        let authorization = try #require(
            try await client.authorization(method: "POST", url: InMemoryServers.serverURL))
        seen.add(authorization)
        seen.add(client)
        seen.add(try await client.status() as Any)
        #expect(authorization.header.contains("SECRET"))
        let (text, states) = seen.all
        let isComplete = text.contains("NetworkRequest") && text.contains("SignInPage")
        let isLeaking = (states + ["SECRET"]).contains { text.contains($0) }
        #expect(isComplete && !isLeaking && states.count == 1)
    }

    @Test func noFailureShowsWhatLedToIt() async throws {
        let client = try TwoLegTests.backEnd(MemoryStore())
        let challenge = Challenge(status: 401, wwwAuthenticate: ["Bearer"], generation: nil)
        do {
            _ = try await client.recover(from: challenge)
            Issue.record("nobody was needed")
        } catch OAuthError.needsUser(let page) {
            let state = try #require(stateParameter(of: page.url))
            #expect(!Self.shown(OAuthError.needsUser(page)).contains(state) && !Self.shown(page).contains(state))
            let refused = page.redirectURI + "?error=access_denied&state=" + state
            do {
                try await client.finish(callbackURL: refused)
                Issue.record("nothing was refused")
            } catch let error as OAuthError {
                #expect(error.code == "access_denied" && !Self.shown(error).contains(state))
            }
        }
    }

    @Test func theMachineShowsNoSecretEither() throws {
        let config = try Config(settings: Settings(serverUrl: InMemoryServers.serverURL))
        let page = Next.openUrl(
            id: 1, url: "https://as.example.com/?SECRET", state: "SECRET", redirectUri: "", issuer: "", scopes: "",
            newScopes: "")
        let save = Next.save(
            id: 1, key: "grant/x", expected: nil, generation: 1, record: Data("SECRET".utf8), expiresAtMs: nil)
        let request = Next.http(
            id: 1, method: "POST", url: "https://as.example.com", headers: "authorization: SECRET\n",
            body: Data("SECRET".utf8), maxBodyBytes: 1, timeoutMs: 1, reach: .public, purpose: "refresh")
        let ready = RequestHeaders.ready(authorization: "Bearer SECRET", generation: 1)
        let sign = Next.sign(
            id: 1, purpose: "dpop_proof", algorithm: "ES256", thumbprint: "", keyId: nil, issuer: "", input: "SECRET")
        let code = Next.showCode(
            id: 1, userCode: "SECRET", verificationUri: "https://as.example.com/device",
            verificationUriComplete: "https://as.example.com/device?code=SECRET", issuer: "", scopes: "",
            expiresAtMs: 1, untilMs: 1)
        let proof = RequestHeaders.sign(
            authorization: "DPoP SECRET", generation: 1, algorithm: "ES256", thumbprint: "", keyId: nil, issuer: "",
            input: "SECRET")
        let provider = IdentityProvider(
            issuer: "https://idp.example.com", tokenEndpoint: "https://idp.example.com/token", clientId: "app",
            clientSecret: "SECRET")
        // Not a public key, as it ought to be.
        let key = DpopKey(key: #"{"kty":"EC","crv":"P-256","d":"SECRET"}"#)
        for value: Any in [
            page, save, request, ready, sign, code, proof, provider, key, Machine(config: config, account: ""), config,
        ] {
            #expect(!Self.shown(value).contains("SECRET"))
        }
        for next in [page, save, request, sign, code] {
            #expect(!Self.shown(Step(outcome: .advanced, next: next)).contains("SECRET"))
        }
    }

    @Test func whatAStoreThrowsIsNotRepeated() async throws {
        struct Talkative: Error { let record = "SECRET" }
        let error = OAuthError.store(Talkative(), failure())
        #expect(!Self.shown(error).contains("SECRET"))
    }

    private func failure() -> Failure {
        Failure(
            code: "store_failed", stage: .store, fault: .host, advice: .retryAfter, retryAfterMs: 1, text: "failed",
            clause: "", status: nil, serverCode: nil, serverText: nil, subject: nil, expected: nil, received: nil)
    }
}

private func stateParameter(of page: URL) -> String? {
    URLComponents(url: page, resolvingAgainstBaseURL: false)?.queryItems?.first { $0.name == "state" }?.value
}

/// What was shown, and the secrets that must not have been.
final class Seen: @unchecked Sendable {
    private let lock = NSLock()
    private var text = ""
    private var secrets: [String] = []

    func add(_ value: Any) {
        lock.withLock { text += SecretTests.shown(value) + "\n" }
    }

    func add(secret: String?) {
        lock.withLock { secrets += secret.map { [$0] } ?? [] }
    }

    var all: (String, [String]) { lock.withLock { (text, secrets) } }
}

/// Servers, user and store that show all that they are handed.
private struct Watched: Network, UserAgent, CredentialStore {
    let seen: Seen
    let servers = InMemoryServers()
    let memory = MemoryStore()

    func send(_ request: NetworkRequest) async throws -> NetworkReply {
        seen.add(request)
        let reply = try await servers.send(request)
        seen.add(reply)
        return reply
    }

    func bind(preferred: String) async throws -> Redirect {
        try await servers.bind(preferred: preferred)
    }

    func open(_ page: SignInPage) async throws -> Opened {
        seen.add(page)
        seen.add(secret: stateParameter(of: page.url))
        return try await servers.open(page)
    }

    func load(_ key: String) async throws -> Data? {
        seen.add(key)
        return await memory.load(key)
    }

    func save(
        _ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?
    ) async throws -> Written {
        await memory.save(record, as: key, generation: generation, expected: expected, expiry: expiry)
    }

    func delete(_ key: String, expected: UInt64) async throws -> Written {
        await memory.delete(key, expected: expected)
    }
}
