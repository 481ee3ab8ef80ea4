// Who signs, where a server wants a key to be shown?

import Foundation
import MCPOAuthMachine

/// Signs what the machine drafts: client assertions (RFC 7523) and DPoP proofs (RFC 9449). The private keys stay here; the
/// machine knows the public ones, from ``Settings``. ``LocalKeys`` has them in memory; a signer of your own may ask the Secure
/// Enclave, a security module or a key service.
public protocol Signer: Sendable {
    /// The raw JWS signature over `request.input` (RFC 7518 §3): for ES256 the 64 bytes of R and S, never DER.
    ///
    /// - Throws: ``Refused`` with the reason that the flow then ends with. Any other error counts as `.unable`.
    func sign(_ request: SigningRequest) async throws -> Data
}

/// What is to be signed, and with which key.
public struct SigningRequest: Sendable, Equatable {
    /// What the signature is for.
    public var purpose: SigningPurpose
    /// How to sign.
    public var algorithm: SigningAlgorithm
    /// Which key: the SHA-256 thumbprint of the public one (RFC 7638), in base64url.
    public var thumbprint: String
    /// The identifier of the key, where the settings have one.
    public var keyID: String?
    /// The authorization server that the signature is for, or whose token it goes with.
    public var issuer: String
    /// The ASCII bytes to sign. Secret: with the signature they are a credential.
    public var input: Data

    /// A request of these parts.
    public init(
        purpose: SigningPurpose, algorithm: SigningAlgorithm, thumbprint: String, keyID: String? = nil, issuer: String,
        input: Data
    ) {
        self.purpose = purpose
        self.algorithm = algorithm
        self.thumbprint = thumbprint
        self.keyID = keyID
        self.issuer = issuer
        self.input = input
    }
}

extension SigningRequest {
    /// What the machine drafted.
    ///
    /// - Throws: ``Refused`` for what this version does not know.
    init(
        _ purpose: String, _ algorithm: String, _ thumbprint: String, _ keyID: String?, _ issuer: String,
        _ input: String
    ) throws {
        guard let purpose = SigningPurpose(rawValue: purpose), let algorithm = SigningAlgorithm(rawValue: algorithm)
        else { throw Refused(.unable) }
        self.init(
            purpose: purpose, algorithm: algorithm, thumbprint: thumbprint, keyID: keyID, issuer: issuer,
            input: Data(input.utf8))
    }
}

extension SigningRequest: Redacted {
    public var description: String { "SigningRequest(\(purpose) for \(issuer), \(algorithm) with \(thumbprint))" }
}

/// What a signature is for.
public enum SigningPurpose: String, Sendable {
    /// It authenticates the client at an authorization server.
    case clientAssertion = "client_assertion"
    /// It proves that a request comes from whoever its token is bound to.
    case dpopProof = "dpop_proof"
}

/// How to sign (RFC 7518 §3.1, RFC 8037 §3.1).
public enum SigningAlgorithm: String, Sendable, CaseIterable {
    /// ECDSA on P-256 with SHA-256.
    case es256 = "ES256"
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// RSASSA-PSS with SHA-256.
    case ps256 = "PS256"
    /// Ed25519.
    case edDSA = "EdDSA"
}
