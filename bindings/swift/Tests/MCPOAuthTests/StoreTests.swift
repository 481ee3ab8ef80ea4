// Does a store keep its promises?

import Foundation
import TestHost
import Testing

@testable import MCPOAuth

/// A folder that is gone afterwards.
final class Scratch: Sendable {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("mcp-oauth-\(UUID())")

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: url.appendingPathComponent(name).path)
        return attributes[.posixPermissions] as? Int ?? 0
    }
}

@Suite struct StoreTests {
    static func check(_ store: any CredentialStore) async throws {
        let (one, two) = (Data("one".utf8), Data("two".utf8))
        func save(_ record: Data, _ generation: UInt64, _ expected: UInt64?) async throws -> Written {
            try await store.save(record, as: "grant/a", generation: generation, expected: expected, expiry: nil)
        }
        #expect(try await store.load("grant/a") == nil)
        #expect(try await save(one, 1, 7) == .conflict)
        #expect(try await save(one, 1, nil) == .done)
        #expect(try await save(two, 2, nil) == .conflict)
        #expect(try await store.load("grant/a") == one)
        #expect(try await save(two, 2, 1) == .done)
        #expect(try await store.load("grant/a") == two)
        #expect(try await store.delete("grant/a", expected: 1) == .conflict)
        #expect(try await store.delete("grant/a", expected: 2) == .done)
        #expect(try await store.delete("grant/a", expected: 2) == .conflict)
        #expect(try await store.load("grant/a") == nil)
    }

    @Test func memoryComparesAndSwaps() async throws {
        try await Self.check(MemoryStore())
    }

    @Test func filesCompareAndSwap() async throws {
        let folder = Scratch()
        try await Self.check(FileStore(at: folder.url))
    }

    @Test func oneOfManyWritesWins() async throws {
        let folder = Scratch()
        let won = try await withThrowingTaskGroup(of: Written.self) { group in
            for number in 0..<16 {
                group.addTask {
                    try await FileStore(at: folder.url).save(
                        Data([UInt8(number)]), as: "grant/a", generation: 1, expected: nil, expiry: nil)
                }
            }
            return try await group.reduce(0) { $1 == .done ? $0 + 1 : $0 }
        }
        #expect(won == 1)
    }

    @Test func onlyTheOwnerCanReadTheFiles() async throws {
        let folder = Scratch()
        try FileManager.default.createDirectory(
            at: folder.url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let store = try FileStore(at: folder.url)
        _ = try await store.save(Data("x".utf8), as: "grant/a", generation: 1, expected: nil, expiry: nil)
        #expect(try folder.mode(of: ".") == 0o700)
        for name in ["grant-a", ".lock"] { #expect(try folder.mode(of: name) == 0o600) }
    }

    @Test func theFilesAreThoseOfTheRustHost() async throws {
        let folder = Scratch()
        let store = try FileStore(at: folder.url)
        let expiry = Date(timeIntervalSince1970: 1_900_000_000)
        _ = try await store.save(Data("{}".utf8), as: "flow/a", generation: 1, expected: nil, expiry: expiry)
        _ = try await store.save(Data("{}".utf8), as: "grant/a", generation: 7, expected: nil, expiry: nil)
        let content = { try String(contentsOf: folder.url.appendingPathComponent($0), encoding: .utf8) }
        #expect(try content("flow-a") == "mcp-oauth-record 1 1 1900000000000\n{}")
        #expect(try content("grant-a") == "mcp-oauth-record 1 7 -\n{}")
    }

    @Test func signInsThatNobodyFinishedAreSweptAway() async throws {
        let folder = Scratch()
        let store = try FileStore(at: folder.url)
        let longAgo = Date().addingTimeInterval(-2 * 60 * 60)
        _ = try await store.save(Data("x".utf8), as: "flow/old", generation: 1, expected: nil, expiry: longAgo)
        _ = try await store.save(Data("x".utf8), as: "flow/new", generation: 1, expected: nil, expiry: Date())
        #expect(try await store.load("flow/old") == nil)
        #expect(try await store.load("flow/new") != nil)
    }

    @Test func aDamagedOrNewerRecordIsNotOverwritten() async throws {
        let folder = Scratch()
        let store = try FileStore(at: folder.url)
        for content in ["", "nonsense\n", "mcp-oauth-record 2 1 -\n{}", "mcp-oauth-record 1 x -\n{}"] {
            try Data(content.utf8).write(to: folder.url.appendingPathComponent("grant-a"))
            await #expect(throws: StoreError.self) { try await store.load("grant/a") }
            await #expect(throws: StoreError.self) {
                try await store.save(Data(), as: "grant/a", generation: 1, expected: nil, expiry: nil)
            }
        }
    }

    @Test func aSignInIsKeptOnDisk() async throws {
        let folder = Scratch()
        let servers = InMemoryServers()
        let client = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: FileStore(at: folder.url), userAgent: servers,
            network: servers)
        try await client.signIn()
        let later = try OAuthClient(
            Settings(serverUrl: InMemoryServers.serverURL), store: FileStore(at: folder.url), userAgent: nil,
            network: servers)
        #expect(try await later.authorization(method: "POST", url: InMemoryServers.serverURL) != nil)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
        #expect(names.filter { !$0.hasPrefix(".") }.count == 1)
    }
}
