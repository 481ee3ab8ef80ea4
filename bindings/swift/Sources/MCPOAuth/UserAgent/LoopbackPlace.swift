// On which redirect URIs can be listened here?

import Foundation

/// A redirect URI that can be listened on: http on loopback. Port 0 stands for any free one.
struct LoopbackPlace {
    private static let ipv4 = "127.0.0.1"
    private static let ipv6 = "[::1]"
    private static let name = "localhost"

    private let host: String
    var port: UInt16
    private let pathAndQuery: String

    /// `nil` for a redirect URI that nobody can listen on here.
    init?(_ uri: String) {
        guard uri.hasPrefix("http://") else { return nil }
        let rest = uri.dropFirst("http://".count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        guard let host = [Self.ipv4, Self.ipv6, Self.name].first(where: { authority.hasPrefix($0) }) else { return nil }
        let port = authority.dropFirst(host.count)
        if port.isEmpty {
            self.port = 80
        } else {
            guard port.hasPrefix(":"), let number = UInt16(port.dropFirst()) else { return nil }
            self.port = number
        }
        self.host = host
        pathAndQuery = String(rest[end...])
    }

    /// As a browser asks for it: an empty path is a slash there (RFC 9110 §4.2.3).
    var requestPath: String {
        let path = pathAndQuery.prefix { $0 != "?" }
        return path.isEmpty ? "/" : String(path)
    }

    /// As browsers write it: without the port where it is the scheme's own (RFC 9110 §7.2).
    func authority(at port: UInt16) -> String {
        port == 80 ? host : "\(host):\(port)"
    }

    func uri(at port: UInt16) -> String {
        "http://\(authority(at: port))\(pathAndQuery)"
    }

    /// Takes the port on loopback: the listening sockets, and the port.
    func listen() throws -> (sockets: [ListeningSocket], port: UInt16) {
        switch host {
        case Self.ipv4:
            let socket = try ListeningSocket(.ipv4, port: port)
            return ([socket], socket.port)
        case Self.ipv6:
            let socket = try ListeningSocket(.ipv6, port: port)
            return ([socket], socket.port)
        default: return try listenOnBoth()
        }
    }

    /// `localhost` is either family, as the browser likes: nobody else may have the other one.
    private func listenOnBoth() throws -> (sockets: [ListeningSocket], port: UInt16) {
        let attempts = port == 0 ? 8 : 1
        for _ in 0..<attempts {
            let ipv4 = try ListeningSocket(.ipv4, port: port)
            do {
                return ([ipv4, try ListeningSocket(.ipv6, port: ipv4.port)], ipv4.port)
            } catch let error as ListeningSocket.Failed where error.code != EADDRINUSE {
                return ([ipv4], ipv4.port)
            } catch {
                ipv4.close()
            }
        }
        throw ListeningSocket.Failed(code: EADDRINUSE)
    }
}

/// A socket that listens on loopback, without blocking.
struct ListeningSocket: Sendable {
    enum Family { case ipv4, ipv6 }

    struct Failed: Error { var code: Int32 }

    let descriptor: Int32
    let port: UInt16

    init(_ family: Family, port: UInt16) throws {
        descriptor = socket(family == .ipv4 ? AF_INET : AF_INET6, streamSocket, 0)
        guard descriptor >= 0 else { throw Failed(code: errno) }
        do {
            self.port = try Self.bind(descriptor, family, port)
        } catch {
            shut(descriptor)
            throw error
        }
    }

    func close() {
        shut(descriptor)
    }

    private static func bind(_ descriptor: Int32, _ family: Family, _ port: UInt16) throws -> UInt16 {
        // A browser started from here must not inherit the port.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        switch family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return try take(descriptor, &address) { UInt16(bigEndian: $0.sin_port) }
        case .ipv6:
            setsockopt(descriptor, ipv6Level, IPV6_V6ONLY, &yes, socklen_t(MemoryLayout<Int32>.size))
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = in6addr_loopback
            return try take(descriptor, &address) { UInt16(bigEndian: $0.sin6_port) }
        }
    }

    /// Binds, listens, and says at which port.
    private static func take<Address>(
        _ descriptor: Int32, _ address: inout Address, port: (Address) -> UInt16
    ) throws -> UInt16 {
        var length = socklen_t(MemoryLayout<Address>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { addresses -> Int32 in
                let place = addresses.baseAddress!
                guard systemBind(descriptor, place, length) == 0, systemListen(descriptor, 32) == 0 else { return -1 }
                return getsockname(descriptor, place, &length)
            }
        }
        guard status == 0 else { throw Failed(code: errno) }
        return port(address)
    }
}

#if canImport(Glibc)
    private let ipv6Level = Int32(IPPROTO_IPV6)
#else
    private let ipv6Level = IPPROTO_IPV6
#endif

// The type's own members have the names of these.
private let systemBind = bind(_:_:_:)
private let systemListen = listen(_:_:)

/// Closes a descriptor.
func shut(_ descriptor: Int32) {
    _ = close(descriptor)
}
