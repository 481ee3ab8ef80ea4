// What does a program do with a key of its own?

import Foundation

/// A private key in the memory of this process, for one algorithm.
///
/// The platform's library keeps it (CryptoKit and Security, or libcrypto of OpenSSL 3 on Linux) and wipes it when the last copy
/// of this value goes. What was read to make it, and ``pem``, Swift does not wipe.
public struct SigningKey: Sendable {
    /// How it signs.
    public let algorithm: SigningAlgorithm
    /// Its `kid`, if it has one.
    public let keyID: String?
    /// The SHA-256 thumbprint of the public key (RFC 7638), in base64url.
    public let thumbprint: String

    private let key: PlatformKey
    private let publicKey: PublicKey

    private init(_ key: PlatformKey, _ algorithm: SigningAlgorithm?, _ keyID: String?) throws {
        publicKey = try key.publicKey()
        guard let algorithm = algorithm ?? publicKey.algorithms.first, publicKey.algorithms.contains(algorithm) else {
            throw KeyError("a key of this type does not sign as \(algorithm?.rawValue ?? "asked")")
        }
        thumbprint = try publicKey.thumbprint()
        self.key = key
        self.algorithm = algorithm
        self.keyID = keyID
    }

    /// Makes a new key; one for RSA has 2048 bits. Keep its ``pem`` wherever a secret may be kept.
    ///
    /// - Throws: ``KeyError`` where the platform has no library for it.
    public static func generate(_ algorithm: SigningAlgorithm, keyID: String? = nil) throws -> SigningKey {
        try SigningKey(try PlatformKey.generate(for: algorithm), algorithm, keyID)
    }

    /// Reads a key in PEM: PKCS #8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`), not encrypted.
    ///
    /// - Parameters:
    ///   - pem: the text. What comes before and after the key is passed over.
    ///   - algorithm: how it is to sign. Needs to be said only for an RSA key and `.ps256`.
    ///   - keyID: its `kid`.
    /// - Throws: ``KeyError``
    public init(pem: String, algorithm: SigningAlgorithm? = nil, keyID: String? = nil) throws {
        try self.init(try PlatformKey(try KeyMaterial(pem: pem)), algorithm, keyID)
    }

    /// Reads a private JWK (RFC 7517), with its `kid` and `alg`. An RSA key has its primes.
    ///
    /// - Throws: ``KeyError``
    public init(jwk: String) throws {
        let read = try PrivateJWK(jwk)
        try self.init(try PlatformKey(read.material), read.algorithm, read.keyID)
        guard read.publicKey == publicKey else { throw KeyError("the public members of the JWK belong to another key") }
    }

    /// The public key as a JWK: what the settings, a client ID metadata document and a registration need.
    public var publicJWK: String {
        var members = publicKey.members
        members["alg"] = algorithm.rawValue
        members["use"] = "sig"
        members["kid"] = keyID
        return canonical(members)
    }

    /// The private key in PEM, as PKCS #8. Secret.
    ///
    /// - Throws: ``KeyError`` where the platform's library does not give it away.
    public func pem() throws -> String {
        try key.material().pem(with: publicKey)
    }

    /// The raw JWS signature (RFC 7518 §3): for ES256 the 64 bytes of R and S.
    ///
    /// - Throws: ``KeyError`` where the platform's library fails.
    public func signature(of input: Data) throws -> Data {
        try key.signature(of: input, algorithm)
    }
}

extension SigningKey: Redacted {
    public var description: String { "SigningKey(\(algorithm.rawValue), \(thumbprint))" }
}

/// A key cannot be read or used. Says why, never what the key is.
public struct KeyError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
