// How is a folder kept that only its owner can read, in which a write is whole or not at all?

import Foundation

/// A private folder.
struct Directory: Sendable {
    private let path: String
    /// Where waiting for another process blocks nobody else.
    private let queue = DispatchQueue(label: "mcp-oauth.store", attributes: .concurrent)

    /// The folder at this path, made with mode 0700 if need be, and closed to others if it was open to them.
    init(_ path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw failed("could not be made", path)
        }
        var status = stat()
        guard stat(path, &status) == 0 else { throw failed("could not be read", path) }
        if status.st_mode & 0o077 != 0 {
            guard chmod(path, 0o700) == 0 else { throw failed("could not be closed to others", path) }
        }
    }

    /// Works in the folder while no other process does.
    func locked<Result: Sendable>(_ work: @escaping @Sendable (Open) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(
                    with: Swift.Result {
                        let lock = try Descriptor(opening: path + "/.lock", in: path)
                        defer { lock.close() }
                        guard lock.lock() else { throw failed("could not be locked", path) }
                        return try work(Open(path: path))
                    })
            }
        }
    }

    /// The folder while it is locked.
    struct Open {
        fileprivate let path: String

        /// The content of a file, if there is one.
        func read(_ name: String) throws -> Data? {
            let file = path + "/" + name
            guard access(file, F_OK) == 0 else { return nil }
            // `FileManager` and `Data(contentsOf:)` lose a page of memory on Linux for each file that is empty.
            guard let handle = FileHandle(forReadingAtPath: file) else { throw failed("could not be read", path) }
            do {
                return try handle.readToEnd() ?? Data()
            } catch {
                throw failed("could not be read", path)
            }
        }

        /// Replaces a file as a whole; on disk when this returns.
        func write(_ name: String, _ bytes: Data) throws {
            // A fixed name: the lock is held, and what a crash left behind is overwritten.
            let draft = path + "/.draft"
            let file = try Descriptor(opening: draft, in: path)
            defer { file.close() }
            guard file.replaceContent(with: bytes), rename(draft, path + "/" + name) == 0, sync() else {
                throw failed("could not be written", path)
            }
        }

        /// Removes a file.
        func remove(_ name: String) throws {
            guard unlink(path + "/" + name) == 0, sync() else { throw failed("could not be written", path) }
        }

        /// The names of the files, without those that are for the folder's own use.
        func names() throws -> [String] {
            do {
                return try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }
            } catch {
                throw failed("could not be listed", path)
            }
        }

        /// A rename is durable once the folder is.
        private func sync() -> Bool {
            let folder = open(path, O_RDONLY)
            guard folder >= 0 else { return false }
            defer { close(folder) }
            return fsync(folder) == 0
        }
    }
}

/// An open file that only its owner can read.
struct Descriptor: Sendable {
    private let number: Int32

    fileprivate init(opening file: String, in path: String) throws {
        number = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw failed("could not be opened", path) }
    }

    fileprivate func lock() -> Bool {
        var status: Int32
        repeat {
            status = flock(number, LOCK_EX)
        } while status != 0 && errno == EINTR
        return status == 0
    }

    fileprivate func replaceContent(with bytes: Data) -> Bool {
        guard ftruncate(number, 0) == 0 else { return false }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return fsync(number) == 0
    }

    func close() {
        #if canImport(Glibc)
            _ = Glibc.close(number)
        #else
            _ = Darwin.close(number)
        #endif
    }
}

private func failed(_ what: String, _ path: String) -> StoreError {
    StoreError("the folder \(path) \(what): \(String(cString: strerror(errno)))")
}
