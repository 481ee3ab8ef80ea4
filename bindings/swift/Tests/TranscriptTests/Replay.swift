// How is a transcript replayed? See `tests/transcripts/README.md`.

import Foundation
import MCPOAuthMachine

/// Replays one transcript, as strictly as Rust does.
struct Replay {
    private static let start: UInt64 = 1_800_000_000_000
    /// The byte that signatures consist of.
    private static let signature: UInt8 = 0x2A

    private let config: Config
    private let account: String
    private var machine: Machine
    private var now = Self.start
    private var state = ""
    private var saved: [String: Data] = [:]
    /// Signatures and assertions, which no snapshot may hold.
    private var fleeting = [Data(repeating: Self.signature, count: 12).base64EncodedString()]

    /// - Throws: `Unreadable` with the first difference.
    static func check(_ text: Data) throws {
        let file = try JSON(reading: text)
        for member in ["proves", "requirements", "settings", "steps"] where file[member] == nil {
            throw Unreadable("has no \(member)")
        }
        let settings = try settings(file["settings"] ?? .null)
        let config: Config
        do {
            config = try Config(settings: settings)
        } catch ConfigError.Refused(let field, let problem) {
            let refused = "\(field): \(problem)"
            guard file["refused"] == .string(refused) else { throw Unreadable("the settings are refused: \(refused)") }
            return
        }
        guard file["refused"] == nil else { throw Unreadable("the settings are accepted") }
        guard let steps = file["steps"]?.array else { throw Unreadable("steps are no array") }
        var replay = Replay(
            config: config, account: file["account"]?.string ?? "", seed: file["seed"]?.string ?? "")
        for (number, step) in steps.enumerated() {
            try replay.check(step, number + 1)
        }
    }

    private init(config: Config, account: String, seed: String) {
        self.config = config
        self.account = account
        machine = Machine(config: config, account: account)
        machine.seed(seed: seed)
    }

    private mutating func check(_ step: JSON, _ number: Int) throws {
        let observed: [String: JSON]
        do {
            observed = try take(step)
        } catch {
            throw Unreadable("step \(number): \(error)")
        }
        for member in ["outcome", "trace", "next"] where step[member] != observed[member] {
            throw Unreadable(
                """
                step \(number): \(step["event"]?.text ?? "")
                \(member) should be
                \(step[member]?.text ?? "(nothing)")
                but is
                \(observed[member]?.text ?? "(nothing)")
                """)
        }
    }

    private mutating func take(_ step: JSON) throws -> [String: JSON] {
        // The end of time is as far as it goes.
        let (later, isBeyond) = now.addingReportingOverflow(step["after"]?.whole ?? 0)
        now = isBeyond ? .max : later
        guard let event = step["event"]?.replacingState(with: state) else { throw Unreadable("has no event") }
        if let question = event["request_headers"] {
            let headers = try machine.requestHeaders(
                method: question["method"]?.string ?? "", url: question["url"]?.string ?? "", nowMs: now)
            return ["next": try render(headers)]
        }
        if let nonce = event["nonce"]?.string {
            machine.takeNonce(value: Data(nonce.utf8))
            return ["next": try render(machine.next())]
        }
        if event["deadline"] != nil { return ["next": JSON(machine.deadline())] }
        var observed: [String: JSON] = [:]
        if event["restart"] != nil {
            replace(with: Machine(config: config, account: account))
        } else if event["resume"] != nil {
            guard let record = saved["flow"] else { throw Unreadable("no flow was saved") }
            replace(with: try Machine.resume(config: config, account: account, snapshot: record))
        } else if event != "start" {
            observed["outcome"] = try feed(event, id: step["id"]?.whole)
            let names = machine.takeTrace().map { JSON.string($0.name) }
            if !names.isEmpty { observed["trace"] = .array(names) }
        }
        remember()
        observed["next"] = try render(machine.next())
        try resumeAndCompare()
        return observed
    }

    private mutating func replace(with fresh: Machine) {
        fresh.seedFrom(other: machine)
        machine = fresh
    }

    /// Keeps what a later step may refer to.
    private mutating func remember() {
        switch machine.next() {
        case .openUrl(_, _, let state, _, _, _, _): self.state = state
        case .save(_, let key, _, _, let record, _): saved[key.hasPrefix("grant/") ? "grant" : "flow"] = record
        default: break
        }
    }

    /// Snapshot, resume, and the same `next`.
    private func resumeAndCompare() throws {
        let snapshot = machine.snapshot()
        let text = String(decoding: snapshot, as: UTF8.self)
        if let kept = fleeting.first(where: { !$0.isEmpty && text.contains($0) }) {
            throw Unreadable("the snapshot holds \(kept)")
        }
        let resumed: Machine
        do {
            resumed = try Machine.resume(config: config, account: account, snapshot: snapshot)
        } catch {
            throw Unreadable("the snapshot cannot be resumed: \(error)")
        }
        if machine.phase() == "Exchanging" {
            if case .failed(let failure) = resumed.next(), failure.code == "outcome_unknown" { return }
            throw Unreadable("an exchange was resumed as \(resumed.next())")
        }
        // What is signed is for a refresh, if the grant is read again.
        if machine.phase() == "Refreshing" || machine.phase() == "Signing" && resumed.phase() == "Loading" {
            if case .load(_, machine.grantKey()) = resumed.next() { return }
            throw Unreadable("a refresh was resumed as \(resumed.next())")
        }
        guard resumed.snapshot() == snapshot else { throw Unreadable("the resumed machine has another snapshot") }
        if isFleeting(resumed) {
            if machine.phase() == "Revoking", resumed.next() == .signedOut { return }
            let unavailable = ["grant_unavailable", "authorization_unavailable", "outcome_unknown"]
            if case .failed(let failure) = resumed.next(), unavailable.contains(failure.code) { return }
            throw Unreadable("what must be sent once was resumed as \(resumed.next())")
        }
        if machine.phase() == "Polling" || machine.phase() == "Signing" && resumed.phase() == "AwaitingDevice" {
            if case .showCode = resumed.next() { return }
            throw Unreadable("a poll was resumed as \(resumed.next())")
        }
        guard resumed.next() == machine.next() else {
            throw Unreadable("resumed as \(resumed.next()) instead of \(machine.next())")
        }
    }

    /// Whether the request that is to be sent carries what may be sent once: an assertion or a proof.
    private func isFleeting(_ resumed: Machine) -> Bool {
        switch machine.next() {
        case .http(_, _, _, let headers, let body, _, _, _, _) where machine.phase() != "Polling":
            let parameters = String(decoding: body ?? Data(), as: UTF8.self).split(separator: "&")
            let names = ["assertion=", "client_assertion=", "subject_token="]
            return headers.split(separator: "\n").contains { $0.hasPrefix("dpop:") }
                || parameters.contains { parameter in names.contains { parameter.hasPrefix($0) } }
        // The request that it is for has an assertion already.
        case .sign: return resumed.phase() == "Failed"
        default: return false
        }
    }

    private func give(_ event: (Machine) throws -> Step) throws -> JSON {
        let before = machine.phase()
        let outcome: JSON
        do {
            let step = try event(machine)
            guard step.next == machine.next() else { throw Unreadable("the step's next is another than the machine's") }
            if step.outcome == .advanced { return "advanced" }
            outcome = render(step.outcome)
        } catch let misuse as Misuse {
            outcome = ["misuse": .string(snake("\(misuse)"))]
        }
        guard machine.phase() == before else { throw Unreadable("\(outcome.text) led to \(machine.phase())") }
        return outcome
    }

    /// An answer that is given again changes nothing.
    private func giveTwice(_ event: (Machine) throws -> Step) throws -> JSON {
        let outcome = try give(event)
        let before = machine.snapshot()
        let second = try give(event)
        guard second["ignored"] != nil || second["misuse"] != nil, machine.snapshot() == before else {
            throw Unreadable("an answer given twice led to \(second.text)")
        }
        return outcome
    }

    private mutating func feed(_ event: JSON, id given: UInt64?) throws -> JSON {
        let (id, now) = (given ?? machine.next().outstanding, now)
        switch event {
        case "connect": return try give { try $0.connect(nowMs: now) }
        case "refresh": return try give { try $0.refresh(nowMs: now) }
        case "tick": return try give { try $0.tick(nowMs: now) }
        case "cancel": return try give { try $0.cancel(nowMs: now) }
        default: break
        }
        guard let (name, body) = event.object?.first, event.object?.count == 1 else {
            throw Unreadable("an event is a string or an object of one member")
        }
        switch name {
        case "sign_out":
            let forgetClient = body["forget_client"]?.bool ?? false
            return try give { try $0.signOut(forgetClient: forgetClient, nowMs: now) }
        case "challenge":
            let lines = (body["www_authenticate"]?.strings ?? []).map { Data($0.utf8) }
            return try give {
                try $0.challenge(
                    status: UInt16(clamping: body["status"]?.whole ?? 0), wwwAuthenticate: lines,
                    generation: body["generation"]?.whole, nowMs: now)
            }
        case "reply":
            let headers = (body["headers"]?.object ?? [:]).map { "\($0): \($1.string ?? "")\n" }.joined()
            let content = body["json"]?.data ?? Data((body["body"]?.string ?? "").utf8)
            return try giveTwice {
                try $0.reply(
                    id: id, status: UInt16(clamping: body["status"]?.whole ?? 0), headers: Data(headers.utf8),
                    body: content, nowMs: now)
            }
        case "unreachable":
            let causes: [Cause] = [.dns, .connect, .tls, .blocked, .timeout, .interrupted, .tooLarge]
            guard let cause = causes.first(where: { snake("\($0)") == body.string }) else {
                throw Unreadable("unknown cause")
            }
            return try giveTwice { try $0.unreachable(id: id, cause: cause, nowMs: now) }
        case "redirect_bound": return try give { try $0.redirectBound(id: id, uri: body.string ?? "", nowMs: now) }
        case "callback": return try give { try $0.callback(query: body.string ?? "", nowMs: now) }
        case "callback_url": return try give { try $0.callbackUrl(url: body.string ?? "", nowMs: now) }
        case "client_provided":
            let method = try body["auth_method"].map(authMethod)
            return try give {
                try $0.clientProvided(
                    id: id, clientId: body["client_id"]?.string ?? "", clientSecret: body["client_secret"]?.string,
                    authMethod: method, nowMs: now)
            }
        case "signed":
            let signature = Data(repeating: Self.signature, count: Int(body.whole ?? 0))
            return try giveTwice { try $0.signed(id: id, signature: signature, nowMs: now) }
        case "assertion_provided":
            let kinds: [AssertionKind] = [.jwt, .idToken, .refreshToken, .saml2]
            let token = body["token"]?.string ?? ""
            guard let kind = kinds.first(where: { snake("\($0)") == body["kind"]?.string }) else {
                throw Unreadable("unknown kind of assertion")
            }
            fleeting.append(token)
            return try give { try $0.assertionProvided(id: id, token: token, kind: kind, nowMs: now) }
        case "declined":
            let refusals: [Refusal] = [.needsUser, .denied, .unable]
            guard let reason = refusals.first(where: { snake("\($0)") == body.string }) else {
                throw Unreadable("unknown refusal")
            }
            return try give { try $0.declined(id: id, reason: reason, nowMs: now) }
        case "stored": return try stored(id, body)
        case "store_changed":
            let record = body == "nothing" ? nil : record(body)
            return try give { try $0.storeChanged(record: record, nowMs: now) }
        case "tokens_provided":
            let method = try body["auth_method"].map(authMethod)
            let text = { body[$0]?.string }
            let tokens = ProvidedTokens(
                issuer: text("issuer") ?? "", tokenEndpoint: text("token_endpoint") ?? "",
                clientId: text("client_id") ?? "", accessToken: text("access_token") ?? "",
                refreshToken: text("refresh_token"), expiresAtMs: body["expires_at"]?.whole,
                scope: text("scope") ?? "", resource: text("resource"), clientSecret: text("client_secret"),
                authMethod: method)
            return try give { try $0.tokensProvided(tokens: tokens, nowMs: now) }
        default: throw Unreadable("unknown event \(name)")
        }
    }

    private func stored(_ id: UInt64, _ body: JSON) throws -> JSON {
        let now = now
        switch body.string {
        case "nothing": return try giveTwice { try $0.nothingStored(id: id, nowMs: now) }
        case "done": return try giveTwice { try $0.stored(id: id, nowMs: now) }
        case "conflict": return try giveTwice { try $0.storeConflict(id: id, nowMs: now) }
        case "failed": return try giveTwice { try $0.storeFailed(id: id, nowMs: now) }
        case let other?: throw Unreadable("unknown store result \(other)")
        case nil: break
        }
        guard let record = record(body) else { throw Unreadable("unknown store result \(body.text)") }
        return try giveTwice { try $0.loaded(id: id, record: record, nowMs: now) }
    }

    /// The record that an event carries: one that was saved before, or its own.
    private func record(_ body: JSON) -> Data? {
        if let slot = body["saved"]?.string { return saved[slot] }
        return body["record"].map { $0.string.map { Data($0.utf8) } ?? $0.data }
    }
}

extension Next {
    fileprivate var outstanding: UInt64 {
        switch self {
        case .http(let id, _, _, _, _, _, _, _, _), .bindRedirect(let id, _), .openUrl(let id, _, _, _, _, _, _),
            .load(let id, _), .save(let id, _, _, _, _, _), .delete(let id, _, _), .askForClient(let id, _, _),
            .sign(let id, _, _, _, _, _, _), .fetchAssertion(let id, _, _, _, _),
            .showCode(let id, _, _, _, _, _, _, _), .wait(let id, _):
            id
        case .idle, .authorized, .signedOut, .failed: 0
        }
    }
}
