// How is a program's own request to its MCP server sent?

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking

    /// Hands redirects and refusals back as they are. See ``CurlNetwork`` for why this is no `URLSession`.
    final class HTTPExchange: Sendable {
        private let isClosed = Locked(false)

        /// - Throws: `URLError`, or ``OAuthError/closed``.
        func data(for request: URLRequest) async throws -> (Data, HTTPURLResponse) {
            if isClosed.withLock({ $0 }) { throw OAuthError.closed }
            guard let url = request.url else { throw URLError(.badURL) }
            let fields = (request.allHTTPHeaderFields ?? [:]).map { HeaderField($0.key, $0.value) }
            let exchange = CurlExchange(
                method: request.httpMethod ?? "GET", url: url.absoluteString, headers: fields, body: request.httpBody,
                timeout: .milliseconds(Int64(request.timeoutInterval * 1000)))
            let reply: NetworkReply
            do {
                reply = try await exchange.perform()
            } catch let error as Unreachable {
                try Task.checkCancellation()
                throw URLError(error.cause)
            }
            let fieldsByName = Dictionary(reply.headers.map { ($0.name, $0.value) }) { "\($0), \($1)" }
            guard
                let response = HTTPURLResponse(
                    url: url, statusCode: reply.status, httpVersion: nil, headerFields: fieldsByName)
            else { throw URLError(.badServerResponse) }
            return (reply.body, response)
        }

        func close() {
            isClosed.withLock { $0 = true }
        }
    }

    extension URLError {
        fileprivate init(_ cause: Cause) {
            let code: URLError.Code =
                switch cause {
                case .dns: .cannotFindHost
                case .connect, .blocked: .cannotConnectToHost
                case .tls: .secureConnectionFailed
                case .timeout: .timedOut
                case .interrupted, .tooLarge: .networkConnectionLost
                }
            self.init(code)
        }
    }
#else
    /// A session that hands redirects and refusals back as they are. Made when it is first needed.
    final class HTTPExchange: Sendable {
        private enum State {
            case unused
            case open(URLSession)
            case closed
        }

        private let transfers = Transfers()
        private let state = Locked(State.unused)

        /// - Throws: `URLError`, or ``OAuthError/closed``.
        func data(for request: URLRequest) async throws -> (Data, HTTPURLResponse) {
            let task = try makeTask(request)
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { transfers.begin(task, $0) }
            } onCancel: {
                task.cancel()
            }
        }

        func close() {
            state.withLock { state in
                if case .open(let session) = state { session.invalidateAndCancel() }
                state = .closed
            }
        }

        deinit {
            // The session holds its delegate for as long as it is valid.
            close()
        }

        private func makeTask(_ request: URLRequest) throws -> URLSessionDataTask {
            try state.withLock { state in
                switch state {
                case .open(let session): return session.dataTask(with: request)
                case .unused:
                    let session = URLSession(configuration: .bare, delegate: transfers, delegateQueue: nil)
                    state = .open(session)
                    return session.dataTask(with: request)
                case .closed: throw OAuthError.closed
                }
            }
        }
    }

    /// The exchanges under way, by the numbers of their tasks.
    private final class Transfers: NSObject, URLSessionDataDelegate, Sendable {
        private struct Transfer {
            var body = Data()
            var continuation: CheckedContinuation<(Data, HTTPURLResponse), any Error>
        }

        private let transfers = Locked<[Int: Transfer]>([:])

        func begin(_ task: URLSessionTask, _ continuation: CheckedContinuation<(Data, HTTPURLResponse), any Error>) {
            transfers.withLock { $0[task.taskIdentifier] = Transfer(continuation: continuation) }
            task.resume()
        }

        private func end(_ task: URLSessionTask, _ error: (any Error)?) {
            guard let transfer = transfers.withLock({ $0.removeValue(forKey: task.taskIdentifier) }) else { return }
            if let response = task.response as? HTTPURLResponse, error == nil {
                transfer.continuation.resume(returning: (transfer.body, response))
            } else if (error as? URLError)?.code == .cancelled {
                transfer.continuation.resume(throwing: CancellationError())
            } else {
                transfer.continuation.resume(throwing: error ?? URLError(.badServerResponse))
            }
        }

        func urlSession(
            _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
            newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
        ) {
            completionHandler(nil)
        }

        func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
            transfers.withLock { $0[dataTask.taskIdentifier]?.body.append(data) }
        }

        func urlSession(
            _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
            completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
        ) {
            // Certificates are verified; an HTTP challenge is handed back, since no credentials are kept.
            completionHandler(.performDefaultHandling, nil)
        }

        func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
            end(task, error)
        }
    }
#endif
