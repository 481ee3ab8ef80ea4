// Is the redirect received, and nothing else let in?

import Foundation
import TestHost
import Testing

@testable import MCPOAuth

/// The system browser's way back, with nothing opened.
private struct Shown: UserAgent {
    let pages: AsyncStream<SignInPage>.Continuation

    func bind(preferred: String) async throws -> Redirect {
        try await SystemBrowser().bind(preferred: preferred)
    }

    func open(_ page: SignInPage) async throws -> Opened {
        pages.yield(page)
        return .shown
    }
}

@Suite struct ListenerTests {
    static let gate = CallbackGate(authority: "127.0.0.1:4000", path: "/callback")

    @Test func theRedirectIsReceivedAndAnswered() async throws {
        for uri in ["http://127.0.0.1:0/callback", "http://localhost:0/callback?app=1"] {
            let redirect = try await SystemBrowser().bind(preferred: uri)
            #expect(!redirect.uri.contains(":0/"))
            let separator = redirect.uri.contains("?") ? "&" : "?"
            let request = NetworkTests.request(redirect.uri + separator + "code=a%20b&state=c")
            let reply = try await platformNetwork.send(request)
            #expect(reply.status == 200)
            #expect(String(decoding: reply.body, as: UTF8.self).contains("You can close this window"))
            var queries = redirect.queries.makeAsyncIterator()
            #expect(await queries.next()?.hasSuffix("code=a%20b&state=c") == true)
        }
    }

    @Test func nothingIsListenedOnAfterwards() async throws {
        var redirect: Redirect? = try await SystemBrowser().bind(preferred: "http://127.0.0.1:0/callback")
        let uri = try #require(redirect?.uri)
        redirect = nil
        try await Task.sleep(for: .milliseconds(50))
        #expect(await NetworkTests.cause(NetworkTests.request(uri)) == .connect)
    }

    @Test func aPortThatIsTakenIsGivenUpUnlessItIsToBeKept() async throws {
        let first = try await SystemBrowser().bind(preferred: "http://127.0.0.1:0/callback")
        let second = try await SystemBrowser().bind(preferred: first.uri)
        #expect(first.uri != second.uri)
        await #expect(throws: Refused(.unable)) {
            try await SystemBrowser(keepsPort: true).bind(preferred: first.uri)
        }
    }

    @Test(arguments: ["https://app.example.com/callback", "com.example.app:/callback", "http://127.0.0.1.example.com/"])
    func nobodyCanListenElsewhereThanHere(uri: String) async {
        await #expect(throws: Refused(.unable)) { try await SystemBrowser().bind(preferred: uri) }
    }

    @Test(arguments: [
        ("GET /callback?code=a HTTP/1.1\r\nHost: 127.0.0.1:4000", CallbackGate.Verdict.callback(query: "code=a")),
        ("GET /callback HTTP/1.1\r\nhost:127.0.0.1:4000\r\nX: y", .callback(query: "")),
        ("POST /callback HTTP/1.1\r\nHost: 127.0.0.1:4000", .refused(status: 405, reason: "Method Not Allowed")),
        ("GET /other HTTP/1.1\r\nHost: 127.0.0.1:4000", .refused(status: 404, reason: "Not Found")),
        ("GET /callback HTTP/1.1\r\nHost: evil.example.com", .refused(status: 421, reason: "Misdirected Request")),
        ("GET /callback HTTP/1.1", .refused(status: 421, reason: "Misdirected Request")),
        (
            "GET http://127.0.0.1:4000/callback HTTP/1.1\r\nHost: 127.0.0.1:4000",
            .refused(status: 421, reason: "Misdirected Request")
        ),
        (
            "GET /callback HTTP/1.1\r\nHost: 127.0.0.1:4000\r\nHost: 127.0.0.1:4000",
            .refused(status: 421, reason: "Misdirected Request")
        ),
        ("nonsense", .refused(status: 400, reason: "Bad Request")),
        ("", .refused(status: 400, reason: "Bad Request")),
    ])
    func onlyTheCallbackGetsThrough(head: String, verdict: CallbackGate.Verdict) {
        #expect(Self.gate.judge(head) == verdict)
    }

    @Test func aForgedCallbackDoesNotEndTheSignIn() async throws {
        let (pages, show) = AsyncStream.makeStream(of: SignInPage.self)
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: MemoryStore(),
            userAgent: Shown(pages: show), network: InMemoryServers())
        async let signIn: Void = client.signIn()
        for await page in pages {
            let forged = page.redirectURI + "?code=x&state=forged"
            #expect(try await platformNetwork.send(NetworkTests.request(forged)).status == 200)
            let callback = InMemoryServers.callback(of: page.url, to: page.redirectURI)
            #expect(try await platformNetwork.send(NetworkTests.request(callback)).status == 200)
            break
        }
        try await signIn
        #expect(try await client.authorization(method: "POST", url: InMemoryServers.serverURL) != nil)
    }

    @Test func theEnvironmentNamesBrowsersWithArguments() {
        let url = "https://as.example.com/authorize?a=1&state=x;y"
        #expect(
            BrowserCommand.chosen(by: "firefox --new-window:  lynx  :: open-it --url=%s --quiet", url: url) == [
                BrowserCommand(program: "firefox", arguments: ["--new-window", url]),
                BrowserCommand(program: "lynx", arguments: [url]),
                BrowserCommand(program: "open-it", arguments: ["--url=\(url)", "--quiet"]),
            ])
        #expect(
            BrowserCommand.chosen(by: "sh-like $(id) ;rm", url: url) == [
                BrowserCommand(program: "sh-like", arguments: ["$(id)", ";rm", url])
            ])
        #expect(BrowserCommand.chosen(by: " : A=b c:-S d", url: url).isEmpty)
    }
}
