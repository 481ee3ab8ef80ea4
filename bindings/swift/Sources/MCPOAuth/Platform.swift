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

/// `URLSession`, or on Linux what that is made of there.
public var platformNetwork: any Network {
    #if canImport(FoundationNetworking)
        CurlNetwork()
    #else
        URLSessionNetwork()
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
