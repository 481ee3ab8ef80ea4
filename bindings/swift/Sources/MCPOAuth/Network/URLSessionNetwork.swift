// How is one request sent within its limits?

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// `URLSession`: redirects are handed back, no cookie and no credential is kept, answers are bounded while
/// they stream in, and no connection is used twice, so that nothing is ever sent a second time.
///
/// What `URLSession` does not let anyone enforce:
///
/// - It resolves the name anew when it connects. The name is therefore resolved beforehand, and the request is made only if
///   *every* address is within reach; on Apple's platforms the address that was connected to is checked as well, before the
///   answer is used. A name server that changes its answer in between can still have a request sent to an address outside.
/// - Where a proxy is forced on the program, it follows that; on Linux also the environment variables `http_proxy`,
///   `https_proxy` and `all_proxy`.
/// - It adds `Accept-Language` and `Connection` fields of its own.
///
/// On Linux ``CurlNetwork`` has none of these limits, and is what is used there by default.
public struct URLSessionNetwork: Network {
    /// A network that keeps nothing between requests.
    public init() {}

    public func send(_ request: NetworkRequest) async throws -> NetworkReply {
        let exchange = try Exchange(request)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { exchange.begin($0) }
        } onCancel: {
            exchange.end(.failure(Unreachable(.interrupted)))
        }
    }
}

/// One exchange. Ends once, by whatever comes first.
private final class Exchange: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private struct State {
        var continuation: CheckedContinuation<NetworkReply, any Error>?
        var session: URLSession?
        var response: HTTPURLResponse?
        var body = Data()
        var isOver = false
    }

    private let request: NetworkRequest
    private let url: URL
    private let host: String
    private let state = Locked(State())

    init(_ request: NetworkRequest) throws {
        guard let url = URL(string: request.url), let host = url.host, !host.isEmpty else {
            throw Unreachable(.connect)
        }
        self.request = request
        self.url = url
        self.host = host
    }

    func begin(_ continuation: CheckedContinuation<NetworkReply, any Error>) {
        let isOver = state.withLock { state in
            if !state.isOver { state.continuation = continuation }
            return state.isOver
        }
        if isOver {
            continuation.resume(throwing: Unreachable(.interrupted))
            return
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + request.timeout.seconds) { [weak self] in
            self?.end(.failure(Unreachable(.timeout)))
        }
        DispatchQueue.global().async { self.connect() }
    }

    private func connect() {
        let addresses = Addresses.of(host: host)
        guard !addresses.isEmpty else { return end(.failure(Unreachable(.dns))) }
        guard addresses.allSatisfy({ request.reach.allowsAddress(address: $0) }) else {
            return end(.failure(Unreachable(.blocked)))
        }
        let session = URLSession(configuration: .bare, delegate: self, delegateQueue: nil)
        let task = session.dataTask(with: urlRequest)
        let isOver = state.withLock { state in
            if !state.isOver { state.session = session }
            return state.isOver
        }
        if isOver { session.invalidateAndCancel() } else { task.resume() }
    }

    private var urlRequest: URLRequest {
        var made = URLRequest(
            url: url, cachePolicy: .reloadIgnoringLocalAndRemoteCacheData, timeoutInterval: request.timeout.seconds)
        made.httpMethod = request.method
        made.httpBody = request.body
        made.httpShouldHandleCookies = false
        // Nothing is to be unpacked that could grow beyond its limit.
        made.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        for field in request.headers {
            made.setValue(field.value, forHTTPHeaderField: field.name)
        }
        return made
    }

    func end(_ result: Result<NetworkReply, Unreachable>) {
        let (continuation, session) = state.withLock { state in
            state.isOver = true
            defer { (state.continuation, state.session, state.body) = (nil, nil, Data()) }
            return (state.continuation, state.session)
        }
        // The session holds its delegate, which is this, for as long as it is valid.
        session?.invalidateAndCancel()
        continuation?.resume(with: result.mapError { $0 })
    }

    private func complete() {
        let reply = state.withLock { state in
            state.response.map { NetworkReply(status: $0.statusCode, headers: $0.fields, body: state.body) }
        }
        end(reply.map(Result.success) ?? .failure(Unreachable(.interrupted)))
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        state.withLock { $0.response = response as? HTTPURLResponse }
        completionHandler(.allow)
        if response.expectedContentLength > Int64(request.maxBodyBytes) {
            end(.failure(Unreachable(.tooLarge)))
        }
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isTooLarge = state.withLock { state in
            if !state.isOver { state.body.append(data) }
            return state.body.count > request.maxBodyBytes
        }
        if isTooLarge { end(.failure(Unreachable(.tooLarge))) }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
        completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
        #if canImport(FoundationNetworking)
            // On Linux this comes after the whole answer, and default handling would wait for credentials for ever.
            complete()
            completionHandler(.cancelAuthenticationChallenge, nil)
        #else
            // Certificates are verified; an HTTP challenge is handed back, since no credentials are kept.
            completionHandler(.performDefaultHandling, nil)
        #endif
    }

    #if !canImport(FoundationNetworking)
        func urlSession(
            _ session: URLSession, task: URLSessionTask, didFinishCollecting metrics: URLSessionTaskMetrics
        ) {
            let reached = metrics.transactionMetrics.compactMap(\.remoteAddress)
            if !reached.allSatisfy({ request.reach.allowsAddress(address: $0) }) {
                end(.failure(Unreachable(.blocked)))
            }
        }
    #endif

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        if let error { end(.failure(Unreachable(cause(of: error)))) } else { complete() }
    }
}

private func cause(of error: any Error) -> Cause {
    switch (error as? URLError)?.code {
    case .cannotFindHost, .dnsLookupFailed: .dns
    case .cannotConnectToHost, .notConnectedToInternet: .connect
    case .secureConnectionFailed, .serverCertificateHasBadDate, .serverCertificateUntrusted,
        .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid, .clientCertificateRejected,
        .clientCertificateRequired, .appTransportSecurityRequiresSecureConnection:
        .tls
    case .timedOut: .timeout
    default: .interrupted
    }
}

extension URLSessionConfiguration {
    /// Keeps nothing and knows nobody.
    static var bare: URLSessionConfiguration {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpShouldSetCookies = false
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpCookieStorage = nil
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.connectionProxyDictionary = [:]
        configuration.httpShouldUsePipelining = false
        return configuration
    }
}

extension HTTPURLResponse {
    /// The header fields, those of one name joined by commas.
    var fields: [HeaderField] {
        allHeaderFields.compactMap { name, value in
            guard let name = name as? String, let value = value as? String else { return nil }
            return HeaderField(name, value)
        }
    }
}

extension Duration {
    /// In seconds, as Foundation counts.
    var seconds: TimeInterval {
        let parts = components
        return TimeInterval(parts.seconds) + TimeInterval(parts.attoseconds) / 1e18
    }
}
