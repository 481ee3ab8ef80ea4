//! How does C write down its settings?

use mcp_oauth_core as core;

use super::boundary::{guard, numbered, pointer};
use super::exclusive::Exclusive;
use super::slice::Slice;
use super::status::Status;

/// Settings that are being written down. `mcp_oauth_config_new` checks them.
pub struct SettingsHandle(pub(super) Exclusive<core::Settings>);

/// Settings that are text. Each is described where the value goes; what is not set has the default said there.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum TextSetting {
    /// The MCP server's URL, as the user gave it. The one setting without a default.
    ServerUrl = 1,
    /// `client_name` of a dynamic registration: plain, and without the brand of any server. Default: `MCP client`.
    ClientName = 2,
    /// `client_uri` of a dynamic registration.
    ClientUri = 3,
    /// `logo_uri` of a dynamic registration.
    LogoUri = 4,
    /// `software_id` of a dynamic registration.
    SoftwareId = 5,
    /// `software_version` of a dynamic registration.
    SoftwareVersion = 6,
    /// Signed statement about the client software (RFC 7591 §2.3). Needs the authorization server. Secret.
    SoftwareStatement = 7,
    /// Bearer token for a protected registration endpoint (RFC 7591 §1.2). Needs the authorization server. Secret.
    InitialAccessToken = 8,
    /// The redirect URI to listen on; port 0 stands for any free port. Default: `http://127.0.0.1:0/callback`.
    RedirectUri = 9,
    /// Which of several authorization servers to use.
    AuthorizationServer = 10,
    /// `MCP-Protocol-Version` to send with discovery requests. Default: `2026-07-28`.
    ProtocolVersion = 11,
    /// `User-Agent` to send. Default: the name and version of this library.
    UserAgent = 12,
    /// A client registered beforehand: the issuer that it is registered with. Needs the client identifier too.
    PreregisteredIssuer = 13,
    /// A client registered beforehand: its identifier. Needs the issuer too.
    PreregisteredClientId = 14,
    /// A client registered beforehand: its secret, if there is one. Secret.
    PreregisteredClientSecret = 15,
    /// A client registered beforehand: where the user signs in, if known. Needs the token endpoint too; then no discovery
    /// happens.
    PreregisteredAuthorizationEndpoint = 16,
    /// A client registered beforehand: where codes and refresh tokens are redeemed, if known.
    PreregisteredTokenEndpoint = 17,
    /// With endpoints: the resource to ask tokens for. Default: the server URL without its query.
    PreregisteredResource = 18,
    /// The URL of a client ID metadata document that you publish, which is the client identifier. Needs its redirect URIs.
    ClientDocumentUrl = 19,
    /// Deviation `allow_resource`: a `resource` of the metadata to accept although it does not cover the server URL.
    AllowResource = 20,
    /// Deviation `extra_iss`: a further `iss` to accept in the authorization response.
    ExtraIss = 21,
}

numbered!(TextSetting: ServerUrl ClientName ClientUri LogoUri SoftwareId SoftwareVersion SoftwareStatement
    InitialAccessToken RedirectUri AuthorizationServer ProtocolVersion UserAgent PreregisteredIssuer
    PreregisteredClientId PreregisteredClientSecret PreregisteredAuthorizationEndpoint PreregisteredTokenEndpoint
    PreregisteredResource ClientDocumentUrl AllowResource ExtraIss);

/// Settings that are on or off.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum FlagSetting {
    /// Whether to register dynamically where the server offers it. Default: on.
    DynamicRegistration = 1,
    /// Whether to ask the host for a client when nothing else is left. Default: off.
    AskForClient = 2,
    /// Whether a private-use URI scheme may be the redirect URI (RFC 8252 §7.1). Default: off.
    PrivateSchemeRedirect = 3,
    /// Whether to add `offline_access` where the authorization server lists it. Default: on.
    OfflineAccess = 4,
    /// Whether to refuse authorization servers that do not identify themselves in responses (RFC 9207). Default: off.
    RequireIssuerIdentification = 5,
    /// Deviation, stricter: ignore a challenge's metadata URL on another origin. Default: off, like the following ones.
    SameOriginMetadata = 6,
    /// Deviation: go on where the server does not say which PKCE methods it supports.
    AssumeS256 = 7,
    /// Deviation: send no `resource` parameter at all.
    OmitResource = 8,
    /// Deviation: when a refresh is refused with `invalid_request` or `invalid_target`, try once more without `resource`.
    RetryRefreshWithoutResource = 9,
    /// Deviation: use `/authorize`, `/token` and `/register` of a server that publishes no metadata (2025-03-26).
    DefaultEndpoints = 10,
    /// Deviation, stricter: refuse endpoints on another origin than the issuer.
    SameOriginEndpoints = 11,
}

numbered!(FlagSetting: DynamicRegistration AskForClient PrivateSchemeRedirect OfflineAccess RequireIssuerIdentification
    SameOriginMetadata AssumeS256 OmitResource RetryRefreshWithoutResource DefaultEndpoints SameOriginEndpoints);

/// Settings that are numbers.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum NumberSetting {
    /// A `mcp_oauth_reach`: which addresses requests may reach. Default: what the server URL itself is.
    Reach = 1,
    /// How long before expiry a token counts as due for refresh, in milliseconds. Default: 60000.
    RefreshSkewMs = 2,
    /// How long a sign-in may take before it is given up, in milliseconds. Default: 600000.
    SignInTimeoutMs = 3,
    /// A client registered beforehand: a `mcp_oauth_auth_method`. Default: what the server supports.
    PreregisteredAuthMethod = 4,
}

numbered!(NumberSetting: Reach RefreshSkewMs SignInTimeoutMs PreregisteredAuthMethod);

/// Settings that are lists of text.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ListSetting {
    /// Scopes to ask for instead of those that the server names.
    Scopes = 1,
    /// The redirect URIs that the client ID metadata document lists.
    ClientDocumentRedirectUris = 2,
}

numbered!(ListSetting: Scopes ClientDocumentRedirectUris);

/// Settings that are pairs of texts.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum PairSetting {
    /// A further parameter of the authorization request: name and value. Each call adds one.
    AuthorizeParameter = 1,
    /// A further parameter of token requests: name and value. Each call adds one.
    TokenParameter = 2,
    /// Deviation `pinned_issuer`: the issuer asked for, and the issuer that its metadata publishes instead.
    PinnedIssuer = 3,
}

numbered!(PairSetting: AuthorizeParameter TokenParameter PinnedIssuer);

/// Which addresses requests may reach, from narrow to wide.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum Reach {
    /// No request.
    None = 0,
    /// Public addresses only.
    Public = 1,
    /// Private networks and shared (carrier-grade NAT) space too.
    Private = 2,
    /// Loopback too; the only reach at which plain http is possible.
    Loopback = 3,
}

numbered!(Reach: None Public Private Loopback);

impl From<core::Reach> for Reach {
    fn from(reach: core::Reach) -> Self {
        match reach {
            core::Reach::Public => Self::Public,
            core::Reach::Private => Self::Private,
            core::Reach::Loopback => Self::Loopback,
        }
    }
}

impl Reach {
    /// The reach that a number names; no reach is none to ask for.
    pub(super) fn wanted(number: i32) -> Result<core::Reach, Status> {
        match Self::read(number)? {
            Self::None => Err(Status::BadArgument),
            Self::Public => Ok(core::Reach::Public),
            Self::Private => Ok(core::Reach::Private),
            Self::Loopback => Ok(core::Reach::Loopback),
        }
    }
}

/// A way to authenticate the client at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`).
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum AuthMethod {
    /// Chosen by what the server supports.
    Unsaid = 0,
    /// `none`: a public client.
    None = 1,
    /// `client_secret_basic`.
    ClientSecretBasic = 2,
    /// `client_secret_post`.
    ClientSecretPost = 3,
}

numbered!(AuthMethod: Unsaid None ClientSecretBasic ClientSecretPost);

impl From<AuthMethod> for Option<core::AuthMethod> {
    fn from(method: AuthMethod) -> Self {
        match method {
            AuthMethod::Unsaid => None,
            AuthMethod::None => Some(core::AuthMethod::None),
            AuthMethod::ClientSecretBasic => Some(core::AuthMethod::ClientSecretBasic),
            AuthMethod::ClientSecretPost => Some(core::AuthMethod::ClientSecretPost),
        }
    }
}

/// New settings, all with their defaults. Give them back with `mcp_oauth_settings_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_new(out: *mut *mut SettingsHandle) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let out = unsafe { pointer::out(out)? };
        let settings = Exclusive::new(core::Settings::default());
        *out = Box::into_raw(Box::new(SettingsHandle(settings)));
        Ok(())
    })
}

/// Frees settings and sets `*settings` to NULL. Configurations made from them live on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_free(settings: *mut *mut SettingsHandle) -> Status {
    // SAFETY: the head of the header.
    guard(|| unsafe { pointer::free(settings, |handle| handle.0.close()) })
}

/// Sets a `mcp_oauth_text_setting`. The text is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_text(
    settings: *mut SettingsHandle,
    setting: i32,
    value: Slice,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (settings, value) = unsafe { (pointer::shared(settings)?, value.utf8()?) };
        set_text(
            &mut *settings.0.enter()?,
            TextSetting::read(setting)?,
            value,
        );
        Ok(())
    })
}

/// Turns a `mcp_oauth_flag_setting` on (anything but 0) or off (0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_flag(
    settings: *mut SettingsHandle,
    setting: i32,
    on: i32,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let settings = unsafe { pointer::shared(settings)? };
        *flag(&mut *settings.0.enter()?, FlagSetting::read(setting)?) = on != 0;
        Ok(())
    })
}

/// Sets a `mcp_oauth_number_setting`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_number(
    settings: *mut SettingsHandle,
    setting: i32,
    value: u64,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let settings = unsafe { pointer::shared(settings)? };
        let mut settings = settings.0.enter()?;
        let number = || i32::try_from(value).map_err(|_| Status::BadArgument);
        match NumberSetting::read(setting)? {
            NumberSetting::Reach => settings.reach = Some(Reach::wanted(number()?)?),
            NumberSetting::RefreshSkewMs => settings.refresh_skew_ms = value,
            NumberSetting::SignInTimeoutMs => settings.sign_in_timeout_ms = value,
            NumberSetting::PreregisteredAuthMethod => {
                let method = AuthMethod::read(number()?)?;
                preregistered(&mut settings).auth_method = method.into();
            }
        }
        Ok(())
    })
}

/// Sets a `mcp_oauth_list_setting` to the empty list, which is not the same as leaving it alone: without scopes, none are
/// asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_list(
    settings: *mut SettingsHandle,
    setting: i32,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let settings = unsafe { pointer::shared(settings)? };
        list(&mut *settings.0.enter()?, ListSetting::read(setting)?).clear();
        Ok(())
    })
}

/// Adds an item to a `mcp_oauth_list_setting`. The text is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_item(
    settings: *mut SettingsHandle,
    setting: i32,
    value: Slice,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (settings, value) = unsafe { (pointer::shared(settings)?, value.utf8()?) };
        list(&mut *settings.0.enter()?, ListSetting::read(setting)?).push(value.to_owned());
        Ok(())
    })
}

/// Sets or adds a `mcp_oauth_pair_setting`. The texts are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_pair(
    settings: *mut SettingsHandle,
    setting: i32,
    first: Slice,
    second: Slice,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (settings, first, second) =
            unsafe { (pointer::shared(settings)?, first.utf8()?, second.utf8()?) };
        let mut settings = settings.0.enter()?;
        let pair = (first.to_owned(), second.to_owned());
        match PairSetting::read(setting)? {
            PairSetting::AuthorizeParameter => settings.authorize_parameters.push(pair),
            PairSetting::TokenParameter => settings.token_parameters.push(pair),
            PairSetting::PinnedIssuer => settings.deviations.pinned_issuer = Some(pair),
        }
        Ok(())
    })
}

fn set_text(settings: &mut core::Settings, setting: TextSetting, value: &str) {
    // Each where it is needed: a secret must have no second copy that nobody wipes.
    let text = || value.to_owned();
    let secret = || Some(core::Secret::new(value));
    match setting {
        TextSetting::ServerUrl => settings.server_url = text(),
        TextSetting::ClientName => settings.client_name = text(),
        TextSetting::ClientUri => settings.client_uri = Some(text()),
        TextSetting::LogoUri => settings.logo_uri = Some(text()),
        TextSetting::SoftwareId => settings.software_id = Some(text()),
        TextSetting::SoftwareVersion => settings.software_version = Some(text()),
        TextSetting::SoftwareStatement => settings.software_statement = secret(),
        TextSetting::InitialAccessToken => settings.initial_access_token = secret(),
        TextSetting::RedirectUri => settings.redirect_uri = text(),
        TextSetting::AuthorizationServer => settings.authorization_server = Some(text()),
        TextSetting::ProtocolVersion => settings.protocol_version = text(),
        TextSetting::UserAgent => settings.user_agent = text(),
        TextSetting::PreregisteredIssuer => preregistered(settings).issuer = text(),
        TextSetting::PreregisteredClientId => preregistered(settings).client_id = text(),
        TextSetting::PreregisteredClientSecret => preregistered(settings).client_secret = secret(),
        TextSetting::PreregisteredAuthorizationEndpoint => {
            endpoints(settings).authorization = text();
        }
        TextSetting::PreregisteredTokenEndpoint => endpoints(settings).token = text(),
        TextSetting::PreregisteredResource => endpoints(settings).resource = Some(text()),
        TextSetting::ClientDocumentUrl => client_document(settings).url = text(),
        TextSetting::AllowResource => settings.deviations.allow_resource = Some(text()),
        TextSetting::ExtraIss => settings.deviations.extra_iss = Some(text()),
    }
}

fn flag(settings: &mut core::Settings, setting: FlagSetting) -> &mut bool {
    let deviations = &mut settings.deviations;
    match setting {
        FlagSetting::DynamicRegistration => &mut settings.dynamic_registration,
        FlagSetting::AskForClient => &mut settings.ask_for_client,
        FlagSetting::PrivateSchemeRedirect => &mut settings.private_scheme_redirect,
        FlagSetting::OfflineAccess => &mut settings.offline_access,
        FlagSetting::RequireIssuerIdentification => &mut settings.require_issuer_identification,
        FlagSetting::SameOriginMetadata => &mut deviations.same_origin_metadata,
        FlagSetting::AssumeS256 => &mut deviations.assume_s256,
        FlagSetting::OmitResource => &mut deviations.omit_resource,
        FlagSetting::RetryRefreshWithoutResource => &mut deviations.retry_refresh_without_resource,
        FlagSetting::DefaultEndpoints => &mut deviations.default_endpoints,
        FlagSetting::SameOriginEndpoints => &mut deviations.same_origin_endpoints,
    }
}

fn list(settings: &mut core::Settings, setting: ListSetting) -> &mut Vec<String> {
    match setting {
        ListSetting::Scopes => settings.scopes.get_or_insert_default(),
        ListSetting::ClientDocumentRedirectUris => &mut client_document(settings).redirect_uris,
    }
}

// What is missing of the following is found when the settings are checked: empty text is no issuer, identifier or URL.

fn preregistered(settings: &mut core::Settings) -> &mut core::Preregistered {
    settings
        .preregistered
        .get_or_insert_with(|| core::Preregistered {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: None,
            auth_method: None,
            endpoints: None,
        })
}

fn endpoints(settings: &mut core::Settings) -> &mut core::GivenEndpoints {
    preregistered(settings)
        .endpoints
        .get_or_insert_with(|| core::GivenEndpoints {
            authorization: String::new(),
            token: String::new(),
            resource: None,
        })
}

fn client_document(settings: &mut core::Settings) -> &mut core::ClientDocument {
    settings
        .client_document
        .get_or_insert_with(|| core::ClientDocument {
            url: String::new(),
            redirect_uris: Vec::new(),
        })
}
