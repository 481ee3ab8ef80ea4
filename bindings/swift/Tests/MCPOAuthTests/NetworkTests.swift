// Are the limits of a request kept?

import Foundation
import MCPOAuth
import Testing

#if canImport(Glibc)
    import Glibc
#endif

#if canImport(Glibc)
    private let quietly = Int32(MSG_NOSIGNAL)
#else
    private let quietly: Int32 = 0
#endif

/// A server that answers each connection with the same bytes, for as long as the tests run.
struct CannedServer {
    let url: String

    /// - Parameter answer: what to send; `nil`: nothing, ever.
    init(_ answer: String?) throws {
        #if canImport(Glibc)
            let stream = Int32(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let listening = socket(AF_INET, stream, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutableBytes(of: &address) { bytes in
            let place = bytes.bindMemory(to: sockaddr.self).baseAddress!
            _ = bind(listening, place, length)
            _ = listen(listening, 8)
            _ = getsockname(listening, place, &length)
        }
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/"
        Thread.detachNewThread {
            while true {
                let connection = accept(listening, nil, nil)
                guard connection >= 0 else { return }
                var request = [UInt8](repeating: 0, count: 65536)
                _ = read(connection, &request, request.count)
                guard let answer else { continue }
                _ = send(connection, answer, answer.utf8.count, quietly)
                close(connection)
            }
        }
    }
}

// One at a time: a proxy of the environment is everyone's.
@Suite(.serialized) struct NetworkTests {
    var network: any Network = platformNetwork

    static func request(
        _ url: String, most: Int = 1000, timeout: Duration = .seconds(10), reach: Reach = .loopback
    ) -> NetworkRequest {
        NetworkRequest(
            method: "GET", url: url, headers: [HeaderField("user-agent", "test")], body: nil, maxBodyBytes: most,
            timeout: timeout, reach: reach, purpose: "test")
    }

    static func cause(_ request: NetworkRequest, _ network: any Network = platformNetwork) async -> Cause? {
        do {
            _ = try await network.send(request)
            return nil
        } catch {
            return (error as? Unreachable)?.cause
        }
    }

    @Test func aRedirectIsHandedBack() async throws {
        let server = try CannedServer(
            "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example.com/?a=%2F\r\nContent-Length: 4\r\n\r\nhere")
        let reply = try await network.send(Self.request(server.url))
        let location = reply.headers.first { $0.name.lowercased() == "location" }?.value
        #expect(reply.status == 302 && location == "https://elsewhere.example.com/?a=%2F")
    }

    static let refusal = """
        HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="a, b"\r\nContent-Length: 26\r\n\r\n\
        {"error":"invalid_client"}
        """

    @Test func aRefusalIsHandedBackWithItsBody() async throws {
        let server = try CannedServer(Self.refusal)
        let reply = try await network.send(Self.request(server.url))
        #expect(reply.status == 401 && reply.body == Data(#"{"error":"invalid_client"}"#.utf8))
    }

    @Test(arguments: ["Bearer", "Basic", "Negotiate", "Basic realm=\"", ",,", "", "caf\u{e9}"])
    func noChallengeIsTooOdd(challenge: String) async throws {
        let refusal = Self.refusal.replacingOccurrences(of: "Basic realm=\"a, b\"", with: challenge)
        let server = try CannedServer(refusal)
        let reply = try await platformNetwork.send(Self.request(server.url))
        #expect(reply.status == 401 && reply.body.count == 26)
    }

    @Test func theEnvironmentNamesNoProxy() async throws {
        let proxy = try CannedServer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
        let server = try CannedServer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndirect")
        setenv("http_proxy", proxy.url, 1)
        defer { unsetenv("http_proxy") }
        #expect(try await platformNetwork.send(Self.request(server.url)).body == Data("direct".utf8))
    }

    @Test func anAnswerMayBeAsLargeAsItsLimitAndNoLarger() async throws {
        let body = String(repeating: "x", count: 1000)
        let announced = try CannedServer("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\(body)")
        #expect(try await network.send(Self.request(announced.url)).body.count == 1000)
        #expect(await Self.cause(Self.request(announced.url, most: 999), network) == .tooLarge)
        let unannounced = try CannedServer("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\(body)")
        #expect(await Self.cause(Self.request(unannounced.url, most: 999), network) == .tooLarge)
    }

    @Test func silenceEndsInTime() async throws {
        let server = try CannedServer(nil)
        #expect(await Self.cause(Self.request(server.url, timeout: .milliseconds(200)), network) == .timeout)
    }

    @Test func aConnectionThatBreaksIsSaidToHaveBroken() async throws {
        let server = try CannedServer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        #expect(await Self.cause(Self.request(server.url), network) == .interrupted)
    }

    @Test(arguments: ["http://127.0.0.1:1/", "http://localhost:1/"])
    func anAddressOutsideItsReachIsNotConnectedTo(url: String) async {
        #expect(await Self.cause(Self.request(url, reach: .public), network) == .blocked)
        #expect(await Self.cause(Self.request(url), network) == .connect)
    }

    @Test func aNameThatDoesNotResolveIsSaidSo() async {
        #expect(await Self.cause(Self.request("https://nowhere.invalid/", reach: .public), network) == .dns)
    }

    @Test func aServerWithoutACertificateIsRefused() async throws {
        let server = try CannedServer("no TLS here, and never was\r\n\r\n")
        let url = server.url.replacingOccurrences(of: "http:", with: "https:")
        #expect(await Self.cause(Self.request(url)) == .tls)
    }

    @Test func aCancelledExchangeEndsAtOnce() async throws {
        let server = try CannedServer(nil)
        let exchange = Task { await Self.cause(Self.request(server.url), network) }
        try await Task.sleep(for: .milliseconds(50))
        exchange.cancel()
        #expect(await exchange.value == .interrupted)
    }
}
