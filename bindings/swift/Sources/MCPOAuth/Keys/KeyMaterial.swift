// In which forms does a private key come?

import Foundation

/// The object identifiers of keys.
enum KeyName {
    /// RFC 5480 §2.1.1.
    static let ec: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
    static let p256: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
    /// RFC 8017 §A.1.
    static let rsa: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
    /// RFC 8410 §3.
    static let ed25519: [UInt8] = [0x2B, 0x65, 0x70]
}

/// What a private key is made of. Secret.
enum KeyMaterial {
    /// 32 bytes.
    case p256(scalar: [UInt8])
    /// 32 bytes.
    case ed25519(seed: [UInt8])
    /// The eight numbers of RFC 8017 §A.1.2, in its order: n, e, d, p, q, dP, dQ and qInv.
    case rsa([[UInt8]])

    private static let scalarBytes = 32
    private static let numbers = 8

    // MARK: Reading

    /// RFC 7468.
    init(pem: String) throws {
        let labels = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]
        for label in labels {
            guard let begin = pem.range(of: "-----BEGIN \(label)-----") else { continue }
            guard let end = pem.range(of: "-----END \(label)-----", range: begin.upperBound..<pem.endIndex) else {
                break
            }
            let body = pem[begin.upperBound..<end.lowerBound].filter { !$0.isWhitespace }
            guard let der = Data(base64Encoded: String(body)) else { break }
            self = try KeyMaterial(der: Array(der))
            return
        }
        let isEncrypted = pem.contains("ENCRYPTED")
        throw KeyError(isEncrypted ? "the key is encrypted: decrypt it first" : "there is no private key in PEM")
    }

    /// PKCS #8, SEC 1 or PKCS #1.
    init(der: [UInt8]) throws {
        var rest = DER(der[...])
        var key = try rest.take(.sequence)
        _ = try key.take(.integer)
        switch key.tag {
        case .sequence: self = try Self.ofPKCS8(&key)
        case .octets: self = try Self.ofSEC1(&key, isNamed: true)
        case .integer: self = try Self.ofPKCS1(&key)
        default: throw DER.broken
        }
    }

    /// RFC 5958 §2.
    private static func ofPKCS8(_ key: inout DER) throws -> KeyMaterial {
        var algorithm = try key.take(.sequence)
        let name = Array(try algorithm.take(.name).bytes)
        var content = try key.take(.octets)
        switch name {
        case KeyName.ec:
            guard Array(try algorithm.take(.name).bytes) == KeyName.p256 else {
                throw KeyError("the key is not on P-256")
            }
            var key = try content.take(.sequence)
            _ = try key.take(.integer)
            return try ofSEC1(&key, isNamed: false)
        case KeyName.rsa:
            var key = try content.take(.sequence)
            _ = try key.take(.integer)
            return try ofPKCS1(&key)
        case KeyName.ed25519:
            let seed = Array(try content.take(.octets).bytes)
            guard seed.count == scalarBytes else { throw DER.broken }
            return .ed25519(seed: seed)
        default: throw KeyError("the key is for none of ES256, RS256, PS256 and EdDSA")
        }
    }

    /// RFC 5915 §3, after the version.
    private static func ofSEC1(_ key: inout DER, isNamed: Bool) throws -> KeyMaterial {
        let scalar = Array(try key.take(.octets).bytes)
        if isNamed {
            guard key.tag == .parameters else { throw KeyError("the key does not name its curve") }
            var parameters = try key.take(.parameters)
            guard Array(try parameters.take(.name).bytes) == KeyName.p256 else {
                throw KeyError("the key is not on P-256")
            }
        }
        return .p256(scalar: try padded(scalar))
    }

    /// RFC 8017 §A.1.2, after the version.
    private static func ofPKCS1(_ key: inout DER) throws -> KeyMaterial {
        try ofRSA((0..<numbers).map { _ in try key.takeUnsigned() })
    }

    static func ofRSA(_ numbers: [[UInt8]]) throws -> KeyMaterial {
        guard numbers[0].count >= PublicKey.leastModulusBytes else {
            throw KeyError("an RSA key has to have at least 2048 bits")
        }
        return .rsa(numbers)
    }

    /// A scalar whose leading zeros may have been left out.
    static func padded(_ scalar: [UInt8]) throws -> [UInt8] {
        guard scalar.count <= scalarBytes else { throw DER.broken }
        return Array(repeating: 0, count: scalarBytes - scalar.count) + scalar
    }

    // MARK: Writing

    /// As PKCS #8, with the public key where many readers want it.
    func pem(with publicKey: PublicKey) -> String {
        let lines = Data(pkcs8(point: publicKey.point)).base64EncodedString(options: .lineLength64Characters)
            .replacingOccurrences(of: "\r\n", with: "\n")
        return "-----BEGIN PRIVATE KEY-----\n\(lines)\n-----END PRIVATE KEY-----\n"
    }

    /// RFC 5958 §2. The point is that of a key on P-256, or nothing to have it computed.
    func pkcs8(point: [UInt8]? = nil) -> [UInt8] {
        let (algorithm, content) =
            switch self {
            case .p256(let scalar):
                (
                    DER.encode(.name, KeyName.ec) + DER.encode(.name, KeyName.p256),
                    DER.encode(.sequence, DER.encode(.integer, [1]) + DER.encode(.octets, scalar) + encoded(point))
                )
            case .ed25519(let seed): (DER.encode(.name, KeyName.ed25519), DER.encode(.octets, seed))
            case .rsa(let numbers):
                (DER.encode(.name, KeyName.rsa) + DER.encode(.null, []), Self.pkcs1(numbers))
            }
        let version = DER.encode(.integer, [0])
        return DER.encode(.sequence, version + DER.encode(.sequence, algorithm) + DER.encode(.octets, content))
    }

    /// RFC 8017 §A.1.2.
    static func pkcs1(_ numbers: [[UInt8]]) -> [UInt8] {
        DER.encode(.sequence, DER.encode(.integer, [0]) + numbers.flatMap { DER.encodeUnsigned($0) })
    }

    private func encoded(_ point: [UInt8]?) -> [UInt8] {
        point.map { DER.encode(.publicKey, DER.encode(.bits, [0] + $0)) } ?? []
    }
}

extension KeyMaterial: Redacted {
    var description: String { "KeyMaterial" }
}
