// How is a program's own request to its MCP server sent?

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

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
        #if canImport(FoundationNetworking)
            // On Linux this comes after the whole answer, and default handling would wait for credentials for ever.
            end(task, nil)
            completionHandler(.cancelAuthenticationChallenge, nil)
        #else
            completionHandler(.performDefaultHandling, nil)
        #endif
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        end(task, error)
    }
}
