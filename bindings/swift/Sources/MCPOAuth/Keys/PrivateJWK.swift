// What does a private JWK say?

import Foundation

/// A private JWK (RFC 7517), read.
struct PrivateJWK {
    let material: KeyMaterial
    let publicKey: PublicKey
    let algorithm: SigningAlgorithm?
    let keyID: String?

    private struct Members: Decodable {
        var kty: String
        var alg: String?
        var kid: String?
        var crv: String?
        var x: String?
        var y: String?
        var n: String?
        var e: String?
        var d: String?
        var p: String?
        var q: String?
        var dp: String?
        var dq: String?
        var qi: String?
    }

    init(_ text: String) throws {
        guard let members = try? JSONDecoder().decode(Members.self, from: Data(text.utf8)) else {
            throw KeyError("not a JWK")
        }
        func bytes(_ name: String, _ member: KeyPath<Members, String?>) throws -> [UInt8] {
            guard let bytes = members[keyPath: member].flatMap(MCPOAuth.bytes(ofBase64URL:)), !bytes.isEmpty else {
                throw KeyError("the JWK has no usable \(name)")
            }
            return bytes
        }
        switch (members.kty, members.crv) {
        case ("EC", "P-256"):
            material = .p256(scalar: try KeyMaterial.padded(try bytes("d", \.d)))
            publicKey = .p256(x: try bytes("x", \.x), y: try bytes("y", \.y))
        case ("OKP", "Ed25519"):
            let seed = try bytes("d", \.d)
            guard seed.count == 32 else { throw KeyError("the JWK has no usable d") }
            material = .ed25519(seed: seed)
            publicKey = .ed25519(x: try bytes("x", \.x))
        case ("RSA", _):
            let (modulus, exponent) = (try bytes("n", \.n), try bytes("e", \.e))
            material = try KeyMaterial.ofRSA([
                modulus, exponent, try bytes("d", \.d), try bytes("p", \.p), try bytes("q", \.q),
                try bytes("dp", \.dp), try bytes("dq", \.dq), try bytes("qi", \.qi),
            ])
            publicKey = .rsa(modulus: modulus, exponent: exponent)
        default: throw KeyError("the JWK is for none of ES256, RS256, PS256 and EdDSA")
        }
        algorithm = try members.alg.map { name in
            // RFC 9864 §2.2 has another name for one of them.
            guard let algorithm = SigningAlgorithm(rawValue: name == "Ed25519" ? "EdDSA" : name) else {
                throw KeyError("the JWK is for an algorithm other than ES256, RS256, PS256 and EdDSA")
            }
            return algorithm
        }
        keyID = members.kid
    }
}

extension PrivateJWK: Redacted {
    var description: String { "PrivateJWK" }
}
