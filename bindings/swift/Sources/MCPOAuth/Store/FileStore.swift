// How are credentials kept in files?

import Foundation

/// One file of mode 0600 for each record, in a folder of mode 0700. Not encrypted: whoever can read the files of this user
/// can read the credentials. The files are those of the Rust host, so that programs in both languages may share them.
public struct FileStore: CredentialStore {
    private let directory: Directory

    /// A sign-in that has been over for so long that nobody will ask for its record again.
    private static let abandoned: TimeInterval = 60 * 60

    /// The store in the folder at this URL, which is made if need be and belongs to the store alone.
    public init(at folder: URL) throws {
        directory = try Directory(folder.path)
    }

    /// The store of this user: in `MCP_OAUTH_HOME`, or else in `mcp-oauth` in the platform's folder for a program's state
    /// (`XDG_STATE_HOME`, or else `~/.local/state`, on Linux).
    public init() throws {
        try self.init(at: Self.home.appendingPathComponent("credentials"))
    }

    static var home: URL {
        let environment = ProcessInfo.processInfo.environment
        if let home = environment["MCP_OAUTH_HOME"], !home.isEmpty { return URL(fileURLWithPath: home) }
        #if os(Linux)
            if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
                return URL(fileURLWithPath: state).appendingPathComponent("mcp-oauth")
            }
            let state = URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent(".local/state")
        #else
            let state = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)[0]
        #endif
        return state.appendingPathComponent("mcp-oauth")
    }

    public func load(_ key: String) async throws -> Data? {
        let name = fileName(key)
        return try await directory.locked { folder in
            try folder.read(name).map { try SealedRecord(reading: $0, of: name).record }
        }
    }

    public func save(
        _ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?
    ) async throws -> Written {
        let name = fileName(key)
        let sealed = SealedRecord(generation: generation, expiry: expiry, record: record)
        return try await directory.locked { folder in
            guard try generationOf(name, in: folder) == expected else { return .conflict }
            try folder.write(name, sealed.bytes)
            if key.hasPrefix("flow/") { try sweep(folder) }
            return .done
        }
    }

    public func delete(_ key: String, expected: UInt64) async throws -> Written {
        let name = fileName(key)
        return try await directory.locked { folder in
            guard try generationOf(name, in: folder) == expected else { return .conflict }
            try folder.remove(name)
            return .done
        }
    }

    private func generationOf(_ name: String, in folder: Directory.Open) throws -> UInt64? {
        try folder.read(name).map { try SealedRecord(reading: $0, of: name).generation }
    }

    private func sweep(_ folder: Directory.Open) throws {
        let before = Date().addingTimeInterval(-Self.abandoned)
        for name in try folder.names() where name.hasPrefix("flow-") {
            guard let bytes = try folder.read(name), let sealed = try? SealedRecord(reading: bytes, of: name) else {
                continue
            }
            if let expiry = sealed.expiry, expiry <= before { try folder.remove(name) }
        }
    }
}

private func fileName(_ key: String) -> String {
    key.replacingOccurrences(of: "/", with: "-")
}
