// How are the settings of a transcript given to a configuration?

import MCPOAuthMachine

struct Unreadable: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The members of an object, each of which has to be asked for.
private struct Members {
    private var left: [String: JSON]

    init(_ value: JSON) throws {
        guard let object = value.object else { throw Unreadable("\(value.text) is no object") }
        left = object
    }

    mutating func take(_ name: String) -> JSON? {
        let value = left.removeValue(forKey: name)
        return value == .null ? nil : value
    }

    func end() throws {
        guard left.isEmpty else { throw Unreadable("unknown members: \(left.keys.sorted())") }
    }
}

func settings(_ value: JSON) throws -> Settings {
    var members = try Members(value)
    var settings = Settings(serverUrl: members.take("server_url")?.string ?? "")
    settings.userAgent = members.take("user_agent")?.string ?? "transcript"
    settings.reach = try members.take("reach").map(reach)
    members.take("client_name")?.string.map { settings.clientName = $0 }
    settings.clientUri = members.take("client_uri")?.string
    settings.logoUri = members.take("logo_uri")?.string
    settings.softwareId = members.take("software_id")?.string
    settings.softwareVersion = members.take("software_version")?.string
    settings.softwareStatement = members.take("software_statement")?.string
    settings.initialAccessToken = members.take("initial_access_token")?.string
    settings.preregistered = try members.take("preregistered").map(preregistered)
    settings.clientKey = members.take("client_key")?.text
    members.take("assertion_typ")?.string.map { settings.assertionTyp = $0 }
    settings.clientDocument = try members.take("client_document").map(clientDocument)
    members.take("dynamic_registration")?.bool.map { settings.dynamicRegistration = $0 }
    members.take("ask_for_client")?.bool.map { settings.askForClient = $0 }
    members.take("redirect_uri")?.string.map { settings.redirectUri = $0 }
    members.take("private_scheme_redirect")?.bool.map { settings.privateSchemeRedirect = $0 }
    if let grant = members.take("grant") { settings.grant = try grantType(grant) }
    members.take("pushed_authorization")?.bool.map { settings.pushedAuthorization = $0 }
    if let dpop = members.take("dpop") { settings.dpop = try dpopUse(dpop) }
    settings.dpopKeys = try (members.take("dpop_keys")?.array ?? []).map(dpopKey)
    settings.identityProvider = try members.take("identity_provider").map(identityProvider)
    settings.workloadAudience = members.take("workload_audience")?.string
    members.take("revoke_on_sign_out")?.bool.map { settings.revokeOnSignOut = $0 }
    settings.scopes = members.take("scopes")?.strings
    members.take("offline_access")?.bool.map { settings.offlineAccess = $0 }
    settings.authorizeParameters = parameters(members.take("authorize_parameters"))
    settings.tokenParameters = parameters(members.take("token_parameters"))
    settings.authorizationServer = members.take("authorization_server")?.string
    members.take("require_issuer_identification")?.bool.map { settings.requireIssuerIdentification = $0 }
    if let given = members.take("deviations") { settings.deviations = try deviations(given) }
    members.take("refresh_skew_ms")?.whole.map { settings.refreshSkewMs = $0 }
    members.take("sign_in_timeout_ms")?.whole.map { settings.signInTimeoutMs = $0 }
    members.take("protocol_version")?.string.map { settings.protocolVersion = $0 }
    try members.end()
    return settings
}

private func reach(_ value: JSON) throws -> Reach {
    switch value {
    case "public": .public
    case "private": .private
    case "loopback": .loopback
    default: throw Unreadable("unknown reach \(value.text)")
    }
}

func authMethod(_ value: JSON) throws -> AuthMethod {
    switch value {
    case "none": .public
    case "client_secret_basic": .clientSecretBasic
    case "client_secret_post": .clientSecretPost
    case "private_key_jwt": .privateKeyJwt
    default: throw Unreadable("unknown method \(value.text)")
    }
}

private func preregistered(_ value: JSON) throws -> Preregistered {
    var members = try Members(value)
    let client = Preregistered(
        issuer: members.take("issuer")?.string ?? "",
        clientId: members.take("client_id")?.string ?? "",
        clientSecret: members.take("client_secret")?.string,
        authMethod: try members.take("auth_method").map(authMethod),
        endpoints: try members.take("endpoints").map(endpoints))
    try members.end()
    return client
}

private func endpoints(_ value: JSON) throws -> GivenEndpoints {
    var members = try Members(value)
    let endpoints = GivenEndpoints(
        authorization: members.take("authorization")?.string ?? "",
        token: members.take("token")?.string ?? "",
        resource: members.take("resource")?.string)
    try members.end()
    return endpoints
}

private func clientDocument(_ value: JSON) throws -> ClientDocument {
    var members = try Members(value)
    let document = ClientDocument(
        url: members.take("url")?.string ?? "", redirectUris: members.take("redirect_uris")?.strings ?? [],
        authMethod: try members.take("auth_method").map(authMethod))
    try members.end()
    return document
}

private func grantType(_ value: JSON) throws -> GrantType {
    let all: [GrantType] = [.authorizationCode, .deviceCode, .clientCredentials, .workloadIdentity, .enterpriseManaged]
    guard let grant = all.first(where: { snake("\($0)") == value.string }) else {
        throw Unreadable("unknown grant \(value.text)")
    }
    return grant
}

private func dpopUse(_ value: JSON) throws -> DpopUse {
    let all: [DpopUse] = [.never, .whenSupported, .always]
    guard let use = all.first(where: { snake("\($0)") == value.string }) else {
        throw Unreadable("unknown use of DPoP \(value.text)")
    }
    return use
}

private func dpopKey(_ value: JSON) throws -> DpopKey {
    var members = try Members(value)
    let key = DpopKey(key: members.take("key")?.text ?? "", issuer: members.take("issuer")?.string)
    try members.end()
    return key
}

private func identityProvider(_ value: JSON) throws -> IdentityProvider {
    var members = try Members(value)
    let provider = IdentityProvider(
        issuer: members.take("issuer")?.string ?? "", tokenEndpoint: members.take("token_endpoint")?.string ?? "",
        clientId: members.take("client_id")?.string ?? "", clientSecret: members.take("client_secret")?.string,
        authMethod: try members.take("auth_method").map(authMethod))
    try members.end()
    return provider
}

private func parameters(_ value: JSON?) -> [Parameter] {
    (value?.array ?? []).compactMap(\.strings).filter { $0.count == 2 }.map { Parameter(name: $0[0], value: $0[1]) }
}

private func deviations(_ value: JSON) throws -> Deviations {
    var members = try Members(value)
    let deviations = Deviations(
        pinnedIssuer: members.take("pinned_issuer")?.strings.map { IssuerPair(asked: $0[0], published: $0[1]) },
        allowResource: members.take("allow_resource")?.string,
        sameOriginMetadata: members.take("same_origin_metadata")?.bool ?? false,
        assumeS256: members.take("assume_s256")?.bool ?? false,
        omitResource: members.take("omit_resource")?.bool ?? false,
        retryRefreshWithoutResource: members.take("retry_refresh_without_resource")?.bool ?? false,
        defaultEndpoints: members.take("default_endpoints")?.bool ?? false,
        assumeIdJag: members.take("assume_id_jag")?.bool ?? false,
        extraIss: members.take("extra_iss")?.string,
        sameOriginEndpoints: members.take("same_origin_endpoints")?.bool ?? false)
    try members.end()
    return deviations
}
