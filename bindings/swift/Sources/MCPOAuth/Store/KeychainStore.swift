// How are credentials kept in the keychain?

#if canImport(Security)
    import Foundation
    import Security

    /// One generic password of the keychain for each record, on this device only, readable once the device was unlocked.
    ///
    /// The generation lies in an attribute of the item (`kSecAttrGeneric`), and updates and deletions name the one that they
    /// expect in their query: the keychain itself compares and swaps.
    public struct KeychainStore: CredentialStore {
        private let service: String
        private let accessGroup: String?

        /// The keychain of this user.
        ///
        /// - Parameters:
        ///   - service: sets the items of this program apart from those of others.
        ///   - accessGroup: the group of apps that share the items.
        public init(service: String = "mcp-oauth", accessGroup: String? = nil) {
            self.service = service
            self.accessGroup = accessGroup
        }

        public func load(_ key: String) async throws -> Data? {
            var query = query(key)
            query[kSecReturnData] = true
            query[kSecMatchLimit] = kSecMatchLimitOne
            var found: CFTypeRef?
            switch SecItemCopyMatching(query as CFDictionary, &found) {
            case errSecSuccess: return found as? Data
            case errSecItemNotFound: return nil
            case let status: throw failed("could not be read", status)
            }
        }

        public func save(
            _ record: Data, as key: String, generation: UInt64, expected: UInt64?, expiry: Date?
        ) async throws -> Written {
            let content: [CFString: Any] = [kSecValueData: record, kSecAttrGeneric: mark(generation)]
            if let expected {
                let query = query(key).merging([kSecAttrGeneric: mark(expected)]) { $1 }
                return try written(SecItemUpdate(query as CFDictionary, content as CFDictionary))
            }
            var item = query(key).merging(content) { $1 }
            item[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            return try written(SecItemAdd(item as CFDictionary, nil))
        }

        public func delete(_ key: String, expected: UInt64) async throws -> Written {
            let query = query(key).merging([kSecAttrGeneric: mark(expected)]) { $1 }
            return try written(SecItemDelete(query as CFDictionary))
        }

        private func query(_ key: String) -> [CFString: Any] {
            var query: [CFString: Any] = [
                kSecClass: kSecClassGenericPassword,
                kSecAttrService: service,
                kSecAttrAccount: key,
            ]
            if let accessGroup {
                query[kSecAttrAccessGroup] = accessGroup
                // The file-based keychain of macOS, which programs without entitlements use, knows no groups.
                query[kSecUseDataProtectionKeychain] = true
            }
            return query
        }

        private func mark(_ generation: UInt64) -> Data {
            Data(String(generation).utf8)
        }

        private func written(_ status: OSStatus) throws -> Written {
            switch status {
            case errSecSuccess: return .done
            case errSecItemNotFound, errSecDuplicateItem: return .conflict
            default: throw failed("could not be written", status)
            }
        }

        private func failed(_ what: String, _ status: OSStatus) -> StoreError {
            let reason = SecCopyErrorMessageString(status, nil) as String?
            return StoreError("the keychain \(what): \(reason ?? "status \(status)")")
        }
    }
#endif
