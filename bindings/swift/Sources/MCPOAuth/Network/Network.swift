// What does a flow need of the network?

import Foundation

/// Sends the requests of a flow. ``URLSessionNetwork`` and, on Linux, `CurlNetwork` are there; a program with an HTTP client of its own may bring that.
public protocol Network: Sendable {
    /// Sends one request within its limits and gives back the answer, whatever its status is. Follows no redirect, adds no
    /// cookie and no credential, repeats nothing, and connects only to addresses that the request's reach allows.
    ///
    /// - Throws: ``Unreachable`` with the cause. Any other error counts as an exchange that broke off.
    func send(_ request: NetworkRequest) async throws -> NetworkReply
}

/// One request, complete, with the limits to keep.
public struct NetworkRequest: Sendable {
    /// `GET` or `POST`.
    public var method: String
    /// Where to, exactly.
    public var url: String
    /// All header fields to send. One may be a credential.
    public var headers: [HeaderField]
    /// The body, if any. Secret.
    public var body: Data?
    /// Bytes of body to read at most.
    public var maxBodyBytes: Int
    /// For the whole exchange, from name resolution to the last byte.
    public var timeout: Duration
    /// Which addresses may be connected to.
    public var reach: Reach
    /// What the request is for, for logs: a stable name.
    public var purpose: String

    /// A request of these parts.
    public init(
        method: String, url: String, headers: [HeaderField], body: Data?, maxBodyBytes: Int, timeout: Duration,
        reach: Reach, purpose: String
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.maxBodyBytes = maxBodyBytes
        self.timeout = timeout
        self.reach = reach
        self.purpose = purpose
    }
}

extension NetworkRequest: Redacted {
    public var description: String { "NetworkRequest(\(method) \(url), \(purpose))" }
}

/// An answer, whole.
public struct NetworkReply: Sendable {
    /// The status code.
    public var status: Int
    /// Header fields as received.
    public var headers: [HeaderField]
    /// The body, decoded from any content encoding.
    public var body: Data

    /// An answer of these parts.
    public init(status: Int, headers: [HeaderField], body: Data) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

extension NetworkReply: Redacted {
    public var description: String { "NetworkReply(\(status), \(body.count) bytes)" }
}

/// A header field.
public struct HeaderField: Sendable, Equatable {
    /// Its name, in any case.
    public var name: String
    /// Its value.
    public var value: String

    /// A field of this name and value.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension HeaderField: Redacted {
    public var description: String { "\(name): …" }
}

/// A request got no answer.
public struct Unreachable: Error, Equatable {
    /// Why not.
    public var cause: Cause

    /// For this cause.
    public init(_ cause: Cause) {
        self.cause = cause
    }
}
