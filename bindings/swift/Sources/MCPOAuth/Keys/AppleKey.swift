// How do CryptoKit and Security keep a private key, and sign with it?

#if canImport(CryptoKit)
    import CryptoKit
    import Foundation
    import Security

    /// A private key in the memory of CryptoKit or, for RSA, of Security.
    final class PlatformKey: @unchecked Sendable {
        private enum Kept {
            case p256(P256.Signing.PrivateKey)
            case ed25519(Curve25519.Signing.PrivateKey)
            case rsa(SecKey)
        }

        private let key: Kept

        private init(_ key: Kept) {
            self.key = key
        }

        convenience init(_ material: KeyMaterial) throws {
            let key: Kept?
            switch material {
            case .p256(let scalar): key = (try? P256.Signing.PrivateKey(rawRepresentation: scalar)).map(Kept.p256)
            case .ed25519(let seed):
                key = (try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)).map(Kept.ed25519)
            case .rsa(let numbers):
                let attributes: [CFString: Any] = [
                    kSecAttrKeyType: kSecAttrKeyTypeRSA, kSecAttrKeyClass: kSecAttrKeyClassPrivate,
                ]
                let der = Data(KeyMaterial.pkcs1(numbers))
                key = SecKeyCreateWithData(der as CFData, attributes as CFDictionary, nil).map(Kept.rsa)
            }
            guard let key else { throw KeyError("the platform does not take the key") }
            self.init(key)
        }

        static func generate(for algorithm: SigningAlgorithm) throws -> PlatformKey {
            switch algorithm {
            case .es256: return PlatformKey(.p256(P256.Signing.PrivateKey()))
            case .edDSA: return PlatformKey(.ed25519(Curve25519.Signing.PrivateKey()))
            case .rs256, .ps256:
                let attributes: [CFString: Any] = [
                    kSecAttrKeyType: kSecAttrKeyTypeRSA,
                    kSecAttrKeySizeInBits: PublicKey.leastModulusBytes * 8,
                ]
                guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, nil) else {
                    throw KeyError("the platform makes no key")
                }
                return PlatformKey(.rsa(key))
            }
        }

        func material() throws -> KeyMaterial {
            switch key {
            case .p256(let key): return .p256(scalar: Array(key.rawRepresentation))
            case .ed25519(let key): return .ed25519(seed: Array(key.rawRepresentation))
            case .rsa(let key): return try KeyMaterial(der: try representation(of: key))
            }
        }

        func publicKey() throws -> PublicKey {
            switch key {
            case .p256(let key): return try PublicKey(point: Array(key.publicKey.x963Representation))
            case .ed25519(let key): return .ed25519(x: Array(key.publicKey.rawRepresentation))
            case .rsa(let key):
                guard let publicKey = SecKeyCopyPublicKey(key) else { throw KeyError("the key has no public part") }
                return try PublicKey(pkcs1: try representation(of: publicKey))
            }
        }

        func signature(of input: Data, _ algorithm: SigningAlgorithm) throws -> Data {
            switch key {
            case .p256(let key): return try key.signature(for: input).rawRepresentation
            case .ed25519(let key): return try key.signature(for: input)
            case .rsa(let key):
                let way: SecKeyAlgorithm =
                    algorithm == .ps256 ? .rsaSignatureMessagePSSSHA256 : .rsaSignatureMessagePKCS1v15SHA256
                guard let signature = SecKeyCreateSignature(key, way, input as CFData, nil) else {
                    throw KeyError("the platform could not sign")
                }
                return signature as Data
            }
        }

        /// As PKCS #1.
        private func representation(of key: SecKey) throws -> [UInt8] {
            guard let der = SecKeyCopyExternalRepresentation(key, nil) else {
                throw KeyError("the platform does not give the key away")
            }
            return Array(der as Data)
        }
    }

    func sha256(_ bytes: [UInt8]) throws -> [UInt8] {
        Array(SHA256.hash(data: bytes))
    }
#endif
