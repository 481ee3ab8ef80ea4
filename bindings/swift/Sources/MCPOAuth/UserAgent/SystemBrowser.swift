// How is a page opened in the user's own browser?

#if os(macOS) || os(Linux)
    import Foundation

    /// The system browser, and a listener on loopback for the way back (RFC 8252).
    ///
    /// Tried in order: the commands of the environment variable `BROWSER` (separated by `:`; arguments by blanks; `%s` stands
    /// for the URL, which otherwise comes last), then the platform's own opener. No shell is involved.
    public struct SystemBrowser: UserAgent {
        private let keepsPort: Bool
        private let show: (@Sendable (SignInPage) -> Void)?
        private let showCode: @Sendable (DeviceCode) -> Void

        /// A browser that fails does so at once; one that still runs by then is a browser.
        private static let patience: Duration = .seconds(3)
        private static let pause: Duration = .milliseconds(20)

        /// The browser of this user.
        ///
        /// - Parameters:
        ///   - keepsPort: whether to listen at the port of the redirect URI or not at all, even if that port was chosen by
        ///     chance in an earlier run and is taken now. Right for a client that is registered with a port of its own.
        ///   - show: what to do where no browser can be opened: show the page's URL, so that the user may copy it to one.
        ///     Without this the flow ends as declined.
        ///   - showCode: shows the code of the grant `.deviceCode`. Default: on standard error.
        public init(
            keepsPort: Bool = false, show: (@Sendable (SignInPage) -> Void)? = nil,
            showCode: @escaping @Sendable (DeviceCode) -> Void = SystemBrowser.print
        ) {
            self.keepsPort = keepsPort
            self.show = show
            self.showCode = showCode
        }

        public func bind(preferred: String) async throws -> Redirect {
            guard var place = LoopbackPlace(preferred) else { throw Refused(.unable) }
            if let redirect = try? LoopbackListener.listen(at: place) { return redirect }
            guard !keepsPort else { throw Refused(.unable) }
            place.port = 0
            return try LoopbackListener.listen(at: place)
        }

        public func open(_ page: SignInPage) async throws -> Opened {
            let environment = ProcessInfo.processInfo.environment
            let chosen = BrowserCommand.chosen(by: environment["BROWSER"] ?? "", url: page.url.absoluteString)
            for command in chosen + BrowserCommand.ofPlatform(url: page.url.absoluteString) {
                if try await Self.start(command) { return .shown }
            }
            guard let show else { throw Refused(.unable) }
            show(page)
            return .shown
        }

        public func show(_ code: DeviceCode) async throws {
            showCode(code)
        }

        /// Shows the code on standard error.
        public static func print(_ code: DeviceCode) {
            FileHandle.standardError.write(Data(code.words.utf8))
        }

        /// Whether a browser took the URL.
        private static func start(_ command: BrowserCommand) async throws -> Bool {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [command.program] + command.arguments
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            // On Linux a process that nobody waits for stays in memory after its end.
            process.terminationHandler = { $0.waitUntilExit() }
            do { try process.run() } catch { return false }
            let end = ContinuousClock.now + patience
            while process.isRunning && ContinuousClock.now < end {
                try await Task.sleep(for: pause)
            }
            return process.isRunning || process.terminationStatus == 0
        }
    }

    /// A program and its arguments: handed to the operating system as they are, never to a shell.
    struct BrowserCommand: Equatable {
        var program: String
        var arguments: [String]

        /// What `BROWSER` names.
        static func chosen(by browser: String, url: String) -> [BrowserCommand] {
            browser.split(separator: ":").compactMap { alternative in
                let words = alternative.split(whereSeparator: \.isWhitespace).map(String.init)
                // `env` would take a word with `=` for a variable, and one with `-` for an option of its own.
                guard let program = words.first, !program.contains("="), !program.hasPrefix("-") else { return nil }
                var arguments = words.dropFirst().map { $0.replacingOccurrences(of: "%s", with: url) }
                if !words.dropFirst().contains(where: { $0.contains("%s") }) { arguments.append(url) }
                return BrowserCommand(program: program, arguments: arguments)
            }
        }

        /// The platform's own.
        static func ofPlatform(url: String) -> [BrowserCommand] {
            #if os(macOS)
                return [BrowserCommand(program: "/usr/bin/open", arguments: [url])]
            #else
                return [
                    BrowserCommand(program: "xdg-open", arguments: [url]),
                    BrowserCommand(program: "gio", arguments: ["open", url]),
                    // On Linux within Windows.
                    BrowserCommand(program: "wslview", arguments: [url]),
                ]
            #endif
        }
    }
#endif
