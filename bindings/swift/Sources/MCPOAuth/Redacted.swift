// How is a value with a secret in it shown?

/// Shown by its `description` alone, in string interpolation, in the debugger's output and in `dump`.
protocol Redacted: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {}

extension Redacted {
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
