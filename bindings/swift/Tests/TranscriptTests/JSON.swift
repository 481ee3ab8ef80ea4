// How is a JSON document read, compared and written?

import Foundation

/// A JSON value. Whole numbers are told apart from the others, since generations and times have to be exact.
enum JSON: Hashable, Codable {
    case null
    case bool(Bool)
    case whole(UInt64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(reading text: Data) throws {
        self = try JSONDecoder().decode(JSON.self, from: text)
    }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let whole = try? value.decode(UInt64.self) {
            self = .whole(whole)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSON].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .bool(let bool): try value.encode(bool)
        case .whole(let whole): try value.encode(whole)
        case .number(let number): try value.encode(number)
        case .string(let string): try value.encode(string)
        case .array(let array): try value.encode(array)
        case .object(let object): try value.encode(object)
        }
    }

    var data: Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // What was read from JSON can be written as JSON.
        return (try? encoder.encode(self)) ?? Data()
    }

    var text: String { String(decoding: data, as: UTF8.self) }

    subscript(member: String) -> JSON? { object?[member] }

    var string: String? { if case .string(let string) = self { string } else { nil } }
    var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
    var whole: UInt64? { if case .whole(let whole) = self { whole } else { nil } }
    var array: [JSON]? { if case .array(let array) = self { array } else { nil } }
    var object: [String: JSON]? { if case .object(let object) = self { object } else { nil } }
    var strings: [String]? { array.map { $0.compactMap(\.string) } }

    /// With `{state}` replaced in every string.
    func replacingState(with state: String) -> JSON {
        switch self {
        case .string(let text): .string(text.replacingOccurrences(of: "{state}", with: state))
        case .array(let list): .array(list.map { $0.replacingState(with: state) })
        case .object(let members): .object(members.mapValues { $0.replacingState(with: state) })
        case .null, .bool, .whole, .number: self
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral {
    init(stringLiteral text: String) { self = .string(text) }
    init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(Dictionary(members) { $1 })
    }

    /// `null` for none.
    init(_ text: String?) { self = text.map(JSON.string) ?? .null }
    /// `null` for none.
    init(_ number: UInt64?) { self = number.map(JSON.whole) ?? .null }
}
