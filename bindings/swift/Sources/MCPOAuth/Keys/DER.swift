// How are the values of keys and signatures written in DER?

/// What is left to be read of a DER encoding (X.690): the few types that keys and signatures are made of.
struct DER {
    enum Tag: UInt8 {
        case integer = 0x02
        case bits = 0x03
        case octets = 0x04
        case null = 0x05
        case name = 0x06
        case sequence = 0x30
        /// RFC 5915 §3.
        case parameters = 0xA0
        case publicKey = 0xA1
    }

    static let broken = KeyError("the key is damaged")

    private(set) var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    /// Of the next value, if it is one of those that are known.
    var tag: Tag? { bytes.first.flatMap(Tag.init) }

    /// The content of the next value.
    mutating func take(_ tag: Tag) throws -> DER {
        guard bytes.popFirst() == tag.rawValue, let first = bytes.popFirst() else { throw Self.broken }
        var count = Int(first)
        if first >= 0x80 {
            count = 0
            // Two bytes are enough for 64 KiB.
            guard (0x81...0x82).contains(first) else { throw Self.broken }
            for _ in 0..<(first & 0x7F) {
                guard let byte = bytes.popFirst() else { throw Self.broken }
                count = count << 8 | Int(byte)
            }
        }
        guard count <= bytes.count else { throw Self.broken }
        defer { bytes = bytes.dropFirst(count) }
        return DER(bytes.prefix(count))
    }

    /// The next value, a whole number that is not negative, without leading zeros.
    mutating func takeUnsigned() throws -> [UInt8] {
        let number = try take(.integer).bytes
        guard let first = number.first, first < 0x80 else { throw Self.broken }
        return Array(number.drop { $0 == 0 })
    }

    static func encode(_ tag: Tag, _ content: [UInt8]) -> [UInt8] {
        let count = content.count
        let length: [UInt8] =
            switch count {
            case ..<0x80: [UInt8(count)]
            case ..<0x100: [0x81, UInt8(count)]
            default: [0x82, UInt8(count >> 8), UInt8(count & 0xFF)]
            }
        return [tag.rawValue] + length + content
    }

    static func encodeUnsigned(_ number: [UInt8]) -> [UInt8] {
        let digits = number.drop { $0 == 0 }
        let isNegative = digits.first.map { $0 >= 0x80 } ?? true
        return encode(.integer, (isNegative ? [0] : []) + digits)
    }
}
