// How does libcrypto keep a private key, and sign with it?

#if os(Linux)
    import CCrypto
    import Foundation

    /// A private key in libcrypto's memory. Several threads may sign with it at once.
    final class PlatformKey: @unchecked Sendable {
        private let key: UnsafeMutableRawPointer

        private init(_ key: UnsafeMutableRawPointer?) throws {
            guard ccrypto_is_there() == 1 else { throw missing }
            guard let key else { throw KeyError("libcrypto does not take the key") }
            self.key = key
        }

        convenience init(_ material: KeyMaterial) throws {
            let der = material.pkcs8()
            try self.init(ccrypto_key_read(der, der.count))
        }

        deinit {
            ccrypto_key_free(key)
        }

        static func generate(for algorithm: SigningAlgorithm) throws -> PlatformKey {
            try PlatformKey(ccrypto_key_generate(algorithm.number))
        }

        func material() throws -> KeyMaterial {
            try KeyMaterial(der: try taken { ccrypto_key_private(key, $0) })
        }

        /// RFC 5280 §4.1: the algorithm, and the key in a string of bits of which none is left over.
        func publicKey() throws -> PublicKey {
            let der = try taken { ccrypto_key_public(key, $0) }
            var rest = DER(der[...])
            var info = try rest.take(.sequence)
            var algorithm = try info.take(.sequence)
            let content = Array(try info.take(.bits).bytes.dropFirst())
            switch Array(try algorithm.take(.name).bytes) {
            case KeyName.ec: return try PublicKey(point: content)
            case KeyName.ed25519: return .ed25519(x: content)
            default: return try PublicKey(pkcs1: content)
            }
        }

        func signature(of input: Data, _ algorithm: SigningAlgorithm) throws -> Data {
            let input = Array(input)
            let signature = try taken { ccrypto_key_sign(key, algorithm.number, input, input.count, $0) }
            guard algorithm == .es256 else { return Data(signature) }
            // RFC 7518 §3.4: R and S, each of the length of the curve's numbers.
            var rest = DER(signature[...])
            var pair = try rest.take(.sequence)
            return Data(try KeyMaterial.padded(try pair.takeUnsigned()) + KeyMaterial.padded(try pair.takeUnsigned()))
        }

        /// What libcrypto hands over.
        private func taken(_ give: (UnsafePointer<ccrypto_taker>) -> Int32) throws -> [UInt8] {
            var bytes: [UInt8] = []
            let isDone = withUnsafeMutablePointer(to: &bytes) { place in
                var taker = ccrypto_taker()
                taker.context = UnsafeMutableRawPointer(place)
                taker.take = { context, bytes, count in
                    // Both are there for the duration of the call.
                    context!.assumingMemoryBound(to: [UInt8].self).pointee =
                        Array(UnsafeBufferPointer(start: bytes, count: count))
                }
                return give(&taker) == 1
            }
            guard isDone else { throw KeyError("libcrypto could not do it") }
            return bytes
        }
    }

    func sha256(_ bytes: [UInt8]) throws -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        guard ccrypto_sha256(bytes, bytes.count, &digest) == 1 else { throw missing }
        return digest
    }

    private let missing = KeyError("there is no libcrypto of OpenSSL 3 on this machine")

    extension SigningAlgorithm {
        fileprivate var number: Int32 {
            switch self {
            case .es256: Int32(CCRYPTO_ES256)
            case .rs256: Int32(CCRYPTO_RS256)
            case .ps256: Int32(CCRYPTO_PS256)
            case .edDSA: Int32(CCRYPTO_EDDSA)
            }
        }
    }
#endif
