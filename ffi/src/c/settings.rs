//! How does C write down its settings?

use mcp_oauth_core as core;

use super::boundary::{guard, pointer};
use super::exclusive::Exclusive;
use super::setting::{
    AuthMethod, DpopUse, FlagSetting, GrantType, ListSetting, NumberSetting, PairSetting, Reach,
    TextSetting,
};
use super::slice::Slice;
use super::status::Status;
use crate::key::public_key;

/// Settings that are being written down. `mcp_oauth_config_new` checks them.
pub struct SettingsHandle(pub(super) Exclusive<Written>);

/// What has been written down so far.
#[derive(Default)]
pub(super) struct Written {
    settings: core::Settings,
    /// A key that is none has no place among the settings, and is not kept: it may be a private one.
    refused: Option<core::ConfigError>,
}

impl Written {
    pub(super) fn check(&self) -> Result<core::Config, core::ConfigError> {
        match &self.refused {
            Some(error) => Err(error.clone()),
            None => core::Config::new(self.settings.clone()),
        }
    }
}

/// Reads a key, or notes why it is none.
fn key(
    refused: &mut Option<core::ConfigError>,
    field: &'static str,
    jwk: &str,
) -> Option<core::PublicKey> {
    public_key(field, jwk)
        .map_err(|error| *refused = Some(error))
        .ok()
}

/// New settings, all with their defaults. Give them back with `mcp_oauth_settings_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_settings_new(out: *mut *mut SettingsHandle) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let out = unsafe { pointer::out(out)? };
        let settings = Exclusive::new(Written::default());
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
        *flag(
            &mut settings.0.enter()?.settings,
            FlagSetting::read(setting)?,
        ) = on != 0;
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
        let settings = &mut settings.0.enter()?.settings;
        let number = || i32::try_from(value).map_err(|_| Status::BadArgument);
        match NumberSetting::read(setting)? {
            NumberSetting::Reach => settings.reach = Some(Reach::wanted(number()?)?),
            NumberSetting::RefreshSkewMs => settings.refresh_skew_ms = value,
            NumberSetting::SignInTimeoutMs => settings.sign_in_timeout_ms = value,
            NumberSetting::PreregisteredAuthMethod => {
                let method = AuthMethod::read(number()?)?;
                preregistered(settings).auth_method = method.into();
            }
            NumberSetting::Grant => settings.grant = GrantType::read(number()?)?.into(),
            NumberSetting::Dpop => settings.dpop = DpopUse::read(number()?)?.into(),
            NumberSetting::ClientDocumentAuthMethod => {
                let method = AuthMethod::read(number()?)?;
                client_document(settings).auth_method = method.into();
            }
            NumberSetting::IdentityProviderAuthMethod => {
                let method = AuthMethod::read(number()?)?;
                identity_provider(settings).auth_method = method.into();
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
        list(
            &mut settings.0.enter()?.settings,
            ListSetting::read(setting)?,
        )
        .clear();
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
        list(
            &mut settings.0.enter()?.settings,
            ListSetting::read(setting)?,
        )
        .push(value.to_owned());
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
        let Written { settings, refused } = &mut *settings.0.enter()?;
        // Each where it is needed: a key that should have stayed private must have no copy.
        let pair = || (first.to_owned(), second.to_owned());
        match PairSetting::read(setting)? {
            PairSetting::AuthorizeParameter => settings.authorize_parameters.push(pair()),
            PairSetting::TokenParameter => settings.token_parameters.push(pair()),
            PairSetting::PinnedIssuer => settings.deviations.pinned_issuer = Some(pair()),
            PairSetting::DpopKey => {
                if let Some(key) = key(refused, "dpop_keys", second) {
                    let issuer = (!first.is_empty()).then(|| first.to_owned());
                    settings.dpop_keys.push(core::DpopKey { issuer, key });
                }
            }
        }
        Ok(())
    })
}

fn set_text(written: &mut Written, setting: TextSetting, value: &str) {
    let Written { settings, refused } = written;
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
        TextSetting::ClientKey => settings.client_key = key(refused, "client_key", value),
        TextSetting::AssertionTyp => settings.assertion_typ = text(),
        TextSetting::IdentityProviderIssuer => identity_provider(settings).issuer = text(),
        TextSetting::IdentityProviderTokenEndpoint => {
            identity_provider(settings).token_endpoint = text();
        }
        TextSetting::IdentityProviderClientId => identity_provider(settings).client_id = text(),
        TextSetting::IdentityProviderClientSecret => {
            identity_provider(settings).client_secret = secret();
        }
        TextSetting::WorkloadAudience => settings.workload_audience = Some(text()),
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
        FlagSetting::AssumeIdJag => &mut deviations.assume_id_jag,
        FlagSetting::PushedAuthorization => &mut settings.pushed_authorization,
        FlagSetting::RevokeOnSignOut => &mut settings.revoke_on_sign_out,
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
            auth_method: None,
        })
}

fn identity_provider(settings: &mut core::Settings) -> &mut core::IdentityProvider {
    settings
        .identity_provider
        .get_or_insert_with(|| core::IdentityProvider {
            issuer: String::new(),
            token_endpoint: String::new(),
            client_id: String::new(),
            client_secret: None,
            auth_method: None,
        })
}
