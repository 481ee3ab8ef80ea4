// Who says who the workload or the user is?

import Foundation
import MCPOAuthMachine

/// Has an assertion that somebody else has issued: fresh each time that it is asked, and newer than the last one where the
/// request says so. What it throws ends the flow as declined, with the reason if that is a ``Refused``.
public typealias AssertionSource = @Sendable (_ request: AssertionRequest) async throws -> Assertion

/// What an assertion is wanted for. It is a secret that goes there and nowhere else.
public struct AssertionRequest: Sendable, Equatable {
    /// Whom it must speak of.
    public var purpose: AssertionPurpose
    /// Who will get it: the authorization server; for an identity, the identity provider, who alone may have issued it.
    public var issuer: String
    /// The `aud` that it must name. For an identity: the client that the user has signed in to.
    public var audience: String
    /// Whether the last one was refused or had expired: only a newer one helps.
    public var renew: Bool

    /// A request of these parts, for an ``AssertionSource`` to be tried with.
    public init(purpose: AssertionPurpose, issuer: String, audience: String, renew: Bool = false) {
        self.purpose = purpose
        self.issuer = issuer
        self.audience = audience
        self.renew = renew
    }
}

/// Whom an assertion speaks of.
public enum AssertionPurpose: String, Sendable {
    /// The workload that this process is: a JWT of its platform, never used before.
    case workload
    /// The user, as signed in at the identity provider of their enterprise.
    case identity
}

/// An assertion.
public struct Assertion: Sendable, Equatable {
    /// The assertion itself. Secret.
    public var token: String
    /// What it is.
    public var kind: AssertionKind

    /// An assertion of these parts.
    public init(_ token: String, kind: AssertionKind) {
        self.token = token
        self.kind = kind
    }
}

extension Assertion: Redacted {
    public var description: String { "Assertion(\(kind))" }
}

/// The assertion in a file that somebody else keeps fresh, as Kubernetes does with the token of a service account that is
/// projected into a volume. It is read each time: a JWT for a workload, an ID token for a user.
public func assertionFile(at file: URL) -> AssertionSource {
    { request in
        let token = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        return Assertion(token, kind: request.purpose == .identity ? .idToken : .jwt)
    }
}
