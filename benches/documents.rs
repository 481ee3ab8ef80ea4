//! What do the servers of the measured flow say? Documents of the size and shape of public MCP servers.

/// The MCP server.
pub(crate) const SERVER: &str = "https://mcp.example.com/mcp";

/// Where its metadata is.
pub(crate) const RESOURCE_METADATA_URL: &str =
    "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

/// Where the metadata of its authorization server is.
pub(crate) const SERVER_METADATA_URL: &str =
    "https://auth.example.com/.well-known/oauth-authorization-server";

/// Its answer to a request without a token.
pub(crate) const CHALLENGE: &str = concat!(
    r#"Bearer realm="OAuth", error="invalid_token", error_description="No token was sent", "#,
    r#"resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", "#,
    r#"scope="notes:read notes:write""#
);

/// 394 bytes.
pub(crate) const RESOURCE_METADATA: &str = concat!(
    r#"{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://auth.example.com"],"#,
    r#""scopes_supported":["notes:read","notes:write","notes:share","folders:read","folders:write","#,
    r#""members:read","members:invite","audit:read"],"bearer_methods_supported":["header"],"#,
    r#""resource_name":"Example Notes","resource_documentation":"https://docs.example.com/notes/mcp","#,
    r#""resource_policy_uri":"https://example.com/policy"}"#
);

/// 1079 bytes.
pub(crate) const SERVER_METADATA: &str = concat!(
    r#"{"issuer":"https://auth.example.com","#,
    r#""authorization_endpoint":"https://auth.example.com/oauth/authorize","#,
    r#""token_endpoint":"https://auth.example.com/oauth/token","#,
    r#""registration_endpoint":"https://auth.example.com/oauth/register","#,
    r#""revocation_endpoint":"https://auth.example.com/oauth/token/revoke","#,
    r#""introspection_endpoint":"https://auth.example.com/oauth/token/introspect","#,
    r#""scopes_supported":["notes:read","notes:write","notes:share","openid","email","offline_access"],"#,
    r#""response_types_supported":["code"],"response_modes_supported":["query"],"#,
    r#""grant_types_supported":["authorization_code","refresh_token","#,
    r#""urn:ietf:params:oauth:grant-type:jwt-bearer"],"#,
    r#""authorization_grant_profiles_supported":["urn:ietf:params:oauth:grant-profile:id-jag"],"#,
    r#""token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post","none"],"#,
    r#""code_challenge_methods_supported":["plain","S256"],"#,
    r#""authorization_response_iss_parameter_supported":true,"#,
    r#""client_id_metadata_document_supported":true,"#,
    r#""service_documentation":"https://docs.example.com/notes/oauth"}"#
);

/// The redirect URI, as it was bound.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:49152/callback";

/// The answer to a registration.
pub(crate) const REGISTRATION: &str = concat!(
    r#"{"client_id":"c2f6a1de-5b0f-4d6c-9a53-0b6f7f6f2f10","client_id_issued_at":1800000000,"#,
    r#""client_name":"MCP client","redirect_uris":["http://127.0.0.1:49152/callback"],"#,
    r#""grant_types":["authorization_code","refresh_token"],"response_types":["code"],"#,
    r#""token_endpoint_auth_method":"none","application_type":"native","#,
    r#""scope":"notes:read notes:write offline_access"}"#
);

/// What comes back with the user, all but the `state`.
pub(crate) const CALLBACK: &str =
    "code=SplxlOBeZQQYbYS6WxSbIA-3k9&iss=https%3A%2F%2Fauth.example.com&state=";

/// The answer to a code and to a refresh token.
pub(crate) const TOKENS: &str = concat!(
    r#"{"access_token":"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJhdWQiOiJodHRw"#,
    r#"czovL21jcC5leGFtcGxlLmNvbS9tY3AiLCJzdWIiOiI0MiIsImV4cCI6MTgwMDAwMzYwMH0.c2lnbmF0dXJl","#,
    r#""token_type":"Bearer","expires_in":3600,"refresh_token":"rt_9f8e7d6c5b4a39281706f5e4d3c2b1a0","#,
    r#""scope":"notes:read notes:write offline_access"}"#
);
