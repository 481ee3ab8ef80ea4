// How is the redirect received on this machine, and nothing else let in (RFC 8252 §7.3, §8.3)?

import Foundation

/// Listens until it is closed. Its state belongs to its queue.
final class LoopbackListener: @unchecked Sendable {
    /// The most connections at once; more have to wait.
    private static let maxConnections = 32

    private let queue = DispatchQueue(label: "mcp-oauth.listener")
    private let gate: CallbackGate
    private let queries: AsyncStream<String>.Continuation
    private var sources: [any DispatchSourceRead] = []
    private var connections: [Int32: CallbackConnection] = [:]
    private var isPaused = false

    private init(gate: CallbackGate, queries: AsyncStream<String>.Continuation) {
        self.gate = gate
        self.queries = queries
    }

    /// Listens at the place until the answer is let go.
    static func listen(at place: LoopbackPlace) throws -> Redirect {
        let (sockets, port) = try place.listen()
        let gate = CallbackGate(authority: place.authority(at: port), path: place.requestPath)
        let (stream, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(1))
        let listener = LoopbackListener(gate: gate, queries: continuation)
        listener.queue.sync { listener.begin(sockets) }
        return Redirect(uri: place.uri(at: port), queries: stream) {
            listener.queue.async { listener.stop() }
        }
    }

    private func begin(_ sockets: [ListeningSocket]) {
        sources = sockets.map { socket in
            let source = DispatchSource.makeReadSource(fileDescriptor: socket.descriptor, queue: queue)
            source.setEventHandler { [weak self] in self?.accept(on: socket.descriptor) }
            source.setCancelHandler { socket.close() }
            source.resume()
            return source
        }
    }

    /// Who was let in already gets an answer all the same.
    private func stop() {
        pause(false)
        for source in sources { source.cancel() }
        sources = []
        queries.finish()
    }

    private func accept(on listening: Int32) {
        let descriptor = systemAccept(listening, nil, nil)
        guard descriptor >= 0 else { return }
        let connection = CallbackConnection(descriptor, queue: queue, gate: gate) { [self] query in
            connections[descriptor] = nil
            pause(false)
            if let query { queries.yield(query) }
        }
        connections[descriptor] = connection
        connection.begin()
        pause(connections.count >= Self.maxConnections)
    }

    private func pause(_ pauses: Bool) {
        guard pauses != isPaused else { return }
        isPaused = pauses
        for source in sources {
            if pauses { source.suspend() } else { source.resume() }
        }
    }
}

private let systemAccept = accept(_:_:_:)

/// What a request must be to count as a callback.
struct CallbackGate: Sendable {
    let authority: String
    let path: String

    enum Verdict: Equatable {
        case callback(query: String)
        case refused(status: Int, reason: String)
    }

    /// Judges the head of a request, without its empty line.
    func judge(_ head: String) -> Verdict {
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else {
            return .refused(status: 400, reason: "Bad Request")
        }
        let hosts = lines.dropFirst().compactMap { line -> String? in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "host" else { return nil }
            return parts[1].trimmingCharacters(in: .whitespaces).lowercased()
        }
        // Another name that resolves to loopback: DNS rebinding, or somebody's mistake.
        guard hosts == [authority], words[1].hasPrefix("/") else {
            return .refused(status: 421, reason: "Misdirected Request")
        }
        let target = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard target[0] == path else { return .refused(status: 404, reason: "Not Found") }
        guard words[0] == "GET" else { return .refused(status: 405, reason: "Method Not Allowed") }
        return .callback(query: target.count == 2 ? String(target[1]) : "")
    }
}

/// Answers one request; then, so that the window is never left without its page, hands on the callback that it was. Its state
/// belongs to the listener's queue.
private final class CallbackConnection: @unchecked Sendable {
    /// The most bytes of a request line and headers.
    private static let maxHeadBytes = 32 * 1024
    /// How long a connection may take, all in all.
    private static let time: DispatchTimeInterval = .seconds(10)
    private static let endOfHead = Data("\r\n\r\n".utf8)
    /// The same for a good callback, a failed one and a forged one: it can tell nobody anything, and reflects nothing.
    private static let page = """
        <!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title>\
        <p>You can close this window and go back to the program that opened it.</p></html>

        """

    private let descriptor: Int32
    private let gate: CallbackGate
    private let source: any DispatchSourceRead
    private let timer: any DispatchSourceTimer
    private var done: ((String?) -> Void)?
    private var head = Data()

    init(_ descriptor: Int32, queue: DispatchQueue, gate: CallbackGate, done: @escaping (String?) -> Void) {
        self.descriptor = descriptor
        self.gate = gate
        self.done = done
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        timer = DispatchSource.makeTimerSource(queue: queue)
    }

    func begin() {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        #if canImport(Darwin)
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, socklen_t(MemoryLayout<Int32>.size))
        #endif
        let descriptor = descriptor
        source.setEventHandler { [self] in readMore() }
        source.setCancelHandler { shut(descriptor) }
        timer.setEventHandler { [self] in end(with: nil) }
        timer.schedule(deadline: .now() + Self.time)
        source.resume()
        timer.resume()
    }

    private func readMore() {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
        guard count > 0 else { return end(with: nil) }
        head.append(contentsOf: chunk[..<count])
        if let range = head.range(of: Self.endOfHead) {
            answer(gate.judge(String(decoding: head[..<range.lowerBound], as: UTF8.self)))
        } else if head.count > Self.maxHeadBytes {
            answer(.refused(status: 431, reason: "Request Header Fields Too Large"))
        }
    }

    private func answer(_ verdict: CallbackGate.Verdict) {
        switch verdict {
        case .callback(let query):
            send("200 OK", Self.page)
            end(with: query)
        case .refused(let status, let reason):
            send("\(status) \(reason)", "")
            end(with: nil)
        }
    }

    private func send(_ status: String, _ body: String) {
        let allow = status.hasPrefix("405") ? "Allow: GET\r\n" : ""
        let answer = """
            HTTP/1.1 \(status)\r
            Content-Type: text/html; charset=utf-8\r
            Content-Length: \(body.utf8.count)\r
            Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r
            Cache-Control: no-store\r
            Referrer-Policy: no-referrer\r
            X-Content-Type-Options: nosniff\r
            \(allow)Connection: close\r
            \r
            \(body)
            """
        // Less than any socket's buffer: either it fits at once, or nobody reads.
        let bytes = Array(answer.utf8)
        _ = systemSend(descriptor, bytes, bytes.count, quietly)
        shutdown(descriptor, endOfWriting)
    }

    private func end(with query: String?) {
        guard let done else { return }
        self.done = nil
        timer.cancel()
        source.cancel()
        done(query)
    }
}

private let systemSend = send(_:_:_:_:)

#if canImport(Glibc)
    private let quietly = Int32(MSG_NOSIGNAL)
    private let endOfWriting = Int32(SHUT_WR)
#else
    private let quietly: Int32 = 0
    private let endOfWriting = SHUT_WR
#endif
