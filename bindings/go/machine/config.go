package machine

/*
#include <mcp_oauth.h>
*/
import "C"

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// Config is settings that were checked: immutable, for any number of machines and goroutines at once.
type Config struct {
	handle    *C.mcp_oauth_config
	serverURL string
	reach     Reach
}

// NewConfig checks settings. What it refuses is a *[SettingsError].
func NewConfig(settings Settings) (*Config, error) {
	var writer writer
	if err := errorOf(C.mcp_oauth_settings_new(&writer.handle)); err != nil {
		return nil, err
	}
	defer C.mcp_oauth_settings_free(&writer.handle)
	writer.settings(&settings)
	if writer.err != nil {
		return nil, writer.err
	}
	config := new(Config)
	var problem C.mcp_oauth_config_error
	status := C.mcp_oauth_config_new(writer.handle, &problem, &config.handle)
	if status == C.MCP_OAUTH_STATUS_CONFIG {
		return nil, &SettingsError{text(problem.field), text(problem.problem)}
	}
	if err := errorOf(status); err != nil {
		return nil, err
	}
	runtime.AddCleanup(config, func(handle *C.mcp_oauth_config) { C.mcp_oauth_config_free(&handle) }, config.handle)
	var url C.mcp_oauth_slice
	var reach C.int32_t
	if err := errorOf(C.mcp_oauth_config_server_url(config.handle, &url)); err != nil {
		return nil, err
	}
	if err := errorOf(C.mcp_oauth_config_reach(config.handle, &reach)); err != nil {
		return nil, err
	}
	config.serverURL, config.reach = text(url), Reach(reach)
	return config, nil
}

// pointer is NULL for a configuration that was never made.
func (c *Config) pointer() *C.mcp_oauth_config {
	if c == nil {
		return nil
	}
	return c.handle
}

// ServerURL is the MCP server's URL, exactly as configured.
func (c *Config) ServerURL() string { return c.serverURL }

// Reach is which addresses requests may go to: as configured, or what the server URL by itself vouches for.
func (c *Config) Reach() Reach { return c.reach }

// Format shows the server URL.
func (c *Config) Format(f fmt.State, _ rune) { io.WriteString(f, "Config("+c.serverURL+")") }

// writer writes settings down for the library, up to the first that it does not take.
type writer struct {
	handle *C.mcp_oauth_settings
	err    error
}

func (w *writer) settings(s *Settings) {
	w.text(C.MCP_OAUTH_TEXT_SETTING_SERVER_URL, "server_url", s.ServerURL)
	w.number(C.MCP_OAUTH_NUMBER_SETTING_REACH, "reach", uint64(s.Reach))
	w.number(C.MCP_OAUTH_NUMBER_SETTING_GRANT, "grant", grantTypes.number(s.Grant))
	w.text(C.MCP_OAUTH_TEXT_SETTING_CLIENT_NAME, "client_name", s.ClientName)
	w.text(C.MCP_OAUTH_TEXT_SETTING_CLIENT_URI, "client_uri", s.ClientURI)
	w.text(C.MCP_OAUTH_TEXT_SETTING_LOGO_URI, "logo_uri", s.LogoURI)
	w.text(C.MCP_OAUTH_TEXT_SETTING_SOFTWARE_ID, "software_id", s.SoftwareID)
	w.text(C.MCP_OAUTH_TEXT_SETTING_SOFTWARE_VERSION, "software_version", s.SoftwareVersion)
	w.text(C.MCP_OAUTH_TEXT_SETTING_SOFTWARE_STATEMENT, "software_statement", string(s.SoftwareStatement))
	w.text(C.MCP_OAUTH_TEXT_SETTING_INITIAL_ACCESS_TOKEN, "initial_access_token", string(s.InitialAccessToken))
	w.preregistered(s.Preregistered)
	w.clientDocument(s.ClientDocument)
	w.text(C.MCP_OAUTH_TEXT_SETTING_CLIENT_KEY, "client_key", s.ClientKey)
	w.text(C.MCP_OAUTH_TEXT_SETTING_ASSERTION_TYP, "assertion_typ", s.AssertionType)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_DYNAMIC_REGISTRATION, s.NoDynamicRegistration, 0)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_ASK_FOR_CLIENT, s.AskForClient, 1)
	w.text(C.MCP_OAUTH_TEXT_SETTING_REDIRECT_URI, "redirect_uri", s.RedirectURI)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_PRIVATE_SCHEME_REDIRECT, s.PrivateSchemeRedirect, 1)
	if s.Scopes != nil {
		w.list(C.MCP_OAUTH_LIST_SETTING_SCOPES, "scopes", s.Scopes)
	}
	w.flag(C.MCP_OAUTH_FLAG_SETTING_OFFLINE_ACCESS, s.NoOfflineAccess, 0)
	for _, parameter := range s.AuthorizeParameters {
		w.pair(C.MCP_OAUTH_PAIR_SETTING_AUTHORIZE_PARAMETER, "authorize_parameters", parameter.Name, parameter.Value)
	}
	for _, parameter := range s.TokenParameters {
		w.pair(C.MCP_OAUTH_PAIR_SETTING_TOKEN_PARAMETER, "token_parameters", parameter.Name, parameter.Value)
	}
	w.flag(C.MCP_OAUTH_FLAG_SETTING_PUSHED_AUTHORIZATION, s.PushedAuthorization, 1)
	w.number(C.MCP_OAUTH_NUMBER_SETTING_DPOP, "dpop", dpopUses.number(s.DPoP))
	for _, key := range s.DPoPKeys {
		w.pair(C.MCP_OAUTH_PAIR_SETTING_DPOP_KEY, "dpop_keys", key.Issuer, key.JWK)
	}
	w.identityProvider(s.IdentityProvider)
	w.text(C.MCP_OAUTH_TEXT_SETTING_WORKLOAD_AUDIENCE, "workload_audience", s.WorkloadAudience)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_REVOKE_ON_SIGN_OUT, s.NoRevocation, 0)
	w.text(C.MCP_OAUTH_TEXT_SETTING_AUTHORIZATION_SERVER, "authorization_server", s.AuthorizationServer)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_REQUIRE_ISSUER_IDENTIFICATION, s.RequireIssuerIdentification, 1)
	w.deviations(&s.Deviations)
	w.duration(C.MCP_OAUTH_NUMBER_SETTING_REFRESH_SKEW_MS, "refresh_skew_ms", s.RefreshSkew)
	w.duration(C.MCP_OAUTH_NUMBER_SETTING_SIGN_IN_TIMEOUT_MS, "sign_in_timeout_ms", s.SignInTimeout)
	w.text(C.MCP_OAUTH_TEXT_SETTING_PROTOCOL_VERSION, "protocol_version", s.ProtocolVersion)
	w.text(C.MCP_OAUTH_TEXT_SETTING_USER_AGENT, "user_agent", s.UserAgent)
}

// named are the numbers of names.
type named[N ~string] map[N]uint64

var (
	authMethods = named[AuthMethod]{
		NoSecret:          C.MCP_OAUTH_AUTH_METHOD_NONE,
		ClientSecretBasic: C.MCP_OAUTH_AUTH_METHOD_CLIENT_SECRET_BASIC,
		ClientSecretPost:  C.MCP_OAUTH_AUTH_METHOD_CLIENT_SECRET_POST,
		PrivateKeyJWT:     C.MCP_OAUTH_AUTH_METHOD_PRIVATE_KEY_JWT,
	}
	grantTypes = named[GrantType]{
		AuthorizationCode: C.MCP_OAUTH_GRANT_TYPE_AUTHORIZATION_CODE,
		DeviceCode:        C.MCP_OAUTH_GRANT_TYPE_DEVICE_CODE,
		ClientCredentials: C.MCP_OAUTH_GRANT_TYPE_CLIENT_CREDENTIALS,
		WorkloadIdentity:  C.MCP_OAUTH_GRANT_TYPE_WORKLOAD_IDENTITY,
		EnterpriseManaged: C.MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED,
	}
	dpopUses = named[DPoPUse]{
		DPoPNever:         C.MCP_OAUTH_DPOP_USE_NEVER,
		DPoPWhenSupported: C.MCP_OAUTH_DPOP_USE_WHEN_SUPPORTED,
		DPoPAlways:        C.MCP_OAUTH_DPOP_USE_ALWAYS,
	}
)

// number is the number of a name: 0 for an empty one, which says nothing, and out of range for one that nobody knows.
func (n named[N]) number(name N) uint64 {
	if number, known := n[name]; known || name == "" {
		return number
	}
	return 1 << 20
}

func (w *writer) preregistered(client *Preregistered) {
	if client == nil {
		return
	}
	const field = "preregistered"
	// Even if it is empty: a client without an issuer is to be refused.
	w.put(field, C.mcp_oauth_settings_text(w.handle, C.MCP_OAUTH_TEXT_SETTING_PREREGISTERED_ISSUER, textIn(client.Issuer)))
	w.text(C.MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_ID, field, client.ClientID)
	w.text(C.MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_SECRET, field, string(client.ClientSecret))
	w.number(C.MCP_OAUTH_NUMBER_SETTING_PREREGISTERED_AUTH_METHOD, field, authMethods.number(client.AuthMethod))
	if endpoints := client.Endpoints; endpoints != nil {
		w.text(C.MCP_OAUTH_TEXT_SETTING_PREREGISTERED_AUTHORIZATION_ENDPOINT, field, endpoints.Authorization)
		w.text(C.MCP_OAUTH_TEXT_SETTING_PREREGISTERED_TOKEN_ENDPOINT, field, endpoints.Token)
		w.text(C.MCP_OAUTH_TEXT_SETTING_PREREGISTERED_RESOURCE, field, endpoints.Resource)
	}
}

func (w *writer) clientDocument(document *ClientDocument) {
	if document == nil {
		return
	}
	const field = "client_document"
	w.put(field, C.mcp_oauth_settings_text(w.handle, C.MCP_OAUTH_TEXT_SETTING_CLIENT_DOCUMENT_URL, textIn(document.URL)))
	w.list(C.MCP_OAUTH_LIST_SETTING_CLIENT_DOCUMENT_REDIRECT_URIS, field, document.RedirectURIs)
	w.number(C.MCP_OAUTH_NUMBER_SETTING_CLIENT_DOCUMENT_AUTH_METHOD, field, authMethods.number(document.AuthMethod))
}

func (w *writer) identityProvider(provider *IdentityProvider) {
	if provider == nil {
		return
	}
	const field = "identity_provider"
	// Even if it is empty: a provider without a name is to be refused.
	issuer := textIn(provider.Issuer)
	w.put(field, C.mcp_oauth_settings_text(w.handle, C.MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_ISSUER, issuer))
	w.text(C.MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_TOKEN_ENDPOINT, field, provider.TokenEndpoint)
	w.text(C.MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_ID, field, provider.ClientID)
	w.text(C.MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_SECRET, field, string(provider.ClientSecret))
	w.number(C.MCP_OAUTH_NUMBER_SETTING_IDENTITY_PROVIDER_AUTH_METHOD, field, authMethods.number(provider.AuthMethod))
}

func (w *writer) deviations(d *Deviations) {
	if pair := d.PinnedIssuer; pair != nil {
		w.pair(C.MCP_OAUTH_PAIR_SETTING_PINNED_ISSUER, "pinned_issuer", pair.Asked, pair.Published)
	}
	w.text(C.MCP_OAUTH_TEXT_SETTING_ALLOW_RESOURCE, "allow_resource", d.AllowResource)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_SAME_ORIGIN_METADATA, d.SameOriginMetadata, 1)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_ASSUME_S256, d.AssumeS256, 1)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_OMIT_RESOURCE, d.OmitResource, 1)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_RETRY_REFRESH_WITHOUT_RESOURCE, d.RetryRefreshWithoutResource, 1)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_DEFAULT_ENDPOINTS, d.DefaultEndpoints, 1)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_ASSUME_ID_JAG, d.AssumeIDJAG, 1)
	w.text(C.MCP_OAUTH_TEXT_SETTING_EXTRA_ISS, "extra_iss", d.ExtraIss)
	w.flag(C.MCP_OAUTH_FLAG_SETTING_SAME_ORIGIN_ENDPOINTS, d.SameOriginEndpoints, 1)
}

// put keeps the first failure, which can only be about the value: text that is not UTF-8, or a number out of range.
func (w *writer) put(field string, status C.mcp_oauth_status) {
	if w.err != nil || status == C.MCP_OAUTH_STATUS_OK {
		return
	}
	w.err = errorOf(status)
	if status == C.MCP_OAUTH_STATUS_BAD_ARGUMENT {
		w.err = &SettingsError{field, "not UTF-8, or out of range"}
	}
}

func (w *writer) text(setting C.int32_t, field, value string) {
	if value != "" {
		w.put(field, C.mcp_oauth_settings_text(w.handle, setting, textIn(value)))
	}
}

// flag turns a setting that is not as usual on or off.
func (w *writer) flag(setting C.int32_t, unusual bool, value C.int32_t) {
	if unusual {
		w.put("flags", C.mcp_oauth_settings_flag(w.handle, setting, value))
	}
}

func (w *writer) number(setting C.int32_t, field string, value uint64) {
	if value != 0 {
		w.put(field, C.mcp_oauth_settings_number(w.handle, setting, C.uint64_t(value)))
	}
}

func (w *writer) duration(setting C.int32_t, field string, value time.Duration) {
	if value < 0 {
		w.err = &SettingsError{field, "negative"}
		return
	}
	w.number(setting, field, uint64(value.Milliseconds()))
}

func (w *writer) list(setting C.int32_t, field string, items []string) {
	w.put(field, C.mcp_oauth_settings_list(w.handle, setting))
	for _, item := range items {
		w.put(field, C.mcp_oauth_settings_item(w.handle, setting, textIn(item)))
	}
}

func (w *writer) pair(setting C.int32_t, field, first, second string) {
	w.put(field, C.mcp_oauth_settings_pair(w.handle, setting, textIn(first), textIn(second)))
}
