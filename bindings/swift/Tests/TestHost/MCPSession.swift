// How is one tool called, in the lifecycle of a given revision of MCP?

import Foundation
import MCPOAuth

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// As much of a client of MCP's streamable HTTP transport as it takes to call a tool.
public struct MCPSession {
    /// The first revision without a handshake.
    private static let stateless = "2026-07-28"

    public struct Failed: Error, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    private let client: OAuthClient
    private let url: URL
    private let revision: String
    private var sessionID: String?
    private var isOpen = false
    private var lastID = 0

    public init(_ client: OAuthClient, url: String, revision: String) throws {
        guard let url = URL(string: url) else { throw Failed(description: "not a URL: \(url)") }
        self.client = client
        self.url = url
        self.revision = revision
    }

    /// Calls the first tool that the server lists, without arguments. Returns its result as JSON.
    public mutating func callFirstTool() async throws -> String {
        let tools = try await result(of: "tools/list")["tools"] as? [[String: Any]]
        guard let name = tools?.first?["name"] as? String else { throw Failed(description: "the server lists no tool") }
        return try await call(name)
    }

    /// Calls a tool. Returns its result as JSON.
    public mutating func call(_ tool: String, _ arguments: [String: Any] = [:]) async throws -> String {
        let result = try await result(of: "tools/call", ["name": tool, "arguments": arguments])
        let bytes = try JSONSerialization.data(withJSONObject: result, options: .sortedKeys)
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func result(of method: String, _ params: [String: Any] = [:]) async throws -> [String: Any] {
        if revision < Self.stateless, !isOpen { try await shakeHands() }
        return try await ask(method, params)
    }

    private mutating func shakeHands() async throws {
        isOpen = true
        let client: [String: Any] = ["name": "mcp-oauth-swift", "version": "1"]
        _ = try await ask(
            "initialize", ["protocolVersion": revision, "capabilities": [String: Any](), "clientInfo": client])
        _ = try await post(["jsonrpc": "2.0", "method": "notifications/initialized"])
    }

    private mutating func ask(_ method: String, _ params: [String: Any]) async throws -> [String: Any] {
        lastID += 1
        var params = params
        if revision >= Self.stateless {
            let client = ["name": "mcp-oauth-swift", "version": "1"]
            params["_meta"] = [
                "io.modelcontextprotocol/protocolVersion": revision,
                "io.modelcontextprotocol/clientCapabilities": [String: Any](),
                "io.modelcontextprotocol/clientInfo": client,
            ]
        }
        let message: [String: Any] = ["jsonrpc": "2.0", "id": lastID, "method": method, "params": params]
        let answer = try await post(message)
        guard let result = answer["result"] as? [String: Any] else {
            let error = (answer["error"] as? [String: Any])?["message"] as? String
            throw Failed(description: "\(method) failed: \(error ?? "no result")")
        }
        return result
    }

    private mutating func post(_ message: [String: Any]) async throws -> [String: Any] {
        let method = message["method"] as? String ?? ""
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.httpBody = try JSONSerialization.data(withJSONObject: message)
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("application/json, text/event-stream", forHTTPHeaderField: "Accept")
        if method != "initialize" { request.setValue(revision, forHTTPHeaderField: "MCP-Protocol-Version") }
        if let sessionID { request.setValue(sessionID, forHTTPHeaderField: "Mcp-Session-Id") }
        if revision >= Self.stateless {
            request.setValue(method, forHTTPHeaderField: "Mcp-Method")
            let tool = (message["params"] as? [String: Any])?["name"] as? String
            if let tool { request.setValue(tool, forHTTPHeaderField: "Mcp-Name") }
        }
        let (body, response) = try await client.data(for: request)
        guard (200..<300).contains(response.statusCode) else {
            throw Failed(description: "\(method) was answered with \(response.statusCode)")
        }
        sessionID = response.value(forHTTPHeaderField: "Mcp-Session-Id") ?? sessionID
        guard let id = message["id"] as? Int else { return [:] }
        let isStream = response.value(forHTTPHeaderField: "Content-Type")?.hasPrefix("text/event-stream") ?? false
        let messages = isStream ? events(body) : [body]
        for bytes in messages {
            let answer = try? JSONSerialization.jsonObject(with: bytes) as? [String: Any]
            if let answer, answer["id"] as? Int == id { return answer }
        }
        throw Failed(description: "\(method) was not answered")
    }

    /// The data of each server-sent event.
    private func events(_ stream: Data) -> [Data] {
        let lines = String(decoding: stream, as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return lines.split(whereSeparator: \.isEmpty).map { event in
            let data = event.filter { $0.hasPrefix("data:") }.map { $0.dropFirst("data:".count) }
            return Data(data.joined(separator: "\n").utf8)
        }
    }
}
