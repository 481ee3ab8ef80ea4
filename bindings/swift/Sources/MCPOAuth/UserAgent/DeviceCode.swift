// What does a user see who signs in on another device?

import Foundation

/// A code, and where the user enters it on any device with a browser (RFC 8628 §3.3).
public struct DeviceCode: Sendable, Equatable {
    /// What they enter. Whoever reads it in a log could finish the sign-in as somebody else.
    public var code: String
    /// Where they enter it.
    public var url: String
    /// The same with the code in it, for a click or a QR code, if the server gave one. The code belongs beside it all the same,
    /// so that the user can compare.
    public var completeURL: String?
    /// The authorization server whose page it is.
    public var issuer: String
    /// All scopes asked for.
    public var scopes: [String]
    /// When the code is worth nothing any more.
    public var expiry: Date

    /// A code of these parts, for a ``UserAgent`` to be tried with.
    public init(
        code: String, url: String, completeURL: String? = nil, issuer: String, scopes: [String], expiry: Date
    ) {
        self.code = code
        self.url = url
        self.completeURL = completeURL
        self.issuer = issuer
        self.scopes = scopes
        self.expiry = expiry
    }

    /// What a terminal shows.
    var words: String {
        let alternative = completeURL.map { "or open \($0) and compare the code\n" } ?? ""
        return "To sign in, open \(url) and enter the code \(code)\n" + alternative
    }
}

extension DeviceCode: Redacted {
    public var description: String { "DeviceCode(at \(url), for \(scopes.joined(separator: " ")))" }
}
