//! What can be said on the command line?

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mcp_oauth_core::{AssertionKind, AuthMethod, GrantType};
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
    /// Write or check the client ID metadata document that you publish
    #[command(subcommand)]
    ClientDocument(ClientDocument),
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
    /// Do not tell the authorization server, whose tokens then go on until they expire
    #[arg(long)]
    pub(crate) no_revoke: bool,
    /// File with the private key that the client authenticates with, if it does so with a key
    #[arg(long, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Let requests reach addresses of private networks
    #[arg(long)]
    pub(crate) allow_private_network: bool,
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
    #[command(flatten)]
    pub(crate) grant: Grant,
    /// Ask for this scope instead of those that the server names (repeatable)
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Listen for the redirect here; port 0 stands for any free one
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Option<String>,
    /// Ask for these authorization details (RFC 9396), a JSON array
    #[arg(long, value_name = "JSON")]
    pub(crate) authorization_details: Option<String>,
    /// Hand the authorization request over beforehand, where the server offers that (RFC 9126)
    #[arg(long)]
    pub(crate) pushed: bool,
    /// Use this one of the authorization servers that the server names
    #[arg(long, value_name = "ISSUER")]
    pub(crate) authorization_server: Option<String>,
    /// Add a parameter to the authorization request, or to the token request of a grant without one: prompt, login_hint,
    /// audience … (repeatable)
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
    /// How that client authenticates: none, client_secret_basic, client_secret_post or private_key_jwt
    #[arg(long, value_name = "METHOD", requires = "client_id", value_parser = method)]
    pub(crate) auth_method: Option<AuthMethod>,
    /// File with the private key that the client authenticates with (private_key_jwt): PEM or JWK, RSA, P-256 or Ed25519
    #[arg(long, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Type that the assertions signed with it name [default: JWT]
    #[arg(long, value_name = "TYP", requires = "client_key")]
    pub(crate) assertion_typ: Option<String>,
    /// Where the user signs in: then nothing is discovered
    #[arg(long, value_name = "URL", requires_all = ["issuer", "token_endpoint"])]
    pub(crate) authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens are redeemed
    #[arg(long, value_name = "URL", requires = "authorization_endpoint")]
    pub(crate) token_endpoint: Option<String>,
    /// URL of a client ID metadata document that you publish
    #[arg(long, value_name = "URL")]
    pub(crate) client_document: Option<String>,
    /// A redirect URI that the document lists (repeatable) [default: the one listened on, for any port]
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

/// How tokens are got, and what they are bound to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Grant")]
pub(crate) struct Grant {
    /// How tokens are got
    #[arg(long, value_name = "GRANT", default_value = "authorization-code")]
    pub(crate) grant: Way,
    /// Show a code, to sign in with on another device: the same as --grant device-code
    #[arg(long, conflicts_with = "grant")]
    pub(crate) device: bool,
    /// File with the assertion of the workload or of the user, read each time that one is needed
    #[arg(long, value_name = "FILE")]
    pub(crate) assertion_file: Option<PathBuf>,
    /// What is in it [default: jwt for workload-identity, id-token for enterprise-managed]
    #[arg(long, value_name = "KIND", requires = "assertion_file")]
    pub(crate) assertion_kind: Option<Assertion>,
    /// Audience that the assertion of a workload names [default: the token endpoint]
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) assertion_audience: Option<String>,
    /// Issuer of the identity provider of your enterprise
    #[arg(long, value_name = "ISSUER", requires_all = ["idp_token_endpoint", "idp_client_id"])]
    pub(crate) idp: Option<String>,
    /// Where it exchanges an identity for an assertion
    #[arg(long, value_name = "URL", requires = "idp")]
    pub(crate) idp_token_endpoint: Option<String>,
    /// Identifier of the client that you have signed in to there
    #[arg(long, value_name = "ID", requires = "idp")]
    pub(crate) idp_client_id: Option<String>,
    /// File with the secret of that client
    #[arg(long, value_name = "FILE", requires = "idp")]
    pub(crate) idp_client_secret_file: Option<PathBuf>,
    /// How that client authenticates
    #[arg(long, value_name = "METHOD", requires = "idp", value_parser = method)]
    pub(crate) idp_auth_method: Option<AuthMethod>,
    /// Take only tokens that are bound to a key (DPoP): that in FILE, or one of your own that is made when it is first needed
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) dpop: Option<Option<PathBuf>>,
}

/// `--grant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// A person signs in, in a browser
    AuthorizationCode,
    /// A person signs in, on another device
    DeviceCode,
    /// The client itself is authorized
    ClientCredentials,
    /// The workload that this is, known to its platform
    WorkloadIdentity,
    /// The user, known to the identity provider of their enterprise
    EnterpriseManaged,
}

impl From<Way> for GrantType {
    fn from(way: Way) -> Self {
        match way {
            Way::AuthorizationCode => Self::AuthorizationCode,
            Way::DeviceCode => Self::DeviceCode,
            Way::ClientCredentials => Self::ClientCredentials,
            Way::WorkloadIdentity => Self::WorkloadIdentity,
            Way::EnterpriseManaged => Self::EnterpriseManaged,
        }
    }
}

/// `--assertion-kind`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Assertion {
    Jwt,
    IdToken,
    RefreshToken,
    Saml2,
}

impl From<Assertion> for AssertionKind {
    fn from(assertion: Assertion) -> Self {
        match assertion {
            Assertion::Jwt => Self::Jwt,
            Assertion::IdToken => Self::IdToken,
            Assertion::RefreshToken => Self::RefreshToken,
            Assertion::Saml2 => Self::Saml2,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientDocument {
    /// Write the document for a client of this kind, which listens on loopback
    Write(WriteDocument),
    /// Check a document as an authorization server would
    Check(CheckDocument),
}

#[derive(Debug, Args)]
pub(crate) struct WriteDocument {
    /// URL at which you will publish it, which is the client's identifier
    pub(crate) url: String,
    /// Name of the client, shown to whoever is asked for consent
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// A redirect URI (repeatable) [default: /callback on either loopback address, at any port]
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(crate) redirect_uris: Vec<String>,
    /// File with the private key that the client authenticates with: its public half goes into the document
    #[arg(long, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Where that public half is published, instead of in the document
    #[arg(long, value_name = "URL", requires = "client_key")]
    pub(crate) jwks_uri: Option<String>,
    /// File to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckDocument {
    /// URL at which it is published
    pub(crate) url: String,
    /// Check this file, before it is published
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Redirect URI that the client will listen on; port 0 stands for any free one
    #[arg(
        long,
        value_name = "URI",
        default_value = "http://127.0.0.1:0/callback"
    )]
    pub(crate) redirect_uri: String,
    /// File with the private key that the client authenticates with: its public half must be in the document
    #[arg(long, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Let the request reach addresses of private networks
    #[arg(long)]
    pub(crate) allow_private_network: bool,
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
  assume_id_jag                   use --grant enterprise-managed where the server does not list it
  same_origin_metadata            follow no metadata URL to another origin (stricter)
  same_origin_endpoints           accept no endpoint on another origin (stricter)";

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

fn method(text: &str) -> Result<AuthMethod, String> {
    AuthMethod::from_name(text).ok_or_else(|| {
        "not none, client_secret_basic, client_secret_post or private_key_jwt".into()
    })
}
