// Where are credentials kept?

import Foundation

/// What became of a write.
public enum Written: Sendable {
    /// It happened, durably.
    case done
    /// The store holds another generation than expected; nothing was changed.
    case conflict
}

/// A credential store. A write happens completely or not at all, is durable once acknowledged, and happens only if the store
/// holds exactly the generation that is expected.
///
/// Keys are printable text without anything secret: `grant/…` for the credentials of an account at a server, `flow/…` for a
/// sign-in that waits for its callback. Every record is secret. Several processes may use one store at once.
public protocol CredentialStore: Sendable {
    /// The record of this key, or nothing.
    func load(_ key: String) async throws -> Data?

    /// Writes the record of this key, which has the generation `generation`, if the store holds the generation `expected`
    /// (`nil`: no record). The store may drop the record after `expiry`.
    func save(
        _ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?
    ) async throws -> Written

    /// Removes the record of this key if the store holds the generation `expected`. No record is a conflict.
    func delete(_ key: String, expected: UInt64) async throws -> Written
}

/// A store could not be read or written. Says what failed and where, never what is kept.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// With a text that is safe to print.
    public init(_ description: String) {
        self.description = description
    }
}
