// What may everybody know of a key?

import Foundation

/// A public key, by the members of its JWK (RFC 7518 §6, RFC 8037 §2).
enum PublicKey: Equatable, Sendable {
    case p256(x: [UInt8], y: [UInt8])
    case ed25519(x: [UInt8])
    case rsa(modulus: [UInt8], exponent: [UInt8])

    /// RFC 7518 §3.3: an RSA key has no fewer.
    static let leastModulusBytes = 256

    /// Those that it can sign with, the usual one first.
    var algorithms: [SigningAlgorithm] {
        switch self {
        case .p256: [.es256]
        case .ed25519: [.edDSA]
        case .rsa: [.rs256, .ps256]
        }
    }

    /// The members that make it what it is.
    var members: [String: String] {
        switch self {
        case .p256(let x, let y): ["kty": "EC", "crv": "P-256", "x": base64URL(x), "y": base64URL(y)]
        case .ed25519(let x): ["kty": "OKP", "crv": "Ed25519", "x": base64URL(x)]
        case .rsa(let modulus, let exponent): ["kty": "RSA", "n": base64URL(modulus), "e": base64URL(exponent)]
        }
    }

    /// RFC 7638 §3.
    func thumbprint() throws -> String {
        base64URL(try sha256(Array(canonical(members).utf8)))
    }

    /// The point of a key on P-256, uncompressed (SEC 1 §2.3.3).
    init(point: [UInt8]) throws {
        guard point.count == 65, point[0] == 4 else { throw KeyError("not a point on P-256") }
        self = .p256(x: Array(point[1...32]), y: Array(point[33...64]))
    }

    /// An RSA key (RFC 8017 §A.1.1).
    init(pkcs1: [UInt8]) throws {
        var rest = DER(pkcs1[...])
        var numbers = try rest.take(.sequence)
        self = .rsa(modulus: try numbers.takeUnsigned(), exponent: try numbers.takeUnsigned())
    }

    /// As ``init(point:)`` takes it; nothing for other keys.
    var point: [UInt8]? {
        guard case .p256(let x, let y) = self else { return nil }
        return [4] + x + y
    }
}

/// The members in lexicographic order, without white space (RFC 7638 §3.3).
func canonical(_ members: [String: String]) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts can be written as JSON.
    return (try? encoder.encode(members)).map { String(decoding: $0, as: UTF8.self) } ?? ""
}

/// Without padding (RFC 7515 §2).
func base64URL(_ bytes: some Sequence<UInt8>) -> String {
    Data(bytes).base64EncodedString()
        .replacingOccurrences(of: "+", with: "-")
        .replacingOccurrences(of: "/", with: "_")
        .replacingOccurrences(of: "=", with: "")
}

/// Nothing for what is not base64url without padding.
func bytes(ofBase64URL text: String) -> [UInt8]? {
    guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "=") }) else {
        return nil
    }
    let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    let text = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
    return Data(base64Encoded: text + padding).map { Array($0) }
}
