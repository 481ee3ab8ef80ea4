// How is what the machine wants written down?

import Foundation
import MCPOAuthMachine

/// `camelCase` or `CamelCase` as `snake_case`, without what comes in parentheses.
func snake(_ name: String) -> String {
    var out = ""
    for letter in name.prefix(while: { $0 != "(" }) {
        if letter.isUppercase && !out.isEmpty { out.append("_") }
        out.append(letter.lowercased())
    }
    return out
}

func render(_ outcome: Outcome) -> JSON {
    switch outcome {
    case .advanced, .joined: .string(snake("\(outcome)"))
    default: ["ignored": .string(snake("\(outcome)"))]
    }
}

func render(_ headers: RequestHeaders) throws -> JSON {
    switch headers {
    case .ready(let authorization, let generation):
        ["ready": ["authorization": .string(authorization), "generation": .whole(generation)]]
    case .sign(let authorization, let generation, let algorithm, let thumbprint, let keyID, let issuer, let input):
        try [
            "sign": [
                "authorization": .string(authorization), "generation": .whole(generation),
                "proof": draft("dpop_proof", algorithm, thumbprint, keyID, issuer, input),
            ]
        ]
    case .refreshDue: "refresh_due"
    case .absent: "absent"
    }
}

func render(_ next: Next) throws -> JSON {
    switch next {
    case .idle: ["rest": "idle"]
    case .authorized: ["rest": "authorized"]
    case .signedOut: ["rest": "signed_out"]
    case .failed(let failure): ["rest": ["failed": render(failure)]]
    case .http(let id, let method, let url, let headers, let body, _, _, let reach, let purpose):
        try ["id": .whole(id), "http": request(method, url, headers, body, reach, purpose)]
    case .bindRedirect(let id, let preferred): ["id": .whole(id), "bind_redirect": .string(preferred)]
    case .openUrl(let id, let url, _, let redirectURI, let issuer, let scopes, let newScopes):
        [
            "id": .whole(id),
            "open_url": [
                "url": .string(url), "redirect_uri": .string(redirectURI), "issuer": .string(issuer),
                "scopes": .string(scopes), "new_scopes": .string(newScopes),
            ],
        ]
    case .askForClient(let id, let issuer, let redirectURI):
        ["id": .whole(id), "ask_for_client": ["issuer": .string(issuer), "redirect_uri": .string(redirectURI)]]
    case .sign(let id, let purpose, let algorithm, let thumbprint, let keyID, let issuer, let input):
        try ["id": .whole(id), "sign": draft(purpose, algorithm, thumbprint, keyID, issuer, input)]
    case .fetchAssertion(let id, let purpose, let issuer, let audience, let renew):
        [
            "id": .whole(id),
            "fetch_assertion": [
                "purpose": .string(purpose), "issuer": .string(issuer), "audience": .string(audience),
                "renew": .bool(renew),
            ],
        ]
    case .showCode(
        let id, let userCode, let url, let completeURL, let issuer, let scopes, let expiresAtMs, let untilMs):
        ["id": .whole(id), "show_code": code(userCode, url, completeURL, issuer, scopes, expiresAtMs, untilMs)]
    case .wait(let id, let untilMs): ["id": .whole(id), "wait": .whole(untilMs)]
    case .load(let id, let key): ["id": .whole(id), "load": .string(key)]
    case .delete(let id, let key, let expected):
        ["id": .whole(id), "delete": ["key": .string(key), "expected": .whole(expected)]]
    case .save(let id, let key, let expected, let generation, let record, let expiresAtMs):
        try ["id": .whole(id), "save": save(key, expected, generation, record, expiresAtMs)]
    }
}

/// What is to be signed, with both parts of the input as the JSON that they are.
private func draft(
    _ purpose: String, _ algorithm: String, _ thumbprint: String, _ keyID: String?, _ issuer: String, _ input: String
) throws -> JSON {
    let parts = try input.split(separator: ".").map { part in
        let padding = String(repeating: "=", count: (4 - part.utf8.count % 4) % 4)
        let text = part.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/") + padding
        guard let bytes = Data(base64Encoded: text) else { throw Unreadable("not base64url: \(part)") }
        return try JSON(reading: bytes)
    }
    guard parts.count == 2 else { throw Unreadable("what is to be signed has \(parts.count) parts") }
    var shown: [String: JSON] = [
        "purpose": .string(purpose), "algorithm": .string(algorithm), "thumbprint": .string(thumbprint),
        "issuer": .string(issuer), "header": parts[0], "claims": parts[1],
    ]
    if let keyID { shown["key_id"] = .string(keyID) }
    return .object(shown)
}

private func code(
    _ userCode: String, _ url: String, _ completeURL: String?, _ issuer: String, _ scopes: String,
    _ expiresAtMs: UInt64, _ untilMs: UInt64
) -> JSON {
    var shown: [String: JSON] = [
        "user_code": .string(userCode), "verification_uri": .string(url), "issuer": .string(issuer),
        "scopes": .string(scopes), "expires_at": .whole(expiresAtMs), "until": .whole(untilMs),
    ]
    if let completeURL { shown["verification_uri_complete"] = .string(completeURL) }
    return .object(shown)
}

private func render(_ failure: Failure) -> JSON {
    var shown: [String: JSON] = [
        "code": .string(failure.code), "stage": .string(snake("\(failure.stage)")),
        "advice": .string(snake("\(failure.advice)")), "text": .string(failure.text),
    ]
    if let millis = failure.retryAfterMs { shown["retry_after_ms"] = .whole(millis) }
    return .object(shown)
}

private func request(
    _ method: String, _ url: String, _ headers: String, _ body: Data?, _ reach: Reach, _ purpose: String
) throws -> JSON {
    var fields: [String: JSON] = [:]
    for line in headers.split(separator: "\n") {
        guard let colon = line.range(of: ": ") else { throw Unreadable("no header field: \(line)") }
        let (name, value) = (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
        guard fields.updateValue(.string(value), forKey: name) == nil else {
            throw Unreadable("a header field comes twice: \(line)")
        }
    }
    var shown: [String: JSON] = [
        "method": .string(method), "url": .string(url), "headers": .object(fields),
        "reach": .string(snake("\(reach)")), "purpose": .string(purpose),
    ]
    if let body { shown["body"] = .string(String(decoding: body, as: UTF8.self)) }
    return .object(shown)
}

private func save(
    _ key: String, _ expected: UInt64?, _ generation: UInt64, _ record: Data, _ expiresAtMs: UInt64?
) throws -> JSON {
    var shown: [String: JSON] = ["key": .string(key), "expected": JSON(expected), "generation": .whole(generation)]
    if let expiresAtMs { shown["expires_at"] = .whole(expiresAtMs) }
    if key.hasPrefix("grant/") { shown["record"] = try JSON(reading: record) }
    return .object(shown)
}
