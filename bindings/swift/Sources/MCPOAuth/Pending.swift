// Which sign-in does a callback belong to?

import Foundation
import MCPOAuthMachine

/// The sign-ins that wait for a callback in this process, each found by the `state` of its page, once: for a handler of deep
/// links, a listener that serves several, a gateway. What it answers to a callback that it does not know, to one that came
/// before and to one that comes too late is the same: nothing.
public final class Pending<Value: Sendable>: Sendable {
    private let shelf: Locked<Shelf>

    private struct Shelf {
        let states: PendingSignIns
        var values: [UInt64: Value] = [:]
        var last: UInt64 = 0

        /// Drops what has expired by now.
        mutating func expire() -> UInt64 {
            let time = now()
            while let number = states.takeExpired(nowMs: time) { values[number] = nil }
            return time
        }
    }

    /// There is no room for another sign-in: as many wait as may.
    public struct Full: Error, Equatable {}

    /// For at most `capacity` sign-ins at once.
    public init(capacity: UInt32) {
        shelf = Locked(Shelf(states: PendingSignIns(capacity: capacity)))
    }

    /// Remembers the sign-in of a page until `expiry` (``SignInPage/expiry``; by default for ten minutes), and with it a value
    /// of yours: the ``OAuthClient`` that is to finish it, for instance.
    ///
    /// - Throws: ``Full`` when none of those that wait has expired.
    public func add(_ page: URL, _ value: Value, expiry: Date? = nil) throws {
        try shelf.withLock { shelf in
            let time = shelf.expire()
            let end = expiry.map(milliseconds) ?? time + 600_000
            do {
                let replaced = try shelf.states.insert(
                    state: state(of: page), expiresAtMs: end, value: shelf.last + 1, nowMs: time)
                if let replaced { shelf.values[replaced] = nil }
            } catch {
                throw Full()
            }
            shelf.last += 1
            shelf.values[shelf.last] = value
        }
    }

    /// Takes the sign-in that a callback belongs to; the same callback finds nothing afterwards. Proves nothing but that its
    /// state is known: ``OAuthClient/finish(callbackURL:)-(String)`` checks the whole callback.
    public func take(callbackURL: String) -> Value? {
        shelf.withLock { shelf in
            let time = shelf.expire()
            return shelf.states.takeUrl(url: callbackURL, nowMs: time).flatMap { shelf.values.removeValue(forKey: $0) }
        }
    }

    /// Forgets the sign-in of a page that has ended otherwise.
    @discardableResult
    public func forget(_ page: URL) -> Value? {
        shelf.withLock { shelf in
            shelf.states.forget(state: state(of: page)).flatMap { shelf.values.removeValue(forKey: $0) }
        }
    }

    /// How many wait.
    public var count: Int {
        shelf.withLock { shelf in
            _ = shelf.expire()
            return Int(shelf.states.count())
        }
    }
}

/// Whose sign-in a callback claims to belong to, by what is stored: which account at which server it was begun for, and so
/// which ``OAuthClient`` is to finish it, in whatever process. It proves nothing yet, and that it came from this account's user
/// least of all: compare the account with a session of your own.
///
/// - Throws: ``OAuthError/noPendingSignIn`` where nobody waits for it, or what the store throws.
public func findSignIn(_ callbackURL: String, in store: any CredentialStore) async throws -> FlowSummary {
    guard let key = flowKeyOfCallbackUrl(url: callbackURL), let record = try await store.load(key) else {
        throw OAuthError.noPendingSignIn
    }
    do { return try describeFlow(record: record) } catch let error as RecordError { throw OAuthError(error) }
}

private func state(of page: URL) -> String {
    let items = URLComponents(url: page, resolvingAgainstBaseURL: false)?.queryItems
    return items?.first { $0.name == "state" }?.value ?? ""
}

private func milliseconds(_ date: Date) -> UInt64 {
    UInt64(max(0, date.timeIntervalSince1970 * 1000))
}
