// How is one request sent within its limits on Linux?

#if canImport(FoundationNetworking)
    import CCurl
    import Foundation
    import FoundationNetworking

    /// libcurl, which FoundationNetworking is made of, without FoundationNetworking: that takes no say in which address is
    /// connected to, follows the proxy variables of the environment, and (in 6.0) brings the program down when a server
    /// answers 401 with a scheme alone, as in `WWW-Authenticate: Bearer`.
    ///
    /// Each address is checked as it is connected to. Redirects are handed back, no cookie and no credential is kept, answers
    /// are bounded while they stream in, no proxy is used, and no connection is used twice.
    public struct CurlNetwork: Network {
        /// The network of this platform.
        public init() {}

        public func send(_ request: NetworkRequest) async throws -> NetworkReply {
            let exchange = CurlExchange(
                method: request.method, url: request.url, headers: request.headers, body: request.body,
                timeout: request.timeout, most: request.maxBodyBytes, reach: request.reach)
            return try await exchange.perform()
        }
    }

    /// One exchange, on a thread of its own.
    final class CurlExchange: @unchecked Sendable {
        private let method: String
        private let url: String
        private let headers: [HeaderField]
        private let body: Data?
        private let timeout: Duration
        private let most: Int
        /// `nil`: any.
        private let reach: Reach?
        private let isCancelled = Locked(false)

        // Of the thread alone.
        private var reply = NetworkReply(status: 0, headers: [], body: Data())
        private var isTooLarge = false
        private var hasBlocked = false

        init(
            method: String, url: String, headers: [HeaderField], body: Data?, timeout: Duration, most: Int = .max,
            reach: Reach? = nil
        ) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
            self.timeout = timeout
            self.most = most
            self.reach = reach
        }

        /// - Throws: ``Unreachable``.
        func perform() async throws -> NetworkReply {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    Thread.detachNewThread { continuation.resume(with: self.run()) }
                }
            } onCancel: {
                isCancelled.withLock { $0 = true }
            }
        }

        private func run() -> Result<NetworkReply, any Error> {
            // Otherwise curl would wait for leave to send a large body.
            let lines = headers.map { "\($0.name): \($0.value)" } + ["Expect:"]
            let texts = lines.map { strdup($0) }
            defer { for text in texts { free(text) } }
            let ended = (texts.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { list in
                method.withCString { method in
                    url.withCString { url in
                        (body ?? Data()).withUnsafeBytes { bytes in
                            // An empty body is one, where the method has bodies.
                            var request = ccurl_request()
                            request.method = method
                            request.url = url
                            request.headers = list.baseAddress
                            if body != nil { request.body = bytes.bindMemory(to: UInt8.self).baseAddress }
                            request.body_length = bytes.count
                            request.timeout_ms = max(1, Int(timeout.seconds * 1000))
                            return perform(&request)
                        }
                    }
                }
            }
            if ended == CCURL_DONE, reply.status != 0 { return .success(reply) }
            return .failure(Unreachable(cause(of: ended)))
        }

        private func perform(_ request: inout ccurl_request) -> Int {
            var callbacks = ccurl_callbacks()
            callbacks.context = Unmanaged.passUnretained(self).toOpaque()
            callbacks.allows = { exchange($0).allows($1, $2) ? 1 : 0 }
            callbacks.head = { exchange($0).takeHead(UnsafeBufferPointer(start: $1, count: $2)) }
            callbacks.body = { exchange($0).takeBody(UnsafeBufferPointer(start: $1, count: $2)) ? 1 : 0 }
            callbacks.goes_on = { exchange($0).isCancelled.withLock { $0 } ? 0 : 1 }
            return withExtendedLifetime(self) { Int(ccurl_perform(&request, &callbacks)) }
        }

        private func allows(_ address: UnsafePointer<sockaddr>?, _ length: socklen_t) -> Bool {
            guard let reach else { return true }
            let isAllowed = Addresses.digits(address, length).map { reach.allowsAddress(address: $0) } ?? false
            if !isAllowed { hasBlocked = true }
            return isAllowed
        }

        private func takeHead(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
            let line = String(decoding: bytes, as: UTF8.self)
            if line.hasPrefix("HTTP/") {
                // What came before was a preliminary answer.
                reply.headers = []
                reply.status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            } else if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
                reply.headers.append(HeaderField(String(line[..<colon]), value))
            }
            return 1
        }

        private func takeBody(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
            isTooLarge = reply.body.count + bytes.count > most
            if !isTooLarge { reply.body.append(bytes) }
            return !isTooLarge
        }

        private func cause(of ended: Int) -> Cause {
            switch ended {
            case CCURL_NO_NAME: .dns
            case CCURL_NO_CONNECTION: hasBlocked ? .blocked : .connect
            case CCURL_MISSING: .connect
            case CCURL_NO_TLS: .tls
            case CCURL_TIMEOUT: .timeout
            default: isTooLarge ? .tooLarge : .interrupted
            }
        }
    }

    private func exchange(_ context: UnsafeMutableRawPointer?) -> CurlExchange {
        // Set by `perform`, which outlives every call.
        Unmanaged<CurlExchange>.fromOpaque(context!).takeUnretainedValue()
    }
#endif
