// How does a program get its requests authorized?

import Foundation
import MCPOAuthMachine

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// One account at one MCP server.
///
/// ```swift
/// let client = try OAuthClient("https://mcp.example.com/mcp")
/// let (body, response) = try await client.data(for: request)
/// ```
///
/// One flow runs at a time. Whoever asks during one waits for it and gets what came of it. A caller whose task is cancelled
/// gets a `CancellationError` at once; the flow itself is cancelled when nobody waits for it any more.
public actor OAuthClient {
    private let setup: Setup
    private var driver: Driver
    private var isClosed = false
    private let exchange: HTTPExchange

    /// A refusal that comes so many times is the answer.
    private static let attempts = 4

    /// Checks the settings. Nothing is read or sent yet.
    ///
    /// - Parameters:
    ///   - settings: see ``Settings``.
    ///   - account: tells apart several accounts at one server; empty for the only one.
    ///   - store: where credentials are kept. Default: the keychain, or on Linux files that only this user can read.
    ///   - userAgent: how the user is brought to the authorization server. `nil`: not at all; a flow that needs them ends
    ///     with ``OAuthError/needsUser(_:)``, and ``finish(callbackURL:)`` takes it up again.
    ///   - network: what sends the requests of a flow.
    ///   - clientSource: has a client for an authorization server that registers none itself. Asked only if the settings say
    ///     `askForClient`.
    ///   - signer: signs with the private halves of the settings' `clientKey` and `dpopKeys`. Needed where there is one of these.
    ///   - assertions: says who the workload or the user is, for the grants that need it.
    ///   - observer: sees each decision as it is made. Called from the flow: it should be quick.
    /// - Throws: ``OAuthError/settings(field:problem:)``, or a ``StoreError`` of the default store.
    public init(
        _ settings: Settings,
        account: String = "",
        store: (any CredentialStore)? = nil,
        userAgent: (any UserAgent)? = platformUserAgent,
        network: any Network = platformNetwork,
        clientSource: ClientSource? = nil,
        signer: (any Signer)? = nil,
        assertions: AssertionSource? = nil,
        observer: (@Sendable (TraceEntry) -> Void)? = nil
    ) throws {
        let config: Config
        do { config = try Config(settings: settings) } catch let error as ConfigError { throw OAuthError(error) }
        setup = Setup(
            config: config, account: account, store: try store ?? platformStore(), network: network,
            userAgent: userAgent, clientSource: clientSource, signer: signer, assertions: assertions, observer: observer
        )
        driver = Driver(setup)
        exchange = HTTPExchange()
    }

    /// As above, for a server where the settings may stay what they are.
    ///
    /// - Throws: ``OAuthError/settings(field:problem:)``, or a ``StoreError`` of the default store.
    public init(
        _ serverURL: String,
        account: String = "",
        store: (any CredentialStore)? = nil,
        userAgent: (any UserAgent)? = platformUserAgent
    ) throws {
        try self.init(Settings(serverUrl: serverURL), account: account, store: store, userAgent: userAgent)
    }

    // MARK: Requests

    /// Sends a request to the MCP server with the token that it needs, signs the user in if there is none, and answers the
    /// server's 401 and 403. A redirect is handed back rather than followed, since it must not carry the token elsewhere.
    ///
    /// - Throws: ``OAuthError``, or a `URLError` of the request itself.
    public func data(for request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        try await send(request) { [exchange] in try await exchange.data(for: $0) }
    }

    /// The same over whatever sends the program's requests; `URLSession.bytes(for:)`, say. It must not follow redirects to
    /// other origins with the `Authorization` field that it is given, nor repeat a request that has a `DPoP` field.
    ///
    /// - Throws: ``OAuthError``, or what `transport` throws.
    public func send<Body: Sendable>(
        _ request: URLRequest, over transport: @Sendable (URLRequest) async throws -> (Body, HTTPURLResponse)
    ) async throws -> (Body, HTTPURLResponse) {
        let method = request.httpMethod ?? "GET"
        let url = request.url?.absoluteString ?? ""
        var attemptsLeft = Self.attempts
        var hasNonce = false
        while true {
            let authorization = try await authorization(method: method, url: url)
            var authorized = request
            authorized.setValue(authorization?.header, forHTTPHeaderField: "Authorization")
            authorized.setValue(authorization?.proof, forHTTPHeaderField: "DPoP")
            let (body, response) = try await transport(authorized)
            await note(response)
            // To be told a nonce is no refusal.
            if hasNonce || response.dpopNonce == nil { attemptsLeft -= 1 } else { hasNonce = true }
            guard [401, 403].contains(response.statusCode), attemptsLeft > 0 else { return (body, response) }
            let challenge = Challenge(response, generation: authorization?.generation)
            guard try await recover(from: challenge) == .retry else { return (body, response) }
        }
    }

    /// The authorization of a request with this method and URL, refreshed if it is due; `nil` when none is held, or none that
    /// is for this URL: send the request without. Waits for a flow under way.
    ///
    /// - Throws: ``OAuthError``: why the token could not be refreshed or the proof not be signed, or what the flow that was
    ///   waited for ended with.
    public func authorization(method: String, url: String) async throws -> Authorization? {
        try checkOpen()
        if let ready = try await driver.readyAuthorization(method: method, url: url) { return ready }
        _ = try await settle(.refresh(method: method, url: url))
        return try await driver.readyAuthorization(method: method, url: url)
    }

    /// Takes what an answer of the MCP server says for the requests to come: the nonce of `DPoP-Nonce` (RFC 9449 §8.2). To be
    /// called with every answer, whatever its status, by who sends requests with ``authorization(method:url:)``; it is done
    /// for those who use ``data(for:)``, ``send(_:over:)`` or ``recover(from:)``.
    public func note(_ response: HTTPURLResponse) async {
        if let nonce = response.dpopNonce { await driver.take(nonce) }
    }

    /// Answers a 401 or 403: refreshes, asks for more scopes or signs in anew, as the challenge demands.
    ///
    /// - Throws: ``OAuthError``: why there is no better token; also when a server keeps refusing what it gets.
    public func recover(from challenge: Challenge) async throws -> Recovery {
        if let nonce = challenge.dpopNonce { await driver.take(nonce) }
        guard case .recovered(let recovery) = try await settle(.recover(challenge)) else { return .notAuthorization }
        return recovery
    }

    // MARK: Signing in and out

    /// Makes sure that there is a token: uses the stored one, refreshes it, or signs in.
    ///
    /// - Throws: ``OAuthError``: why there is none.
    public func signIn() async throws {
        _ = try await settle(.signIn)
    }

    /// The first leg of a sign-in whose user is elsewhere: the page to send them to, or `nil` if a usable token is held
    /// already. The redirect URI of the settings has to be one at which the callback arrives.
    ///
    /// - Throws: ``OAuthError``: why it does not come so far.
    public func begin() async throws -> URL? {
        try checkOpen()
        var setup = setup
        setup.userAgent = nil
        do {
            _ = try await Driver(setup).settle(.signIn)
            return nil
        } catch OAuthError.needsUser(let page) {
            return page.url
        }
    }

    /// The second leg: takes the callback that the user came back with, in this or in any other process that has the same
    /// store, settings and account. Also takes the callbacks of ``ExternalBrowser``.
    ///
    /// - Throws: ``OAuthError/noPendingSignIn`` for a callback that was taken already; otherwise why the sign-in failed.
    public func finish(callbackURL: String) async throws {
        try await finish(.url(callbackURL))
    }

    /// The same for a URL.
    ///
    /// - Throws: as ``finish(callbackURL:)-(String)`` does.
    public func finish(callbackURL: URL) async throws {
        try await finish(.url(callbackURL.absoluteString))
    }

    /// The same for the query of a callback whose path was checked already.
    ///
    /// - Throws: as ``finish(callbackURL:)-(String)`` does.
    public func finish(callbackQuery: String) async throws {
        try await finish(.query(callbackQuery))
    }

    private func finish(_ callback: Callback) async throws {
        try checkOpen()
        if try await driver.finishes(with: callback) { return }
        guard let key = callback.flowKey, let record = try await load(key) else { throw OAuthError.noPendingSignIn }
        let machine: Machine
        do {
            machine = try Machine.resume(config: setup.config, account: setup.account, snapshot: record)
        } catch let error as RecordError {
            throw OAuthError(error)
        }
        _ = try await Driver(setup, machine: machine).settle(.finish(callback))
        // The one that was there does not know of the new tokens.
        if await driver.isIdle { driver = Driver(setup) } else { try? await storeChanged() }
    }

    /// Takes tokens that you got elsewhere: they are stored, used, refreshed and stepped up like those of a sign-in here. Ends a
    /// flow under way.
    ///
    /// - Throws: ``OAuthError/badTokens(_:)``, which names the member that cannot be used, or why they could not be stored.
    public func provide(_ tokens: ProvidedTokens) async throws {
        try checkOpen()
        await driver.cancel()
        _ = try await settle(.provide(tokens))
    }

    /// The key under which the store keeps the credentials: the one to watch for changes.
    public nonisolated var grantKey: String { setup.config.grantKey(account: setup.account) }

    /// Tells that another process has changed what the store keeps under ``grantKey``, or may have: it is read, and what others
    /// have signed in to, refreshed or signed out of holds here too. Whoever waits for their refresh waits no longer, and a
    /// sign-in that their tokens make unnecessary ends. Nothing is lost where nobody calls it: the next access to the store
    /// finds out.
    ///
    /// - Throws: what the store throws, or ``OAuthError/failed(_:)`` for a record that cannot be used.
    public func storeChanged() async throws {
        try checkOpen()
        try await driver.storeChanged(try await load(grantKey))
    }

    /// Forgets the tokens, and with `forgetClient` the client registrations too. Ends a flow under way. The authorization server
    /// is told, unless the settings say otherwise (`revokeOnSignOut`); that it cannot be reached keeps nobody signed in.
    ///
    /// - Throws: ``OAuthError`` when the store fails.
    public func signOut(forgetClient: Bool = false) async throws {
        try checkOpen()
        await driver.cancel()
        _ = try await settle(.signOut(forgetClient: forgetClient))
    }

    /// Ends the flow under way, which then fails with `cancelled`; one that is about to be done anyway is let be. Nothing
    /// happens where there is none.
    public func cancel() async {
        await driver.cancel()
    }

    /// What is stored for this account at this server, without its secrets; `nil` if nothing is.
    ///
    /// - Throws: ``OAuthError/badRecord(_:)``, or what the store throws.
    public func status() async throws -> GrantSummary? {
        try checkOpen()
        guard let record = try await load(grantKey) else { return nil }
        do {
            let summary = try describeGrant(record: record)
            // What was signed out of, with all that there was, is an empty record.
            return summary.issuers.isEmpty ? nil : summary
        } catch let error as RecordError {
            throw OAuthError(error)
        }
    }

    /// Ends the flow under way and every connection. Whoever asks for anything afterwards gets ``OAuthError/closed``. A client
    /// that is let go closes by itself.
    public func close() async {
        isClosed = true
        exchange.close()
        await driver.cancel()
    }

    private func load(_ key: String) async throws -> Data? {
        try await setup.store.load(key)
    }

    private func settle(_ errand: Errand) async throws -> Settled {
        try checkOpen()
        return try await driver.settle(errand)
    }

    private func checkOpen() throws {
        if isClosed { throw OAuthError.closed }
    }
}

extension OAuthClient: Redacted {
    public nonisolated var description: String { "OAuthClient(\(setup.config.serverUrl()))" }
}

extension Driver {
    /// Whether nobody waits for anything.
    var isIdle: Bool { errands.isEmpty }
}
