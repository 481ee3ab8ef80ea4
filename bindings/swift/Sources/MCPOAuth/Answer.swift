// What came of an action?

import Foundation
import MCPOAuthMachine

/// A callback, not yet checked by anyone.
enum Callback: Sendable {
    /// The whole URL.
    case url(String)
    /// What came after the `?`, at a listener that has checked what is before it.
    case query(String)

    func event(_ machine: Machine, _ now: UInt64) throws -> Step {
        switch self {
        case .url(let url): try machine.callbackUrl(url: url, nowMs: now)
        case .query(let query): try machine.callback(query: query, nowMs: now)
        }
    }

    /// The key of the record of the sign-in that it claims to belong to.
    var flowKey: String? {
        switch self {
        case .url(let url): flowKeyOfCallbackUrl(url: url)
        case .query(let query): flowKeyOfCallback(query: query)
        }
    }
}

enum Answer: Sendable {
    case reply(NetworkReply)
    case unreachable(Cause)
    case bound(String)
    /// Arrived at the redirect URI: others may follow.
    case callback(Callback)
    /// Handed over by the user agent: the only one.
    case cameBack(Callback)
    case client(ProvidedClient)
    case signed(Data)
    case assertion(Assertion)
    case declined(Refusal)
    case loaded(Data?)
    case written(Written)
    case storeFailed(any Error)

    /// Answers the action `id`.
    func tell(_ machine: Machine, _ id: UInt64, _ now: UInt64) throws -> Step {
        switch self {
        case .reply(let reply):
            try machine.reply(
                id: id, status: UInt16(clamping: reply.status), headers: lines(reply.headers), body: reply.body,
                nowMs: now)
        case .unreachable(let cause): try machine.unreachable(id: id, cause: cause, nowMs: now)
        case .bound(let uri): try machine.redirectBound(id: id, uri: uri, nowMs: now)
        case .callback(let callback), .cameBack(let callback): try callback.event(machine, now)
        case .client(let client):
            try machine.clientProvided(
                id: id, clientId: client.clientID, clientSecret: client.clientSecret,
                authMethod: client.authMethod, nowMs: now)
        case .signed(let signature): try machine.signed(id: id, signature: signature, nowMs: now)
        case .assertion(let assertion):
            try machine.assertionProvided(id: id, token: assertion.token, kind: assertion.kind, nowMs: now)
        case .declined(let reason): try machine.declined(id: id, reason: reason, nowMs: now)
        case .loaded(let record?): try machine.loaded(id: id, record: record, nowMs: now)
        case .loaded(nil): try machine.nothingStored(id: id, nowMs: now)
        case .written(.done): try machine.stored(id: id, nowMs: now)
        case .written(.conflict): try machine.storeConflict(id: id, nowMs: now)
        case .storeFailed: try machine.storeFailed(id: id, nowMs: now)
        }
    }

    /// Those that the machine reads: to carry the others across would be for nothing.
    private func lines(_ headers: [HeaderField]) -> Data {
        var lines = Data()
        for header in headers where ["location", "retry-after", "dpop-nonce"].contains(header.name.lowercased()) {
            lines.append(contentsOf: "\(header.name): \(header.value)\n".utf8)
        }
        return lines
    }
}

extension Next {
    /// Of the action to be carried out; `nil` at rest.
    var id: UInt64? {
        switch self {
        case .http(let id, _, _, _, _, _, _, _, _), .bindRedirect(let id, _), .openUrl(let id, _, _, _, _, _, _),
            .load(let id, _), .save(let id, _, _, _, _, _), .delete(let id, _, _), .askForClient(let id, _, _),
            .sign(let id, _, _, _, _, _, _), .fetchAssertion(let id, _, _, _, _),
            .showCode(let id, _, _, _, _, _, _, _), .wait(let id, _):
            id
        case .idle, .authorized, .signedOut, .failed: nil
        }
    }
}
