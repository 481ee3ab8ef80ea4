// swift-tools-version: 6.0
import PackageDescription

// `generate` makes the library in `lib`, the module `mcp_oauthFFI` and the Swift that calls it. In a release `xcframework`
// has put a binary target in their place.
let package = Package(
    name: "MCPOAuth",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [
        .library(name: "MCPOAuth", targets: ["MCPOAuth"]),
        .library(name: "MCPOAuthMachine", targets: ["MCPOAuthMachine"]),
    ],
    targets: [
        .systemLibrary(name: "mcp_oauthFFI"),
        .target(
            name: "MCPOAuthMachine",
            dependencies: ["mcp_oauthFFI"],
            linkerSettings: [
                .unsafeFlags(["-L\(Context.packageDirectory)/lib"]),
                .linkedLibrary("mcp_oauth_ffi"),
            ]
        ),
        .target(name: "CCurl"),
        .target(name: "CCrypto"),
        .target(
            name: "MCPOAuth",
            dependencies: [
                "MCPOAuthMachine",
                .target(name: "CCurl", condition: .when(platforms: [.linux])),
                .target(name: "CCrypto", condition: .when(platforms: [.linux])),
            ]
        ),
        // What follows is for this package alone.
        .target(name: "TestHost", dependencies: ["MCPOAuth"], path: "Tests/TestHost"),
        .executableTarget(
            name: "conformance-client", dependencies: ["MCPOAuth", "TestHost"], path: "Tests/ConformanceClient"),
        .executableTarget(name: "browser", dependencies: ["TestHost"], path: "Tests/Browser"),
        .executableTarget(
            name: "bench", dependencies: ["MCPOAuth", "MCPOAuthMachine", "TestHost"], path: "Tests/Bench"),
        .testTarget(name: "MCPOAuthTests", dependencies: ["MCPOAuth", "MCPOAuthMachine", "TestHost"]),
        .testTarget(name: "TranscriptTests", dependencies: ["MCPOAuthMachine"]),
    ]
)
