// What does it cost to call the machine from Swift?

import Foundation
import MCPOAuth
import MCPOAuthMachine
import TestHost

let servers = InMemoryServers()
let settings = Settings(serverUrl: InMemoryServers.serverURL)
let config = try Config(settings: settings)
let now: UInt64 = 1_800_000_000_000

/// A whole sign-in over the machine alone. Returns the machine, and how many calls it took.
func signIn() async throws -> (Machine, Int) {
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
            next = try machine.reply(
                id: id, status: UInt16(reply.status), headers: Data(), body: reply.body, nowMs: now
            ).next
        case .bindRedirect(let id, _):
            next = try machine.redirectBound(id: id, uri: "http://127.0.0.1:49152/callback", nowMs: now).next
        case .openUrl(_, _, let state, _, _, _, _):
            next = try machine.callback(query: "code=a&state=\(state)", nowMs: now).next
        case .save(let id, _, _, _, _, _), .delete(let id, _, _): next = try machine.stored(id: id, nowMs: now).next
        default: return (machine, calls)
        }
    }
}

/// The shortest of several rounds, for each run: noise only adds.
func time(_ runs: Int, _ run: () async throws -> Void) async rethrows -> Duration {
    var best = Duration.seconds(1_000)
    for _ in 0..<7 {
        let began = ContinuousClock.now
        for _ in 0..<runs { try await run() }
        best = min(best, (ContinuousClock.now - began) / runs)
    }
    return best
}

func row(_ name: String, _ duration: Duration) {
    let micros = duration.seconds * 1e6
    print(name.padding(toLength: 58, withPad: " ", startingAt: 0) + String(format: "%9.2f µs", micros))
}

let (machine, calls) = try await signIn()
precondition(machine.next() == .authorized)

print("Swift")
row("a call without values: awaits_redirect", await time(20_000) { _ = machine.awaitsRedirect() })
row(
    "the hot path: request_headers",
    await time(20_000) {
        _ = machine.requestHeaders(method: "POST", url: InMemoryServers.serverURL, nowMs: now)
    })
row("an event that changes nothing: tick", try await time(20_000) { _ = try machine.tick(nowMs: now) })
let record = machine.snapshot()
row("reading a record: describe_grant's check", await time(5_000) { _ = try? generationOf(record: record) })
row("a sign-in over the machine, \(calls) calls", try await time(500) { _ = try await signIn() })
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
    try await time(5_000) {
        _ = try await client.authorization(method: "POST", url: InMemoryServers.serverURL)
    })

extension Duration {
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
