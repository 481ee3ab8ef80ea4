//! What can be said on the command line?

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mcp_oauth_core::AuthMethod;
use mcp_oauth_host::store::Place;

use crate::exit::CODES;
use crate::settings::Deviation;

/// Sign in to MCP servers, and call their tools.
#[derive(Debug, Parser)]
#[command(name = "mcp-oauth", version, about, after_help = CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON object on stdout, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Keep progress and decisions to yourself
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in to an MCP server, and keep the credentials
    Login(Login),
    /// Show which credentials are kept, without contacting anybody
    Status(Status),
    /// Forget the credentials of an MCP server
    Logout(Logout),
    /// Call a tool of an MCP server, signing in when the server demands it
    Call(Call),
    /// Show a whole sign-in against servers that run in this process
    Demo,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Of this MCP server only
    pub(crate) url: Option<String>,
    /// Of this account only
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) keeping: Keeping,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// URL of the MCP server
    pub(crate) url: String,
    /// Which of several accounts at the server
    #[arg(
        long,
        default_value = "",
        value_name = "NAME",
        hide_default_value = true
    )]
    pub(crate) account: String,
    /// Forget the client registration too, so that the next sign-in registers anew
    #[arg(long)]
    pub(crate) forget_client: bool,
    #[command(flatten)]
    pub(crate) keeping: Keeping,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Name of the tool
    pub(crate) tool: String,
    /// Arguments of the tool, a JSON object
    #[arg(default_value = "{}", value_name = "JSON")]
    pub(crate) arguments: String,
}

#[derive(Debug, Args)]
pub(crate) struct Keeping {
    /// Where credentials are kept [default: the keyring, or files where there is none]
    #[arg(long, value_name = "PLACE")]
    pub(crate) store: Option<Kept>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kept {
    /// The platform's keyring
    Keyring,
    /// Files that only you can read, below MCP_OAUTH_HOME
    File,
    /// Nowhere: gone when the command ends
    Memory,
}

impl From<Kept> for Place {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Keyring => Self::Keyring,
            Kept::File => Self::File,
            Kept::Memory => Self::Memory,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Server {
    /// URL of the MCP server
    pub(crate) url: String,
    /// Which of several accounts at the server
    #[arg(
        long,
        default_value = "",
        value_name = "NAME",
        hide_default_value = true
    )]
    pub(crate) account: String,
    #[command(flatten)]
    pub(crate) client: Client,
    /// Ask for this scope instead of those that the server names (repeatable)
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Listen for the redirect here; port 0 stands for any free one
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Option<String>,
    /// Use this one of the authorization servers that the server names
    #[arg(long, value_name = "ISSUER")]
    pub(crate) authorization_server: Option<String>,
    /// Add a parameter to the authorization request (repeatable)
    #[arg(long = "extra", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) extras: Vec<(String, String)>,
    /// Deviate from the specification in a named way, for this server (repeatable)
    #[arg(long = "deviation", value_name = "NAME[=VALUE]", long_help = DEVIATIONS)]
    pub(crate) deviations: Vec<Deviation>,
    /// Let requests reach addresses of private networks
    #[arg(long)]
    pub(crate) allow_private_network: bool,
    /// Follow the redirects without a browser, for servers that consent without a person
    #[arg(long)]
    pub(crate) headless: bool,
    #[command(flatten)]
    pub(crate) keeping: Keeping,
}

/// As whom to speak to the authorization server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Client")]
pub(crate) struct Client {
    /// Identifier of a client that is registered already
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// File with the secret of that client
    #[arg(long, value_name = "FILE", requires = "client_id")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Issuer of the authorization server with which that client is registered
    #[arg(long, value_name = "ISSUER", requires = "client_id")]
    pub(crate) issuer: Option<String>,
    /// How that client authenticates: none, client_secret_basic or client_secret_post
    #[arg(long, value_name = "METHOD", requires = "client_id", value_parser = method)]
    pub(crate) auth_method: Option<AuthMethod>,
    /// Where the user signs in: then nothing is discovered
    #[arg(long, value_name = "URL", requires_all = ["issuer", "token_endpoint"])]
    pub(crate) authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens are redeemed
    #[arg(long, value_name = "URL", requires = "authorization_endpoint")]
    pub(crate) token_endpoint: Option<String>,
    /// URL of a client ID metadata document that you publish
    #[arg(long, value_name = "URL")]
    pub(crate) client_document: Option<String>,
    /// A redirect URI that the document lists (repeatable) [default: the one listened on]
    #[arg(
        long = "client-document-redirect",
        value_name = "URI",
        requires = "client_document"
    )]
    pub(crate) client_document_redirects: Vec<String>,
    /// File with the token that a protected registration endpoint wants
    #[arg(long, value_name = "FILE")]
    pub(crate) initial_access_token_file: Option<PathBuf>,
}

const DEVIATIONS: &str = "\
Deviate from the specification in a named way, for this server (repeatable):
  pinned_issuer=ASKED,PUBLISHED   accept this issuer in the metadata of that one
  allow_resource=VALUE            accept this resource although it does not cover the server
  extra_iss=VALUE                 accept this issuer in the authorization response too
  assume_s256                     go on where PKCE support is not advertised
  omit_resource                   send no resource parameter
  retry_refresh_without_resource  try a refused refresh once more without it
  default_endpoints               use /authorize, /token and /register where there is no metadata
  same_origin_metadata            follow no metadata URL to another origin (stricter)
  same_origin_endpoints           accept no endpoint on another origin (stricter)";

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

fn method(text: &str) -> Result<AuthMethod, String> {
    AuthMethod::from_name(text)
        .ok_or_else(|| "not none, client_secret_basic or client_secret_post".into())
}
