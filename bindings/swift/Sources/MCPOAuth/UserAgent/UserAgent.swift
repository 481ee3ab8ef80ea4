// How does the user get to the authorization server and back?

import Foundation

/// Brings the user to the authorization server and their answer back (RFC 8252).
public protocol UserAgent: Sendable {
    /// Makes ready to receive the redirect: at `preferred` or, where its port is 0, at a free port.
    ///
    /// - Throws: ``Refused`` with the reason that the flow then ends with.
    func bind(preferred: String) async throws -> Redirect

    /// Shows the page to the user, or follows it without one. Where the callback will arrive at the ``Redirect`` or at
    /// ``OAuthClient/finish(callbackURL:)``, it does not wait for the user.
    ///
    /// - Throws: ``Refused`` with the reason that the flow then ends with.
    func open(_ page: SignInPage) async throws -> Opened

    /// Shows the user a code that they enter on another device, for the grant `.deviceCode`. It does not wait for them. A user
    /// agent without this method refuses: then the flow ends as one that needs a user.
    ///
    /// - Throws: ``Refused`` with the reason that the flow then ends with.
    func show(_ code: DeviceCode) async throws
}

extension UserAgent {
    public func show(_ code: DeviceCode) async throws {
        throw Refused(.needsUser)
    }
}

/// What came of opening a page.
public enum Opened: Sendable {
    /// The user sees it: the callback will arrive.
    case shown
    /// The callback has arrived already: its whole URL.
    case cameBack(callbackURL: String)
}

/// Why a user agent will not do what it was asked. Any other error counts as `.unable`.
public struct Refused: Error, Equatable {
    /// The reason.
    public var reason: Refusal

    /// For this reason.
    public init(_ reason: Refusal) {
        self.reason = reason
    }
}

/// The page on which the user signs in, and what they are about to be asked.
public struct SignInPage: Sendable, Equatable {
    /// The page. It carries the `state` of this sign-in, and belongs on the user's screen, not into a log.
    public var url: URL
    /// The redirect URI at which the callback will arrive.
    public var redirectURI: String
    /// The authorization server whose page it is.
    public var issuer: String
    /// All scopes asked for.
    public var scopes: [String]
    /// Those of them that no earlier grant covered: what the user should be told before the page opens.
    public var newScopes: [String]
    /// Which addresses may be connected to by who follows the page without a user.
    public var reach: Reach
    /// When the sign-in is given up.
    public var expiry: Date?

    /// A page of these parts, for a ``UserAgent`` to be tried with.
    public init(
        url: URL, redirectURI: String, issuer: String, scopes: [String], newScopes: [String], reach: Reach,
        expiry: Date? = nil
    ) {
        self.url = url
        self.redirectURI = redirectURI
        self.issuer = issuer
        self.scopes = scopes
        self.newScopes = newScopes
        self.reach = reach
        self.expiry = expiry
    }
}

extension SignInPage: Redacted {
    public var description: String {
        "SignInPage(of \(issuer), for \(scopes.joined(separator: " ")))"
    }
}

/// A redirect URI at which callbacks can arrive for as long as this is kept.
public final class Redirect: Sendable {
    /// The redirect URI, exactly as it is listened on.
    public let uri: String
    let queries: AsyncStream<String>
    private let close: @Sendable () -> Void

    /// The redirect URI; the queries of the callbacks, at a listener that has checked what is before them; and what must be
    /// done for the listening to end.
    public init(uri: String, queries: AsyncStream<String>, close: @escaping @Sendable () -> Void) {
        self.uri = uri
        self.queries = queries
        self.close = close
    }

    /// A redirect URI whose callbacks are handed to ``OAuthClient/finish(callbackURL:)``.
    public convenience init(uri: String) {
        // Never finished: the callback does not come this way.
        self.init(uri: uri, queries: AsyncStream { _ in }, close: {})
    }

    deinit {
        close()
    }
}
