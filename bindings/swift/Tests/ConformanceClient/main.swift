// Does a real MCP client get its answer from a server that the official conformance suite has set up?
//
// Exit status 0 means that a tool was called and answered; 1 that it was not, with the reason on stderr.

import Foundation
import MCPOAuth
import TestHost

/// The suite stops a client after 30 seconds; to end before that leaves time to say why.
let patience: Duration = .seconds(25)

func say(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}

do {
    let given = try await Given()
    let client = try OAuthClient(
        given.settings, store: MemoryStore(), userAgent: Headless(), signer: given.signer,
        assertions: given.assertions,
        observer: { say("\($0.name): \($0.text) [\($0.clause)]") })
    let answer = try await withThrowingTaskGroup(of: String.self) { group in
        group.addTask {
            var session = try MCPSession(client, url: given.settings.serverUrl, revision: given.revision)
            return try await session.callFirstTool()
        }
        group.addTask {
            try await Task.sleep(for: patience)
            throw MCPSession.Failed(description: "no answer in time")
        }
        defer { group.cancelAll() }
        return try await group.next() ?? ""
    }
    print(answer)
} catch let error as OAuthError {
    say("failed: \(error.code), advice: \(error.advice): \(error)")
    exit(1)
} catch {
    say("failed: \(error)")
    exit(1)
}
