// How are credentials kept for the life of a process only?

import Foundation

/// Keeps everything in memory and forgets it when let go.
public actor MemoryStore: CredentialStore {
    private var records: [String: (generation: UInt64, record: Data)] = [:]

    /// An empty store.
    public init() {}

    public func load(_ key: String) -> Data? {
        records[key]?.record
    }

    public func save(_ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?) -> Written {
        guard records[key]?.generation == expected else { return .conflict }
        records[key] = (generation, record)
        return .done
    }

    public func delete(_ key: String, expected: UInt64) -> Written {
        guard records[key]?.generation == expected else { return .conflict }
        records[key] = nil
        return .done
    }
}

extension MemoryStore: Redacted {
    public nonisolated var description: String { "MemoryStore" }
}
