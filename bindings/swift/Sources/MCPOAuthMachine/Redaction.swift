// How is a secret kept out of `dump` and out of everything else that reflects?

// The generated descriptions leave secrets out already; reflection would show each stored property all the same.

extension Next: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension RequestHeaders: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Settings: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Preregistered: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension IdentityProvider: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension DpopKey: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension ProvidedTokens: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}
