// How does an app of Apple's platforms sign its user in?

#if canImport(AuthenticationServices) && (os(iOS) || os(macOS) || os(visionOS))
    import AuthenticationServices
    import Foundation

    /// The system's sign-in sheet, which shares the session of the user's browser and hands the callback back itself.
    ///
    /// The redirect URI of the settings has to be of a private-use scheme (`com.example.app:/callback`, with
    /// `privateSchemeRedirect`) or, from iOS 17.4 and macOS 14.4 on, an https URL of a domain associated with the app.
    public struct WebAuthentication: UserAgent {
        private let prefersEphemeralSession: Bool
        private let anchor: @MainActor @Sendable () -> ASPresentationAnchor

        /// - Parameters:
        ///   - prefersEphemeralSession: whether the sheet should know nothing of the browser's cookies.
        ///   - anchor: the window to show the sheet in.
        public init(
            prefersEphemeralSession: Bool = false, anchor: @escaping @MainActor @Sendable () -> ASPresentationAnchor
        ) {
            self.prefersEphemeralSession = prefersEphemeralSession
            self.anchor = anchor
        }

        public func bind(preferred: String) async throws -> Redirect {
            Redirect(uri: preferred)
        }

        public func open(_ page: SignInPage) async throws -> Opened {
            let sheet = await Sheet(anchor)
            return try await withTaskCancellationHandler {
                let url = try await sheet.show(page, ephemeral: prefersEphemeralSession)
                return .cameBack(callbackURL: url.absoluteString)
            } onCancel: {
                Task { @MainActor in sheet.dismiss() }
            }
        }
    }

    @MainActor
    private final class Sheet: NSObject, @preconcurrency ASWebAuthenticationPresentationContextProviding {
        private let anchor: @MainActor @Sendable () -> ASPresentationAnchor
        private var session: ASWebAuthenticationSession?
        private var shown: CheckedContinuation<URL, any Error>?
        private var isDismissed = false

        init(_ anchor: @escaping @MainActor @Sendable () -> ASPresentationAnchor) {
            self.anchor = anchor
        }

        func show(_ page: SignInPage, ephemeral: Bool) async throws -> URL {
            guard !isDismissed, let redirect = URL(string: page.redirectURI), let scheme = redirect.scheme else {
                throw Refused(.unable)
            }
            return try await withCheckedThrowingContinuation { continuation in
                shown = continuation
                let session = session(for: page.url, redirect, scheme)
                session.presentationContextProvider = self
                session.prefersEphemeralWebBrowserSession = ephemeral
                self.session = session
                if !session.start() { end(.failure(Refused(.unable))) }
            }
        }

        /// The system need not say that a sheet is gone which the app has taken away.
        func dismiss() {
            isDismissed = true
            session?.cancel()
            end(.failure(Refused(.unable)))
        }

        /// Once, by whatever comes first.
        private func end(_ result: Result<URL, Refused>) {
            shown?.resume(with: result.mapError { $0 })
            shown = nil
            session = nil
        }

        private func session(for page: URL, _ redirect: URL, _ scheme: String) -> ASWebAuthenticationSession {
            let done: @Sendable (URL?, (any Error)?) -> Void = { url, error in
                let isCancelled = (error as? ASWebAuthenticationSessionError)?.code == .canceledLogin
                let result = url.map(Result.success) ?? .failure(Refused(isCancelled ? .denied : .unable))
                Task { @MainActor in self.end(result) }
            }
            if #available(iOS 17.4, macOS 14.4, visionOS 1.1, *), scheme == "https", let host = redirect.host {
                return ASWebAuthenticationSession(
                    url: page, callback: .https(host: host, path: redirect.path), completionHandler: done)
            }
            return ASWebAuthenticationSession(url: page, callbackURLScheme: scheme, completionHandler: done)
        }

        func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor {
            anchor()
        }
    }
#endif
