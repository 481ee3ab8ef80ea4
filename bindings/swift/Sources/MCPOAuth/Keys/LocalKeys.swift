// How is something signed with keys of this process?

import Foundation
import MCPOAuthMachine

/// Signs with keys in the memory of this process, each found by its thumbprint.
public struct LocalKeys: Signer {
    private let keys: [String: SigningKey]

    /// Of these keys.
    public init(_ keys: SigningKey...) {
        self.init(keys)
    }

    /// Of these keys.
    public init(_ keys: [SigningKey]) {
        self.keys = Dictionary(keys.map { ($0.thumbprint, $0) }) { $1 }
    }

    public func sign(_ request: SigningRequest) async throws -> Data {
        guard let key = keys[request.thumbprint], key.algorithm == request.algorithm else { throw Refused(.unable) }
        return try key.signature(of: request.input)
    }
}

extension LocalKeys: Redacted {
    public var description: String { "LocalKeys(\(keys.keys.sorted().joined(separator: ", ")))" }
}
