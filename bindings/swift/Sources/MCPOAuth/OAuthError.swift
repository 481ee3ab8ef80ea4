// What does a caller learn when there is no token?

import Foundation
import MCPOAuthMachine

/// Why there is no token. Safe to print in each of its forms.
public enum OAuthError: Error, Sendable {
    /// The flow failed: the code, the stage, whose fault it is, the clause and what to do about it are in here.
    case failed(Failure)
    /// A person must sign in, and there is no user agent to bring one: send them to `page`, and hand the callback to
    /// ``OAuthClient/finish(callbackURL:)``.
    case needsUser(SignInPage)
    /// The credential store failed, with the error that it threw. What that error says is the store's business, and is not
    /// repeated here.
    case store(any Error, Failure)
    /// The machine did not take what the user agent or the client source gave it.
    case refusedAnswer(String, Failure)
    /// The signer signed no proof for a request, with the error that it threw. What that error says is not repeated here.
    case signing(any Error)
    /// The callback belongs to no sign-in that is still open: it was finished already, expired, or never begun here.
    case noPendingSignIn
    /// The settings cannot work.
    case settings(field: String, problem: String)
    /// The record of the pending sign-in, or of the grant, is damaged, foreign, or from a newer version.
    case badRecord(String)
    /// The tokens that were provided cannot be used; the text names the member.
    case badTokens(String)
    /// The client was closed.
    case closed

    /// The failure that the flow ended with, where there was one.
    public var failure: Failure? {
        switch self {
        case .failed(let failure), .store(_, let failure), .refusedAnswer(_, let failure): failure
        case .needsUser, .signing, .noPendingSignIn, .settings, .badRecord, .badTokens, .closed: nil
        }
    }

    /// The stable name of what happened.
    public var code: String {
        switch self {
        case .failed(let failure), .store(_, let failure), .refusedAnswer(_, let failure): failure.code
        case .needsUser: "needs_user"
        case .signing: "signing_failed"
        case .noPendingSignIn: "no_pending_sign_in"
        case .settings: "bad_settings"
        case .badRecord: "bad_record"
        case .badTokens: "bad_tokens"
        case .closed: "closed"
        }
    }

    /// Where in the flow it happened, where there was one.
    public var stage: Stage? {
        switch self {
        case .needsUser: .authorization
        default: failure?.stage
        }
    }

    /// What to do about it.
    public var advice: Advice {
        switch self {
        case .failed(let failure), .store(_, let failure), .refusedAnswer(_, let failure): failure.advice
        case .needsUser: .askUser
        case .noPendingSignIn: .restart
        case .signing, .settings, .badRecord, .badTokens: .reconfigure
        case .closed: .stop
        }
    }

    /// How long to wait first, where the advice is to try again.
    public var retryAfter: Duration? {
        failure?.retryAfterMs.map { .milliseconds(Int64(clamping: $0)) }
    }
}

extension OAuthError: Redacted, LocalizedError {
    public var description: String {
        switch self {
        case .failed(let failure): failure.text
        case .needsUser: "a person must sign in"
        case .store(let error, let failure): "\(failure.text) (\(type(of: error)))"
        case .refusedAnswer(let problem, let failure): "\(failure.text): \(problem)"
        case .signing(let error): "the host did not sign: the key is missing or may not be used (\(type(of: error)))"
        case .noPendingSignIn: "the callback belongs to no pending sign-in"
        case .settings(let field, let problem): "\(field): \(problem)"
        case .badRecord(let problem): "the stored record cannot be used: \(problem)"
        case .badTokens(let problem): problem
        case .closed: "the client was closed"
        }
    }

    public var errorDescription: String? { "\(description) [\(code)]" }
}

extension OAuthError {
    init(_ error: ConfigError) {
        switch error {
        case .Refused(let field, let problem): self = .settings(field: field, problem: problem)
        }
    }

    init(_ error: RecordError) {
        self = .badRecord(error.words)
    }
}

extension RecordError {
    var words: String {
        switch self {
        case .Malformed(let message), .TooNew(let message), .Foreign(let message): message
        }
    }
}

extension Misuse {
    var words: String {
        switch self {
        case .UnknownAction(let message), .WrongAnswer(let message), .RedirectUri(let message),
            .RedirectNotInDocument(let message), .ClientId(let message), .ClientSecret(let message),
            .Tokens(let message), .Signature(let message), .Assertion(let message):
            message
        }
    }
}
