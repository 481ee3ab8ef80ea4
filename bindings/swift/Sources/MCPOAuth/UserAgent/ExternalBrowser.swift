// How does an app sign in whose own URL scheme or web page receives the callback?

import Foundation

/// Opens the page as the app says, with the redirect URI of the settings: a private-use scheme
/// (`com.example.app:/callback`), a universal link, or a page of a web back end. The app hands the callback that it receives to
/// ``OAuthClient/finish(callbackURL:)``.
public struct ExternalBrowser: UserAgent {
    private let show: @Sendable (SignInPage) async -> Bool
    private let showCode: (@Sendable (DeviceCode) async -> Void)?

    /// With what opens the page, and says whether it did; and what shows a code, if there may be one.
    public init(
        open show: @escaping @Sendable (SignInPage) async -> Bool,
        showCode: (@Sendable (DeviceCode) async -> Void)? = nil
    ) {
        self.show = show
        self.showCode = showCode
    }

    public func bind(preferred: String) async throws -> Redirect {
        Redirect(uri: preferred)
    }

    public func open(_ page: SignInPage) async throws -> Opened {
        guard await show(page) else { throw Refused(.unable) }
        return .shown
    }

    public func show(_ code: DeviceCode) async throws {
        guard let showCode else { throw Refused(.needsUser) }
        await showCode(code)
    }
}
