// Do keys sign as JWS wants it, and stay where they are?

import Foundation
import Testing

@testable import MCPOAuth

@Suite struct KeyTests {
    /// RFC 7515 §A.3.
    static let es256 = """
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}
        """
    /// The same as OpenSSL writes it.
    static let es256PEM = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49
        AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b
        focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
        -----END EC PRIVATE KEY-----
        """
    /// RFC 8037 §A.1, with an identifier.
    static let edDSA = """
        {"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","kid":"one",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA"}
        """
    /// RFC 7515 §A.2.
    static let rsa = """
        {"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPME\
        zP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e\
        -KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2eth\
        FkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_G\
        O-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU\
        2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOV\
        RuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJN\
        PY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
        "q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_\
        HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
        "dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3v\
        mAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
        "dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9\
        cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
        "qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfn\
        bJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}
        """
    static let input = Data("header.payload".utf8)

    private func base64URLData(_ text: String) throws -> Data {
        Data(try #require(bytes(ofBase64URL: text)))
    }

    // MARK: What the specifications show

    @Test func theExampleOfEdDSAIsSignedAsItStandsThere() throws {
        let key = try SigningKey(jwk: Self.edDSA)
        #expect(key.algorithm == .edDSA && key.keyID == "one")
        #expect(key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        let signature = try key.signature(of: Data("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8))
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        #expect(try base64URLData(expected) == signature)
    }

    @Test func aNewerNameOfEdDSAIsReadToo() throws {
        let key = try SigningKey(jwk: Self.edDSA.replacingOccurrences(of: "\"EdDSA\"", with: "\"Ed25519\""))
        #expect(key.algorithm == .edDSA)
    }

    @Test func theExampleOfRSAIsSignedAsItStandsThere() throws {
        let key = try SigningKey(jwk: Self.rsa)
        #expect(key.algorithm == .rs256 && key.keyID == nil)
        let input = """
            eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0\
            cnVlfQ
            """
        let expected = """
            cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr\
            7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x\
            i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioy\
            pGlUPQGe77Rw
            """
        let signature = try key.signature(of: Data(input.utf8))
        #expect(try base64URLData(expected) == signature)
    }

    @Test func theExampleOfES256IsVerified() throws {
        let key = try SigningKey(jwk: Self.es256)
        let input = Data(
            """
            eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0\
            cnVlfQ
            """.utf8)
        let known = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        #expect(try verifies(try base64URLData(known), of: input, .es256, by: key.publicJWK))
        #expect(try verifies(try key.signature(of: input), of: input, .es256, by: key.publicJWK))
    }

    @Test func theExampleOfAThumbprintIsMade() throws {
        // RFC 7638 §3.1.
        let modulus = """
            0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok\
            njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu\
            6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a\
            wapJzKnqDKgw
            """
        let key = PublicKey.rsa(
            modulus: try #require(bytes(ofBase64URL: modulus)), exponent: try #require(bytes(ofBase64URL: "AQAB")))
        #expect(try key.thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    }

    // MARK: Forms

    @Test(arguments: SigningAlgorithm.allCases)
    func aNewKeySignsAndIsKept(algorithm: SigningAlgorithm) throws {
        let key = try SigningKey.generate(algorithm, keyID: "k\"1")
        let kept = try SigningKey(pem: key.pem(), algorithm: algorithm, keyID: key.keyID)
        #expect(kept.publicJWK == key.publicJWK && kept.thumbprint == key.thumbprint)
        for key in [key, kept] {
            let signature = try key.signature(of: Self.input)
            #expect(try verifies(signature, of: Self.input, algorithm, by: kept.publicJWK))
            #expect(try !verifies(signature, of: Self.input + [0], algorithm, by: kept.publicJWK))
        }
        let jwk = try #require(try JSONSerialization.jsonObject(with: Data(key.publicJWK.utf8)) as? [String: String])
        #expect(jwk["kid"] == "k\"1" && jwk["alg"] == algorithm.rawValue && jwk["use"] == "sig")
        let secret: Set = ["d", "p", "q", "dp", "dq", "qi"]
        #expect(secret.isDisjoint(with: jwk.keys))
        #expect(try SigningKey.generate(algorithm).thumbprint != key.thumbprint)
    }

    /// R and S are shorter than 32 bytes once in 128 signatures.
    @Test func aSignatureOfES256IsAlwaysOf64Bytes() throws {
        let key = try SigningKey(jwk: Self.es256)
        for number in 0..<600 {
            let input = Data("\(number)".utf8)
            let signature = try key.signature(of: input)
            #expect(signature.count == 64)
            if signature[0] == 0 || signature[32] == 0 {
                #expect(try verifies(signature, of: input, .es256, by: key.publicJWK))
            }
        }
    }

    @Test func aKeyIsTheSameInEveryForm() throws {
        let key = try SigningKey(jwk: Self.es256)
        #expect(try SigningKey(pem: "something before\n" + Self.es256PEM).publicJWK == key.publicJWK)
        #expect(try SigningKey(pem: key.pem()).publicJWK == key.publicJWK)
        // Without the public key, which some leave out.
        guard case .p256(let scalar) = try KeyMaterial(pem: Self.es256PEM) else { throw KeyError("another") }
        let alone = pem("PRIVATE KEY", KeyMaterial.p256(scalar: scalar).pkcs8())
        #expect(try SigningKey(pem: alone).publicJWK == key.publicJWK)

        let rsa = try SigningKey(jwk: Self.rsa)
        guard case .rsa(let numbers) = try KeyMaterial(pem: rsa.pem()) else { throw KeyError("another") }
        let old = pem("RSA PRIVATE KEY", KeyMaterial.pkcs1(numbers))
        #expect(try SigningKey(pem: old).publicJWK == rsa.publicJWK)
        #expect(try SigningKey(pem: old, algorithm: .ps256).algorithm == .ps256)
        // RFC 8410 §10.3.
        let edDSA = """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
            -----END PRIVATE KEY-----
            """
        #expect(try SigningKey(pem: edDSA).publicJWK.contains("\"x\":\"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE\""))
    }

    private func pem(_ label: String, _ der: [UInt8]) -> String {
        "-----BEGIN \(label)-----\n\(Data(der).base64EncodedString())\n-----END \(label)-----\n"
    }

    // MARK: Refusals

    @Test func whatIsNoUsableKeyIsRefused() throws {
        let der = KeyMaterial.p256(scalar: [UInt8](repeating: 1, count: 32)).pkcs8()
        for count in 0..<der.count {
            #expect(throws: KeyError.self) { try SigningKey(pem: pem("PRIVATE KEY", Array(der[..<count]))) }
        }
        let none = KeyMaterial.p256(scalar: [UInt8](repeating: 0, count: 32)).pkcs8()
        #expect(throws: KeyError.self) { try SigningKey(pem: pem("PRIVATE KEY", none)) }
        let short = KeyMaterial.rsa(Array(repeating: [1], count: 8)).pkcs8()
        #expect(throws: KeyError("an RSA key has to have at least 2048 bits")) {
            try SigningKey(pem: pem("PRIVATE KEY", short))
        }
        for text in ["", "-----BEGIN PRIVATE KEY-----", pem("ENCRYPTED PRIVATE KEY", der), pem("PUBLIC KEY", der)] {
            #expect(throws: KeyError.self) { try SigningKey(pem: text) }
        }
        for (member, other) in [
            ("P-256", "P-384"), ("jpsQ", "jpsR"), ("\"d\"", "\"f\""), ("f83O", "f84O"), ("\"EC\"", "\"oct\""),
            ("\"kty\"", "\"alg\":\"ES384\",\"kty\""), ("\"kty\"", "\"alg\":\"EdDSA\",\"kty\""), ("jpsQ", "+psQ"),
        ] {
            let jwk = Self.es256.replacingOccurrences(of: member, with: other)
            #expect(throws: KeyError.self) { try SigningKey(jwk: jwk) }
        }
        #expect(throws: KeyError.self) { try SigningKey(pem: Self.es256PEM, algorithm: .edDSA) }
    }

    @Test func aSignerSignsWithTheKeyThatIsAskedFor() async throws {
        let (one, two) = (try SigningKey.generate(.es256), try SigningKey.generate(.edDSA))
        let signer = LocalKeys(one, two)
        func request(_ thumbprint: String, _ algorithm: SigningAlgorithm) -> SigningRequest {
            SigningRequest(
                purpose: .dpopProof, algorithm: algorithm, thumbprint: thumbprint, issuer: "https://as.example.com",
                input: Self.input)
        }
        for key in [one, two] {
            let signature = try await signer.sign(request(key.thumbprint, key.algorithm))
            #expect(try verifies(signature, of: Self.input, key.algorithm, by: key.publicJWK))
        }
        await #expect(throws: Refused(.unable)) { try await signer.sign(request("another", .es256)) }
        await #expect(throws: Refused(.unable)) { try await signer.sign(request(one.thumbprint, .edDSA)) }
    }

    @Test func manySignWithOneKeyAtOnce() async throws {
        let signer = LocalKeys(try SigningKey(jwk: Self.edDSA))
        let request = SigningRequest(
            purpose: .clientAssertion, algorithm: .edDSA, thumbprint: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            issuer: "https://as.example.com", input: Self.input)
        let signatures = try await withThrowingTaskGroup(of: Data.self) { group in
            for _ in 0..<32 { group.addTask { try await signer.sign(request) } }
            return try await group.reduce(into: Set<Data>()) { $0.insert($1) }
        }
        #expect(signatures.count == 1)
    }

    // MARK: Secrets

    @Test func noKeyIsShown() throws {
        for jwk in [Self.es256, Self.edDSA, Self.rsa] {
            let key = try SigningKey(jwk: jwk)
            let read = try PrivateJWK(jwk)
            let request = SigningRequest(
                purpose: .dpopProof, algorithm: key.algorithm, thumbprint: key.thumbprint,
                issuer: "https://as.example.com",
                input: Data("SECRET".utf8))
            let shown = [key, LocalKeys(key), request, read, read.material].map(SecretTests.shown).joined()
            let members = try #require(try JSONSerialization.jsonObject(with: Data(jwk.utf8)) as? [String: String])
            let secrets = ["d", "p", "q", "dp", "dq", "qi"].compactMap { members[$0] } + ["SECRET"]
            let first = try #require(secrets.first.flatMap(bytes(ofBase64URL:)))
            let isShown = (secrets + ["\(first.dropFirst().first ?? 0), \(first[2]), \(first[3])"]).contains {
                shown.contains($0)
            }
            #expect(shown.contains(key.thumbprint) && !isShown)
            // An error about it neither.
            #expect {
                try SigningKey(jwk: jwk.replacingOccurrences(of: "\"kty\"", with: "\"alg\":\"none\",\"kty\""))
            } throws: { error in
                let shown = SecretTests.shown(error)
                return !secrets.contains { shown.contains($0) }
            }
        }
    }
}
