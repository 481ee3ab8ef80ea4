// How is each action of the machine carried out, one flow at a time?

import Foundation
import MCPOAuthMachine

/// What a driver works with.
struct Setup: Sendable {
    var config: Config
    var account: String
    var store: any CredentialStore
    var network: any Network
    /// `nil`: the person is sent to the page by somebody else, and the callback comes back to another machine.
    var userAgent: (any UserAgent)?
    var clientSource: ClientSource?
    var signer: (any Signer)?
    var assertions: AssertionSource?
    var observer: (@Sendable (TraceEntry) -> Void)?
}

/// A machine and what carries out its actions.
actor Driver {
    let setup: Setup
    private(set) var machine: Machine
    /// What the machine wants now.
    private(set) var next: Next
    /// How many flows have ended.
    var ended: UInt64 = 0
    /// What the last flow ended with.
    var last: Result<Void, OAuthError> = .success(())
    /// Those who wait for their turn, and whoever has it.
    var errands: [PendingErrand] = []
    var isRunning = false
    /// Whether the flow under way was cancelled.
    private(set) var isCancelled = false

    /// The listener, while it is needed.
    private var redirect: Redirect?
    /// The action that was begun last.
    private var begun: UInt64?
    /// The code that the user sees.
    private var shown: DeviceCode?
    /// Of the requests so far, and so of the pages to come.
    private var reach: Reach
    /// What went wrong on our side, behind the failure of the flow.
    private var trouble: Trouble?
    /// Looks at the clock while a person signs in.
    private var timer: (any DispatchSourceTimer)?
    /// The action that is being carried out.
    private var outstanding: Outstanding?

    private enum Trouble {
        case store(any Error)
        case misuse(Misuse)
    }

    private struct Outstanding {
        var id: UInt64
        var answered: CheckedContinuation<Answer?, Never>
    }

    /// The least time between two ticks, should the clock be set back.
    private static let leastTick: UInt64 = 1_000
    /// A machine that slept for the night wakes up late: the clock is looked at this often.
    private static let nap: UInt64 = 20_000
    /// On no queue of its own each timer would wake a thread of its own on Linux, and Dispatch keeps memory for each thread.
    private static let clock = DispatchQueue(label: "mcp-oauth.clock")

    init(_ setup: Setup, machine: Machine? = nil) {
        self.setup = setup
        let machine = machine ?? Machine(config: setup.config, account: setup.account)
        self.machine = machine
        next = machine.next()
        reach = setup.config.reach()
    }

    // MARK: Events

    /// Hands an event to the machine, and what it decided to the observer.
    @discardableResult
    func tell(_ event: (Machine, UInt64) throws -> Step) -> Result<Outcome, Misuse> {
        defer {
            if let observer = setup.observer { machine.takeTrace().forEach(observer) }
        }
        do {
            let step = try event(machine, now())
            next = step.next
            if let outstanding, outstanding.id != next.id {
                // Given up meanwhile: a late answer is ignored.
                self.outstanding = nil
                outstanding.answered.resume(returning: nil)
            }
            return .success(step.outcome)
        } catch {
            // The machine throws nothing else.
            return .failure(error as? Misuse ?? .WrongAnswer(message: "\(type(of: error))"))
        }
    }

    /// Ends the flow under way, unless it is about to be done anyway.
    func cancel() {
        isCancelled = true
        tell { try $0.cancel(nowMs: $1) }
        closeRedirect()
    }

    /// Whether the callback was for the page that is open now. Comes back when the flow has ended.
    func finishes(with callback: Callback) async throws -> Bool {
        guard takes(callback) else { return false }
        _ = try await settle(.outcome)
        return true
    }

    /// Whether the callback was for the page that is open now.
    func takes(_ callback: Callback) -> Bool {
        guard case .openUrl = next else { return false }
        return (try? tell(callback.event).get()) == .advanced
    }

    /// Tells the machine what the store holds now, in whatever phase it is.
    func storeChanged(_ record: Data?) throws {
        let outcome = tell { try $0.storeChanged(record: record, nowMs: $1) }
        if case .success(.advanced) = outcome, case .failed(let failure) = next { throw OAuthError.failed(failure) }
    }

    /// For the requests to come.
    func take(_ nonce: String) {
        machine.takeNonce(value: Data(nonce.utf8))
    }

    // MARK: The flow

    /// Carries out actions until the machine rests.
    func run() async throws {
        trouble = nil
        isCancelled = false
        shown = nil
        while let id = next.id {
            closeRedirect()
            let action = next
            if case .openUrl(_, let url, _, let redirectURI, let issuer, let scopes, let newScopes) = action,
                setup.userAgent == nil, let page = URL(string: url)
            {
                leave(
                    to: SignInPage(
                        url: page, redirectURI: redirectURI, issuer: issuer, scopes: words(scopes),
                        newScopes: words(newScopes), reach: reach, expiry: expiry))
                break
            }
            await carryOut(action, id)
        }
        closeRedirect()
        switch next {
        case .failed(let failure): last = .failure(explain(failure))
        case .idle, .authorized, .signedOut: last = .success(())
        // Left behind, to be finished by another machine.
        default: break
        }
        ended += 1
        try last.get()
    }

    /// The record of the sign-in is stored: whoever receives the callback finishes it. This machine begins anew.
    private func leave(to page: SignInPage) {
        machine = Machine(config: setup.config, account: setup.account)
        next = machine.next()
        begun = nil
        redirect = nil
        last = .failure(.needsUser(page))
    }

    /// Carries out one action, unless the machine gives it up meanwhile.
    private func carryOut(_ action: Next, _ id: UInt64) async {
        let isRepeated = begun == id
        begun = id
        var carrier: Task<Void, Never>?
        let answer = await withCheckedContinuation { continuation in
            outstanding = Outstanding(id: id, answered: continuation)
            switch action {
            // Time, or a change of the store, is all that ends it.
            case .wait: keepTime(of: id)
            // Time ends it too, unless the code cannot be shown.
            case .showCode:
                keepTime(of: id)
                carrier = Task { if let refusal = await show(action) { settle(id, .declined(refusal)) } }
            case .openUrl:
                keepTime(of: id)
                fallthrough
            default: carrier = Task { settle(id, await work(action, isRepeated: isRepeated)) }
            }
        }
        carrier?.cancel()
        timer?.cancel()
        timer = nil
        guard let answer else { return }
        if case .storeFailed(let error) = answer { trouble = .store(error) }
        switch tell({ try answer.tell($0, id, $1) }) {
        case .success(.advanced), .success(.joined): break
        case .success:
            // No other callback will come, since nobody was sent anywhere.
            if case .cameBack = answer { decline(id) }
        case .failure(let misuse):
            trouble = .misuse(misuse)
            if !decline(id) { cancel() }
        }
    }

    private func settle(_ id: UInt64, _ answer: Answer) {
        guard let outstanding, outstanding.id == id else { return }
        self.outstanding = nil
        outstanding.answered.resume(returning: answer)
    }

    /// Whether the machine took it.
    @discardableResult
    private func decline(_ id: UInt64) -> Bool {
        if case .success = tell({ try $0.declined(id: id, reason: .unable, nowMs: $1) }) { return true }
        return false
    }

    /// Gives up a sign-in that nobody finishes, and looks again whether another process has refreshed. A timer rather than a sleeping task: what is left of one that is cancelled
    /// stays in memory for as long as it would have slept.
    private func keepTime(of id: UInt64) {
        let timer = DispatchSource.makeTimerSource(queue: Self.clock)
        timer.setEventHandler { [weak self] in
            Task { [weak self] in await self?.lookAtClock(for: id) }
        }
        self.timer = timer
        setTimer()
        timer.resume()
    }

    private func lookAtClock(for id: UInt64) {
        guard next.id == id else { return }
        if let deadline = machine.deadline(), now() >= deadline { tell { try $0.tick(nowMs: $1) } }
        if next.id == id { setTimer() }
    }

    private func setTimer() {
        let left = machine.deadline().map { $0 > now() ? $0 - now() : Self.leastTick } ?? Self.nap
        timer?.schedule(deadline: .now() + .milliseconds(Int(min(left, Self.nap))))
    }

    /// RFC 8252 §8.3: not a moment longer than it is needed.
    private func closeRedirect() {
        if redirect != nil, !machine.awaitsRedirect() { redirect = nil }
    }

    /// When the sign-in is given up.
    private var expiry: Date? {
        machine.deadline().map { Date(timeIntervalSince1970: TimeInterval($0) / 1000) }
    }

    private func explain(_ failure: Failure) -> OAuthError {
        switch (failure.code, trouble) {
        case ("store_failed", .store(let error)): .store(error, failure)
        case (_, .misuse(let misuse)): .refusedAnswer(misuse.words, failure)
        default: .failed(failure)
        }
    }

    // MARK: Actions

    private func work(_ action: Next, isRepeated: Bool) async -> Answer {
        switch action {
        case .http(
            _, let method, let url, let headers, let body, let maxBodyBytes, let timeoutMs, let reach, let purpose):
            self.reach = reach
            let request = NetworkRequest(
                method: method, url: url, headers: fields(headers), body: body,
                maxBodyBytes: Int(clamping: maxBodyBytes), timeout: .milliseconds(Int64(clamping: timeoutMs)),
                reach: reach, purpose: purpose)
            return await send(request)
        case .bindRedirect(_, let preferred): return await bind(preferred)
        case .openUrl(_, let url, _, let redirectURI, let issuer, let scopes, let newScopes):
            guard let agent = setup.userAgent, let page = URL(string: url) else { return .declined(.unable) }
            if !isRepeated {
                let page = SignInPage(
                    url: page, redirectURI: redirectURI, issuer: issuer, scopes: words(scopes),
                    newScopes: words(newScopes), reach: reach, expiry: expiry)
                do {
                    if case .cameBack(let url) = try await agent.open(page) { return .cameBack(.url(url)) }
                } catch {
                    return .declined(reason(of: error))
                }
            }
            return await callback()
        case .load(_, let key):
            return await keep { .loaded(try await $0.load(key)) }
        case .save(_, let key, let expected, let generation, let record, let expiresAtMs):
            let expiry = expiresAtMs.map { Date(timeIntervalSince1970: TimeInterval($0) / 1000) }
            return await keep {
                .written(
                    try await $0.save(record, as: key, generation: generation, expected: expected, expiry: expiry))
            }
        case .delete(_, let key, let expected):
            return await keep { .written(try await $0.delete(key, expected: expected)) }
        case .askForClient(_, let issuer, let redirectURI):
            guard let client = await setup.clientSource?(issuer, redirectURI) else { return .declined(.unable) }
            return .client(client)
        case .sign(_, let purpose, let algorithm, let thumbprint, let keyID, let issuer, let input):
            do {
                let request = try SigningRequest(purpose, algorithm, thumbprint, keyID, issuer, input)
                return .signed(try await sign(request))
            } catch {
                return .declined(reason(of: error))
            }
        case .fetchAssertion(_, let purpose, let issuer, let audience, let renew):
            guard let assertions = setup.assertions, let purpose = AssertionPurpose(rawValue: purpose) else {
                return .declined(.unable)
            }
            let request = AssertionRequest(purpose: purpose, issuer: issuer, audience: audience, renew: renew)
            do { return .assertion(try await assertions(request)) } catch { return .declined(reason(of: error)) }
        case .showCode, .wait, .idle, .authorized, .signedOut, .failed: return .declined(.unable)
        }
    }

    private func send(_ request: NetworkRequest) async -> Answer {
        do {
            return .reply(try await setup.network.send(request))
        } catch {
            return .unreachable((error as? Unreachable)?.cause ?? .interrupted)
        }
    }

    private func bind(_ preferred: String) async -> Answer {
        redirect = nil
        do {
            let bound = try await setup.userAgent?.bind(preferred: preferred) ?? reserve(preferred)
            redirect = bound
            return .bound(bound.uri)
        } catch {
            return .declined(reason(of: error))
        }
    }

    /// The next callback that the redirect hands over.
    private func callback() async -> Answer {
        guard let redirect else { return .declined(.unable) }
        for await query in redirect.queries { return .callback(.query(query)) }
        return .declined(.unable)
    }

    /// Why the code cannot be shown; nothing if it is, or was before.
    private func show(_ action: Next) async -> Refusal? {
        guard
            case .showCode(
                _, let userCode, let url, let completeURL, let issuer, let scopes, let expiresAtMs, _) = action
        else { return nil }
        let code = DeviceCode(
            code: userCode, url: url, completeURL: completeURL, issuer: issuer, scopes: words(scopes),
            expiry: Date(timeIntervalSince1970: TimeInterval(expiresAtMs) / 1000))
        if code == shown { return nil }
        guard let agent = setup.userAgent else { return .needsUser }
        do { try await agent.show(code) } catch { return reason(of: error) }
        shown = code
        return nil
    }

    func sign(_ request: SigningRequest) async throws -> Data {
        guard let signer = setup.signer else { throw Refused(.unable) }
        return try await signer.sign(request)
    }

    private func keep(_ access: (any CredentialStore) async throws -> Answer) async -> Answer {
        do {
            return try await access(setup.store)
        } catch {
            return .storeFailed(error)
        }
    }
}

/// A redirect URI at which nothing arrives here. Its port, where we choose it, is kept from others until the flow is left.
private func reserve(_ preferred: String) throws -> Redirect {
    guard let place = LoopbackPlace(preferred), place.port == 0 else { return Redirect(uri: preferred) }
    let (sockets, port) = try place.listen()
    return Redirect(uri: place.uri(at: port), queries: AsyncStream { _ in }) {
        for socket in sockets { socket.close() }
    }
}

private func reason(of error: any Error) -> Refusal {
    (error as? Refused)?.reason ?? .unable
}

private func words(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
}

private func fields(_ lines: String) -> [HeaderField] {
    lines.split(separator: "\n").compactMap { line in
        line.firstIndex(of: ":").map { colon in
            HeaderField(String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
    }
}

/// The wall clock, in milliseconds since the Unix epoch.
func now() -> UInt64 {
    UInt64(max(0, Date().timeIntervalSince1970 * 1000))
}
