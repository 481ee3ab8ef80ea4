// What does a request carry, and what does a refused one say?

import Foundation
import MCPOAuthMachine

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The authorization of one request.
public struct Authorization: Sendable, Equatable {
    /// The value of the `Authorization` field, `Bearer …` or `DPoP …`. For this request alone: a redirect must not carry it
    /// elsewhere.
    public let header: String
    /// To be given back with a ``Challenge``, should the server refuse it.
    public let generation: UInt64
    /// The value of the `DPoP` field, for a token that is bound to a key (RFC 9449 §7.1). Good for one request: ask again before
    /// each repetition.
    public let proof: String?
}

extension Authorization: Redacted {
    public var description: String { "Authorization(generation \(generation))" }
}

extension Driver {
    /// The authorization, if it can be had without asking the authorization server. A proof is signed for it.
    func readyAuthorization(method: String, url: String) async throws -> Authorization? {
        do {
            switch try machine.requestHeaders(method: method, url: url, nowMs: now()) {
            case .ready(let header, let generation):
                return Authorization(header: header, generation: generation, proof: nil)
            case .sign(let header, let generation, let algorithm, let thumbprint, let keyID, let issuer, let input):
                let request = try SigningRequest(
                    SigningPurpose.dpopProof.rawValue, algorithm, thumbprint, keyID, issuer, input)
                let proof = try dpopProof(algorithm: algorithm, input: input, signature: try await sign(request))
                return Authorization(header: header, generation: generation, proof: proof)
            case .refreshDue, .absent: return nil
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw OAuthError.signing(error)
        }
    }
}

/// A 401 or 403 of the MCP server.
public struct Challenge: Sendable {
    /// The status.
    public var status: Int
    /// The values of all `WWW-Authenticate` lines, as received.
    public var wwwAuthenticate: [String]
    /// The generation of the token that the request carried; `nil` if it carried none.
    public var generation: UInt64?
    /// The value of `DPoP-Nonce`, if there is one.
    public var dpopNonce: String?

    /// A challenge of these parts.
    public init(status: Int, wwwAuthenticate: [String], generation: UInt64?, dpopNonce: String? = nil) {
        self.status = status
        self.wwwAuthenticate = wwwAuthenticate
        self.generation = generation
        self.dpopNonce = dpopNonce
    }

    /// The challenge of an answer to a request that carried the token of this generation.
    public init(_ response: HTTPURLResponse, generation: UInt64?) {
        let lines = response.value(forHTTPHeaderField: "WWW-Authenticate").map { [$0] } ?? []
        self.init(
            status: response.statusCode, wwwAuthenticate: lines, generation: generation, dpopNonce: response.dpopNonce)
    }
}

extension HTTPURLResponse {
    /// RFC 9449 §8.2.
    var dpopNonce: String? { value(forHTTPHeaderField: "DPoP-Nonce") }
}

/// What to do about a ``Challenge``.
public enum Recovery: Sendable {
    /// Ask for the authorization again and repeat the request.
    case retry
    /// Authorization cannot mend it: the answer is the answer.
    case notAuthorization
}

/// A client that is registered with an authorization server.
public struct ProvidedClient: Sendable {
    /// Its identifier.
    public var clientID: String
    /// Its secret, if it has one.
    public var clientSecret: String?
    /// How it authenticates, if that is known.
    public var authMethod: AuthMethod?

    /// A client of these parts.
    public init(clientID: String, clientSecret: String? = nil, authMethod: AuthMethod? = nil) {
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.authMethod = authMethod
    }
}

extension ProvidedClient: Redacted {
    public var description: String { "ProvidedClient(\(clientID))" }
}

/// Given an issuer and a redirect URI, has the client that is registered with both; or none.
public typealias ClientSource = @Sendable (_ issuer: String, _ redirectURI: String) async -> ProvidedClient?
