// In which form does a record rest, so that its generation and its end are known without reading into it?

import Foundation

/// One header line, `mcp-oauth-record 1 <generation> <expiry in milliseconds since the Unix epoch, or ->`, then the record's
/// own bytes.
struct SealedRecord {
    private static let magic = "mcp-oauth-record"
    private static let version = "1"

    var generation: UInt64
    var expiry: Date?
    var record: Data

    init(generation: UInt64, expiry: Date?, record: Data) {
        self.generation = generation
        self.expiry = expiry
        self.record = record
    }

    init(reading bytes: Data, of name: String) throws {
        let damaged = StoreError("the record \(name) is damaged")
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { throw damaged }
        let header = String(decoding: bytes[..<end], as: UTF8.self)
        let words = header.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == Self.magic else { throw damaged }
        guard words[1] == Self.version else {
            throw StoreError("the record \(name) was written by a newer version")
        }
        guard let generation = UInt64(words[2]) else { throw damaged }
        if words[3] != "-" {
            guard let millis = UInt64(words[3]) else { throw damaged }
            expiry = Date(timeIntervalSince1970: TimeInterval(millis) / 1000)
        }
        self.generation = generation
        record = Data(bytes[(end + 1)...])
    }

    var bytes: Data {
        let expiry = expiry.map { String(UInt64(max(0, $0.timeIntervalSince1970 * 1000))) } ?? "-"
        return Data("\(Self.magic) \(Self.version) \(generation) \(expiry)\n".utf8) + record
    }
}
