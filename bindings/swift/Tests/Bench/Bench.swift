// How is each cost measured?

import Foundation
import MCPOAuth
import MCPOAuthMachine
import TestHost

/// Bound to no actor, so that no hop between threads is measured.
struct Bench: Sendable {
    private static let now: UInt64 = 1_800_000_000_000

    private let servers = InMemoryServers()
    private let settings = Settings(serverUrl: InMemoryServers.serverURL)

    func run() async throws {
        let config = try Config(settings: settings)
        let (machine, calls) = try await signIn(config)
        precondition(machine.next() == .authorized)
        let record = machine.snapshot()

        print("Swift")
        row("a call without values: awaits_redirect", time(50_000) { _ = machine.awaitsRedirect() })
        row(
            "the hot path: request_headers",
            try time(50_000) {
                _ = try machine.requestHeaders(method: "POST", url: InMemoryServers.serverURL, nowMs: Self.now)
            })
        row("an event that changes nothing: tick", try time(50_000) { _ = try machine.tick(nowMs: Self.now) })
        row("a record in, a number out: generation_of", try time(10_000) { _ = try generationOf(record: record) })
        row("a sign-in over the machine, \(calls) calls", try await time(1_000) { _ = try await signIn(config) })
        row(
            "a sign-in over OAuthClient, in memory",
            try await time(500) {
                let client = try OAuthClient(settings, store: MemoryStore(), userAgent: servers, network: servers)
                try await client.signIn()
            })
        let client = try OAuthClient(settings, store: MemoryStore(), userAgent: servers, network: servers)
        try await client.signIn()
        row(
            "the authorization of a request over OAuthClient",
            try await time(10_000) {
                _ = try await client.authorization(method: "POST", url: InMemoryServers.serverURL)
            })
    }

    /// A whole sign-in over the machine alone. Returns the machine, and how many calls it took.
    private func signIn(_ config: Config) async throws -> (Machine, Int) {
        let now = Self.now
        let machine = Machine(config: config, account: "")
        var next = machine.next()
        var calls = 1
        while true {
            calls += 1
            switch next {
            case .load(let id, _): next = try machine.nothingStored(id: id, nowMs: now).next
            case .idle: next = try machine.connect(nowMs: now).next
            case .http(let id, let method, let url, _, let body, let most, _, let reach, let purpose):
                let request = NetworkRequest(
                    method: method, url: url, headers: [], body: body, maxBodyBytes: Int(most), timeout: .seconds(1),
                    reach: reach, purpose: purpose)
                let reply = try await servers.send(request)
                let step = try machine.reply(
                    id: id, status: UInt16(reply.status), headers: Data(), body: reply.body, nowMs: now)
                next = step.next
            case .bindRedirect(let id, _):
                next = try machine.redirectBound(id: id, uri: "http://127.0.0.1:49152/callback", nowMs: now).next
            case .openUrl(_, _, let state, _, _, _, _):
                next = try machine.callback(query: "code=a&state=\(state)", nowMs: now).next
            case .save(let id, _, _, _, _, _), .delete(let id, _, _):
                next = try machine.stored(id: id, nowMs: now).next
            default: return (machine, calls)
            }
        }
    }

    private static let rounds = 7

    /// The shortest of several rounds, for each run: noise only adds.
    private func time(_ runs: Int, _ run: () throws -> Void) rethrows -> Duration {
        var best = Duration.seconds(1_000)
        for _ in 0..<Self.rounds {
            let began = ContinuousClock.now
            for _ in 0..<runs { try run() }
            best = min(best, (ContinuousClock.now - began) / runs)
        }
        return best
    }

    private func time(_ runs: Int, _ run: () async throws -> Void) async rethrows -> Duration {
        var best = Duration.seconds(1_000)
        for _ in 0..<Self.rounds {
            let began = ContinuousClock.now
            for _ in 0..<runs { try await run() }
            best = min(best, (ContinuousClock.now - began) / runs)
        }
        return best
    }

    private func row(_ name: String, _ duration: Duration) {
        let micros = Double(duration.components.attoseconds) / 1e12
        print(name.padding(toLength: 58, withPad: " ", startingAt: 0) + String(format: "%9.2f µs", micros))
    }
}
