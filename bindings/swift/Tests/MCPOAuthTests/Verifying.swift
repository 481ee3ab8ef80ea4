// Would a server take a signature?

import Foundation

@testable import MCPOAuth

#if os(Linux)
    import Glibc

    /// Whether the platform's library verifies the raw JWS signature with a public JWK.
    func verifies(_ signature: Data, of input: Data, _ algorithm: SigningAlgorithm, by jwk: String) throws -> Bool {
        typealias Read = @convention(c) (Int, UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> OpaquePointer?
        typealias Make = @convention(c) () -> OpaquePointer?
        typealias Begin = @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>, OpaquePointer?, OpaquePointer?, OpaquePointer?
        ) -> Int32
        typealias Choose = @convention(c) (OpaquePointer?, Int32) -> Int32
        typealias End = @convention(c) (
            OpaquePointer?, UnsafePointer<UInt8>, Int, UnsafePointer<UInt8>, Int
        ) -> Int32
        typealias Free = @convention(c) (OpaquePointer?) -> Void
        let library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL)
        func find<Function>(_ name: String, _ type: Function.Type) -> Function {
            unsafeBitCast(dlsym(library, name), to: type)
        }

        let der = try subjectPublicKeyInfo(jwk)
        let key = der.withUnsafeBufferPointer { buffer in
            var place = buffer.baseAddress
            return find("d2i_PUBKEY", Read.self)(0, &place, buffer.count)
        }
        let context = find("EVP_MD_CTX_new", Make.self)()
        defer {
            find("EVP_MD_CTX_free", Free.self)(context)
            find("EVP_PKEY_free", Free.self)(key)
        }
        var options: OpaquePointer?
        let digest = algorithm == .edDSA ? nil : find("EVP_sha256", Make.self)()
        guard find("EVP_DigestVerifyInit", Begin.self)(context, &options, digest, nil, key) == 1 else { return false }
        if algorithm == .ps256 {
            _ = find("EVP_PKEY_CTX_set_rsa_padding", Choose.self)(options, 6)
            _ = find("EVP_PKEY_CTX_set_rsa_pss_saltlen", Choose.self)(options, 32)
        }
        var bytes = Array(signature)
        if algorithm == .es256 {
            guard bytes.count == 64 else { return false }
            bytes = DER.encode(
                .sequence, DER.encodeUnsigned(Array(bytes[..<32])) + DER.encodeUnsigned(Array(bytes[32...])))
        }
        return find("EVP_DigestVerify", End.self)(context, bytes, bytes.count, Array(input), input.count) == 1
    }

    private func subjectPublicKeyInfo(_ jwk: String) throws -> [UInt8] {
        let members = try JSONDecoder().decode([String: String].self, from: Data(jwk.utf8))
        func member(_ name: String) -> [UInt8] { members[name].flatMap(bytes(ofBase64URL:)) ?? [] }
        let (algorithm, content) =
            switch members["kty"] {
            case "EC":
                (
                    DER.encode(.name, KeyName.ec) + DER.encode(.name, KeyName.p256), [4] + member("x") + member("y")
                )
            case "OKP": (DER.encode(.name, KeyName.ed25519), member("x"))
            default:
                (
                    DER.encode(.name, KeyName.rsa) + DER.encode(.null, []),
                    DER.encode(.sequence, DER.encodeUnsigned(member("n")) + DER.encodeUnsigned(member("e")))
                )
            }
        return DER.encode(.sequence, DER.encode(.sequence, algorithm) + DER.encode(.bits, [0] + content))
    }
#else
    import CryptoKit
    import Security

    /// Whether the platform's library verifies the raw JWS signature with a public JWK.
    func verifies(_ signature: Data, of input: Data, _ algorithm: SigningAlgorithm, by jwk: String) throws -> Bool {
        let members = try JSONDecoder().decode([String: String].self, from: Data(jwk.utf8))
        func member(_ name: String) -> [UInt8] { members[name].flatMap(bytes(ofBase64URL:)) ?? [] }
        switch algorithm {
        case .es256:
            let key = try P256.Signing.PublicKey(rawRepresentation: member("x") + member("y"))
            return key.isValidSignature(try P256.Signing.ECDSASignature(rawRepresentation: signature), for: input)
        case .edDSA:
            return try Curve25519.Signing.PublicKey(rawRepresentation: member("x")).isValidSignature(
                signature, for: input)
        case .rs256, .ps256:
            let der = DER.encode(.sequence, DER.encodeUnsigned(member("n")) + DER.encodeUnsigned(member("e")))
            let attributes: [CFString: Any] = [
                kSecAttrKeyType: kSecAttrKeyTypeRSA, kSecAttrKeyClass: kSecAttrKeyClassPublic,
            ]
            guard let key = SecKeyCreateWithData(Data(der) as CFData, attributes as CFDictionary, nil) else {
                return false
            }
            let way: SecKeyAlgorithm =
                algorithm == .ps256 ? .rsaSignatureMessagePSSSHA256 : .rsaSignatureMessagePKCS1v15SHA256
            return SecKeyVerifySignature(key, way, input as CFData, signature as CFData, nil)
        }
    }
#endif
