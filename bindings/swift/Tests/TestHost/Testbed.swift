// How does a test get servers to sign in to?

import Foundation
import MCPOAuth

/// A protected MCP server and its authorization server, in a process of their own.
public final class Testbed: Sendable {
    public let mcpURL: String
    public let issuer: String
    /// Origin and identifier of the enterprise's identity provider.
    public let identityProvider: String
    private let adminURL: String
    private let input: FileHandle
    private let process: Process

    public struct Failed: Error {
        public init() {}
    }

    /// Starts servers that behave as this JSON says.
    public init(behaviour: String = "{}") throws {
        guard let program = ProcessInfo.processInfo.environment["MCP_OAUTH_TESTBED"] else { throw Failed() }
        let (input, output) = (Pipe(), Pipe())
        process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["--behaviour", "-"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        self.input = input.fileHandleForWriting
        try self.input.write(contentsOf: Data((behaviour.filter { !$0.isNewline } + "\n").utf8))
        var line = Data()
        while !line.contains(UInt8(ascii: "\n")) {
            let bytes = output.fileHandleForReading.availableData
            guard !bytes.isEmpty else { throw Failed() }
            line += bytes
        }
        let urls = try JSONDecoder().decode([String: String].self, from: line)
        mcpURL = urls["mcp_url"] ?? ""
        issuer = urls["issuer"] ?? ""
        identityProvider = urls["identity_provider"] ?? ""
        adminURL = urls["admin_url"] ?? ""
    }

    deinit {
        // The end of its input ends it.
        try? input.close()
        process.waitUntilExit()
    }

    /// What a control answers, as JSON: `counts`, `breaches`, `log`.
    public func ask(_ control: String) async throws -> String {
        let reply = try await send("GET", control, nil)
        return String(decoding: reply, as: UTF8.self)
    }

    /// How often something happened: `code_exchanges`, `refreshes`, `tool_calls`.
    public func count(of name: String) async throws -> Int {
        let counts = try JSONSerialization.jsonObject(with: try await send("GET", "counts", nil))
        return (counts as? [String: Any])?[name] as? Int ?? -1
    }

    /// An assertion that a host would get hold of: `workload_assertion?audience=…`, `id_token`, `identity_refresh_token`.
    public func mint(_ control: String) async throws -> String {
        let answer = try JSONDecoder().decode([String: String].self, from: try await send("POST", control, nil))
        return answer["token"] ?? ""
    }

    /// Does something to the servers: `expire_access_tokens`, `revoke_grants`, `forget_clients`, or
    /// `decide_device?user_code=…&decision=allow`.
    public func make(_ control: String) async throws {
        _ = try await send("POST", control, nil)
    }

    /// Replaces the behaviour.
    public func behave(_ behaviour: String) async throws {
        _ = try await send("PUT", "behaviour", Data(behaviour.utf8))
    }

    private func send(_ method: String, _ control: String, _ body: Data?) async throws -> Data {
        let request = NetworkRequest(
            method: method, url: "\(adminURL)/\(control)", headers: [HeaderField("content-type", "application/json")],
            body: body, maxBodyBytes: 1 << 24, timeout: .seconds(20), reach: .loopback, purpose: "control")
        let reply = try await platformNetwork.send(request)
        guard (200..<300).contains(reply.status) else { throw Failed() }
        return reply.body
    }
}
