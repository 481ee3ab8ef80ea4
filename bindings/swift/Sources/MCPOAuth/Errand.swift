// What does a caller want, and what does it get?

import Foundation
import MCPOAuthMachine

/// What a caller wants.
enum Errand: Sendable {
    case signIn
    /// If it is due, for a request like this.
    case refresh(method: String, url: String)
    case recover(Challenge)
    case signOut(forgetClient: Bool)
    case provide(ProvidedTokens)
    /// What the flow under way ends with.
    case outcome
    /// The end of a sign-in that begins with this callback.
    case finish(Callback)
}

/// What a caller gets.
enum Settled: Sendable {
    case done
    case recovered(Recovery)
}

struct PendingErrand {
    var number: UInt64
    var errand: Errand
    /// How many flows had ended when it was asked for.
    var ended: UInt64
    /// `nil` once the caller has lost interest.
    var answered: CheckedContinuation<Settled, any Error>?
}

private let numbers = Locked<UInt64>(0)

extension Driver {
    /// Waits for the flow under way, and begins one of its own if that has not served this errand too. A caller that is
    /// cancelled leaves at once; the flow is cancelled with the last of them.
    func settle(_ errand: Errand) async throws -> Settled {
        let number = numbers.withLock { count in
            count += 1
            return count
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                // What a flow ends with that is only cleared away by now is none of this caller's business.
                let isOver = isRunning && (isCancelled || next.id == nil)
                errands.append(
                    PendingErrand(
                        number: number, errand: errand, ended: isOver ? ended + 1 : ended, answered: continuation))
                if !isRunning {
                    isRunning = true
                    // Not the caller's own task: no answer of a server is lost when that is cancelled.
                    Task { await self.serve() }
                }
            }
        } onCancel: {
            Task { await self.abandon(number) }
        }
    }

    private func serve() async {
        while let first = errands.first {
            let result: Result<Settled, any Error>
            do {
                result = .success(try await perform(first.errand, askedAfter: first.ended))
            } catch {
                result = .failure(error)
            }
            // Only its caller's interest can have changed meanwhile.
            errands.removeFirst().answered?.resume(with: result)
        }
        isRunning = false
    }

    private func abandon(_ number: UInt64) {
        guard let place = errands.firstIndex(where: { $0.number == number }) else { return }
        errands[place].answered?.resume(throwing: CancellationError())
        errands[place].answered = nil
        // The first is under way.
        if place > 0 { errands.remove(at: place) }
        if errands.allSatisfy({ $0.answered == nil }) { cancel() }
    }

    private func perform(_ errand: Errand, askedAfter before: UInt64) async throws -> Settled {
        if case .signOut(let forgetClient) = errand {
            try await tellAndRun { try $0.signOut(forgetClient: forgetClient, nowMs: $1) }
            return .done
        }
        if case .provide(let tokens) = errand {
            // What cannot be read is no reason not to write.
            if next.id != nil { try? await run() }
            if case .failure(let misuse) = tell({ try $0.tokensProvided(tokens: tokens, nowMs: $1) }) {
                throw OAuthError.badTokens(misuse.words)
            }
            try await run()
            return .done
        }
        if before != ended {
            // Theirs was ours: a second try would ask the user the same again.
            try last.get()
        }
        if case .finish(let callback) = errand {
            guard takes(callback) else { throw OAuthError.noPendingSignIn }
        }
        if next.id != nil {
            // The stored credentials have not been read yet, or a sign-in is to be finished.
            try await run()
        }
        switch errand {
        case .signIn:
            try await tellAndRun { try $0.connect(nowMs: $1) }
            return .done
        case .refresh(let method, let url):
            if case .refreshDue? = try? machine.requestHeaders(method: method, url: url, nowMs: now()) {
                try await tellAndRun { try $0.refresh(nowMs: $1) }
            }
            return .done
        case .recover(let challenge): return .recovered(try await recover(from: challenge))
        case .signOut, .provide, .outcome, .finish: return .done
        }
    }

    private func recover(from challenge: Challenge) async throws -> Recovery {
        let outcome = try await tellAndRun {
            try $0.challenge(
                status: UInt16(clamping: challenge.status),
                wwwAuthenticate: challenge.wwwAuthenticate.map { Data($0.utf8) },
                generation: challenge.generation, nowMs: $1)
        }
        switch outcome {
        case .superseded: return .retry
        case .advanced, .joined:
            if case .authorized = next { return .retry }
            return .notAuthorization
        default: return .notAuthorization
        }
    }

    @discardableResult
    private func tellAndRun(_ event: (Machine, UInt64) throws -> Step) async throws -> Outcome {
        // These events answer nothing, and so cannot be misused.
        guard case .success(let outcome) = tell(event) else { return .nothingToDo }
        if outcome == .advanced || outcome == .joined { try await run() }
        return outcome
    }
}
