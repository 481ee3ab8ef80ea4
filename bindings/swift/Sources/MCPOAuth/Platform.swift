// What does a program get that does not choose?

import Foundation

/// The keychain, or on Linux files that only this user can read.
func platformStore() throws -> any CredentialStore {
    #if canImport(Security)
        KeychainStore()
    #else
        try FileStore()
    #endif
}

/// The system browser where programs can open it by themselves; elsewhere an app has to bring a ``UserAgent``.
public var platformUserAgent: (any UserAgent)? {
    #if os(macOS) || os(Linux)
        SystemBrowser()
    #else
        nil
    #endif
}
