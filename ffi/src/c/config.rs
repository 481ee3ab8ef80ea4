//! Which settings may machines rely on?

use std::net::IpAddr;
use std::sync::Arc;

use mcp_oauth_core as core;

use super::boundary::{guard, pointer};
use super::setting::Reach;
use super::settings::SettingsHandle;
use super::slice::Slice;
use super::status::Status;

/// Settings that were checked: immutable, for any number of machines and threads at once. Machines share it by a count of
/// references, so you may free yours as soon as you have made them.
pub struct ConfigHandle(pub(super) Arc<core::Config>);

/// What is wrong with settings. Static text.
#[repr(C)]
#[derive(Default)]
pub struct ConfigError {
    /// The setting at fault.
    pub field: Slice,
    /// What is wrong with it.
    pub problem: Slice,
}

/// Checks settings; they stay yours and may be used again, unless they were given a key that is none: then begin anew. On
/// `MCP_OAUTH_STATUS_CONFIG`, `error` (which may be NULL) says what is wrong. Give the configuration back with `mcp_oauth_config_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_config_new(
    settings: *const SettingsHandle,
    error: *mut ConfigError,
    out: *mut *mut ConfigHandle,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, settings) = unsafe { (pointer::out(out)?, pointer::shared(settings)?) };
        let error = if error.is_null() {
            &mut ConfigError::default()
        } else {
            // SAFETY: the head of the header.
            unsafe { pointer::out(error)? }
        };
        match settings.0.enter()?.check() {
            Ok(config) => {
                *out = Box::into_raw(Box::new(ConfigHandle(Arc::new(config))));
                Ok(())
            }
            Err(core::ConfigError { field, problem }) => {
                *error = ConfigError {
                    field: Slice::text(field),
                    problem: Slice::text(problem),
                };
                Err(Status::Config)
            }
        }
    })
}

/// Gives a configuration back and sets `*config` to NULL. Machines made with it live on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_config_free(config: *mut *mut ConfigHandle) -> Status {
    // SAFETY: the head of the header.
    guard(|| unsafe { pointer::free(config, |_| Ok(())) })
}

/// The MCP server's URL, exactly as configured. Borrowed from the configuration.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_config_server_url(
    config: *const ConfigHandle,
    out: *mut Slice,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, config) = unsafe { (pointer::out(out)?, pointer::shared(config)?) };
        *out = Slice::text(config.0.server_url());
        Ok(())
    })
}

/// Which addresses requests to the MCP server may reach: a `mcp_oauth_reach`, as configured or as the server URL vouches for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_config_reach(
    config: *const ConfigHandle,
    out: *mut i32,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, config) = unsafe { (pointer::out(out)?, pointer::shared(config)?) };
        *out = Reach::from(config.0.reach()) as i32;
        Ok(())
    })
}

/// Whether a request of this `mcp_oauth_reach` may connect to an address: 4 bytes of IPv4 or 16 of IPv6, most significant
/// first. Check the address that a name resolved to, and connect to that very address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_reach_allows_address(
    reach: i32,
    address: Slice,
    out: *mut bool,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, bytes) = unsafe { (pointer::out(out)?, address.bytes()?) };
        let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(four), _) => IpAddr::from(four),
            (_, Ok(sixteen)) => IpAddr::from(sixteen),
            _ => return Err(Status::BadArgument),
        };
        *out = Reach::wanted(reach)?.allows_address(address);
        Ok(())
    })
}
