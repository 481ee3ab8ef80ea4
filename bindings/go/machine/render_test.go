//go:build seeded

package machine

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// render writes down what the machine wants, as transcripts do.
func render(next *Next) any {
	switch next.Kind {
	case Failed:
		return map[string]any{"rest": map[string]any{"failed": renderFailure(next.Failure)}}
	case HTTP:
		return map[string]any{"http": renderRequest(next.Request), "id": next.ID}
	case BindRedirect:
		return map[string]any{"bind_redirect": next.RedirectURI, "id": next.ID}
	case OpenURL:
		return map[string]any{"id": next.ID, "open_url": map[string]any{
			"url":          next.Page.URL,
			"redirect_uri": next.RedirectURI,
			"issuer":       next.Issuer,
			"scopes":       next.Page.Scopes,
			"new_scopes":   next.Page.NewScopes,
		}}
	case AskForClient:
		return map[string]any{"id": next.ID, "ask_for_client": map[string]any{
			"issuer":       next.Issuer,
			"redirect_uri": next.RedirectURI,
		}}
	case Load:
		return map[string]any{"load": next.Access.Key, "id": next.ID}
	case Save:
		return map[string]any{"save": renderSave(next.Access), "id": next.ID}
	case Delete:
		return map[string]any{"id": next.ID, "delete": map[string]any{
			"key":      next.Access.Key,
			"expected": next.Access.Expected,
		}}
	case Wait:
		return map[string]any{"wait": millis(next.Until), "id": next.ID}
	case Sign:
		return map[string]any{"sign": renderSigning(next.Signing), "id": next.ID}
	case FetchAssertion:
		return map[string]any{"id": next.ID, "fetch_assertion": map[string]any{
			"purpose":  next.Assertion.Purpose.String(),
			"issuer":   next.Assertion.Issuer,
			"audience": next.Assertion.Audience,
			"renew":    next.Assertion.Renew,
		}}
	case ShowCode:
		return map[string]any{"show_code": renderCode(next), "id": next.ID}
	default:
		return map[string]any{"rest": next.Kind.String()}
	}
}

// renderSigning shows both parts of the input as the JSON that they are.
func renderSigning(request *SignRequest) map[string]any {
	header, claims, _ := strings.Cut(string(request.Input), ".")
	shown := map[string]any{
		"purpose":    request.Purpose.String(),
		"algorithm":  request.Algorithm,
		"thumbprint": request.Thumbprint,
		"issuer":     request.Issuer,
	}
	for name, part := range map[string]string{"header": header, "claims": claims} {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			panic(err)
		}
		shown[name] = document(text)
	}
	if request.KeyID != "" {
		shown["key_id"] = request.KeyID
	}
	return shown
}

func renderCode(next *Next) map[string]any {
	code := next.Code
	shown := map[string]any{
		"user_code":        code.UserCode,
		"verification_uri": code.VerificationURI,
		"issuer":           next.Issuer,
		"scopes":           code.Scopes,
		"expires_at":       millis(code.ExpiresAt),
		"until":            millis(next.Until),
	}
	if code.VerificationURIComplete != "" {
		shown["verification_uri_complete"] = code.VerificationURIComplete
	}
	return shown
}

// document reads JSON, numbers as they stand.
func document(text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}
	return value
}

func renderFailure(failure *Failure) map[string]any {
	shown := map[string]any{
		"code":   failure.Code,
		"stage":  failure.Stage,
		"advice": failure.Advice,
		"text":   failure.Text,
	}
	if failure.Advice == RetryAfter {
		shown["retry_after_ms"] = failure.RetryAfter.Milliseconds()
	}
	return shown
}

func renderRequest(request *Request) map[string]any {
	headers := map[string]string{}
	for _, header := range request.Headers {
		headers[header.Name] = header.Value
	}
	shown := map[string]any{
		"purpose": request.Purpose,
		"method":  request.Method,
		"url":     request.URL,
		"headers": headers,
		"reach":   request.Reach.String(),
	}
	if request.Body != nil {
		shown["body"] = string(request.Body)
	}
	return shown
}

func renderSave(access *Access) map[string]any {
	shown := map[string]any{"key": access.Key, "expected": nil, "generation": access.Generation}
	if access.Expected != 0 {
		shown["expected"] = access.Expected
	}
	if at := millis(access.ExpiresAt); at != nil {
		shown["expires_at"] = at
	}
	if access.Slot == GrantSlot {
		shown["record"] = document(access.Record)
	}
	return shown
}

// transcriptSettings are settings as transcripts write them.
type transcriptSettings struct {
	ServerURL          string `json:"server_url"`
	Reach              string `json:"reach"`
	Grant              string `json:"grant"`
	ClientName         string `json:"client_name"`
	ClientURI          string `json:"client_uri"`
	LogoURI            string `json:"logo_uri"`
	SoftwareID         string `json:"software_id"`
	SoftwareVersion    string `json:"software_version"`
	SoftwareStatement  string `json:"software_statement"`
	InitialAccessToken string `json:"initial_access_token"`
	Preregistered      *struct {
		Issuer       string `json:"issuer"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		AuthMethod   string `json:"auth_method"`
		Endpoints    *struct {
			Authorization string `json:"authorization"`
			Token         string `json:"token"`
			Resource      string `json:"resource"`
		} `json:"endpoints"`
	} `json:"preregistered"`
	ClientDocument *struct {
		URL          string   `json:"url"`
		RedirectURIs []string `json:"redirect_uris"`
		AuthMethod   string   `json:"auth_method"`
	} `json:"client_document"`
	ClientKey           json.RawMessage `json:"client_key"`
	AssertionType       string          `json:"assertion_typ"`
	PushedAuthorization bool            `json:"pushed_authorization"`
	DPoP                string          `json:"dpop"`
	DPoPKeys            []struct {
		Issuer string          `json:"issuer"`
		Key    json.RawMessage `json:"key"`
	} `json:"dpop_keys"`
	IdentityProvider *struct {
		Issuer        string `json:"issuer"`
		TokenEndpoint string `json:"token_endpoint"`
		ClientID      string `json:"client_id"`
		ClientSecret  string `json:"client_secret"`
		AuthMethod    string `json:"auth_method"`
	} `json:"identity_provider"`
	WorkloadAudience            string      `json:"workload_audience"`
	RevokeOnSignOut             *bool       `json:"revoke_on_sign_out"`
	DynamicRegistration         *bool       `json:"dynamic_registration"`
	AskForClient                bool        `json:"ask_for_client"`
	RedirectURI                 string      `json:"redirect_uri"`
	PrivateSchemeRedirect       bool        `json:"private_scheme_redirect"`
	Scopes                      []string    `json:"scopes"`
	OfflineAccess               *bool       `json:"offline_access"`
	AuthorizeParameters         [][2]string `json:"authorize_parameters"`
	TokenParameters             [][2]string `json:"token_parameters"`
	AuthorizationServer         string      `json:"authorization_server"`
	RequireIssuerIdentification bool        `json:"require_issuer_identification"`
	Deviations                  struct {
		PinnedIssuer                *[2]string `json:"pinned_issuer"`
		AllowResource               string     `json:"allow_resource"`
		SameOriginMetadata          bool       `json:"same_origin_metadata"`
		AssumeS256                  bool       `json:"assume_s256"`
		OmitResource                bool       `json:"omit_resource"`
		RetryRefreshWithoutResource bool       `json:"retry_refresh_without_resource"`
		DefaultEndpoints            bool       `json:"default_endpoints"`
		AssumeIDJAG                 bool       `json:"assume_id_jag"`
		ExtraIss                    string     `json:"extra_iss"`
		SameOriginEndpoints         bool       `json:"same_origin_endpoints"`
	} `json:"deviations"`
	RefreshSkewMs   int64  `json:"refresh_skew_ms"`
	SignInTimeoutMs int64  `json:"sign_in_timeout_ms"`
	ProtocolVersion string `json:"protocol_version"`
	UserAgent       string `json:"user_agent"`
}

func (s *transcriptSettings) settings() Settings {
	settings := Settings{
		ServerURL:                   s.ServerURL,
		Grant:                       GrantType(s.Grant),
		ClientKey:                   string(s.ClientKey),
		AssertionType:               s.AssertionType,
		PushedAuthorization:         s.PushedAuthorization,
		DPoP:                        DPoPUse(s.DPoP),
		WorkloadAudience:            s.WorkloadAudience,
		NoRevocation:                s.RevokeOnSignOut != nil && !*s.RevokeOnSignOut,
		ClientName:                  s.ClientName,
		ClientURI:                   s.ClientURI,
		LogoURI:                     s.LogoURI,
		SoftwareID:                  s.SoftwareID,
		SoftwareVersion:             s.SoftwareVersion,
		SoftwareStatement:           Secret(s.SoftwareStatement),
		InitialAccessToken:          Secret(s.InitialAccessToken),
		NoDynamicRegistration:       s.DynamicRegistration != nil && !*s.DynamicRegistration,
		AskForClient:                s.AskForClient,
		RedirectURI:                 s.RedirectURI,
		PrivateSchemeRedirect:       s.PrivateSchemeRedirect,
		Scopes:                      s.Scopes,
		NoOfflineAccess:             s.OfflineAccess != nil && !*s.OfflineAccess,
		AuthorizationServer:         s.AuthorizationServer,
		RequireIssuerIdentification: s.RequireIssuerIdentification,
		RefreshSkew:                 time.Duration(s.RefreshSkewMs) * time.Millisecond,
		SignInTimeout:               time.Duration(s.SignInTimeoutMs) * time.Millisecond,
		ProtocolVersion:             s.ProtocolVersion,
		UserAgent:                   s.UserAgent,
	}
	for reach, name := range reaches {
		if name == s.Reach {
			settings.Reach = reach
		}
	}
	if settings.UserAgent == "" {
		settings.UserAgent = "transcript"
	}
	if given := s.Preregistered; given != nil {
		settings.Preregistered = &Preregistered{
			Issuer:       given.Issuer,
			ClientID:     given.ClientID,
			ClientSecret: Secret(given.ClientSecret),
			AuthMethod:   AuthMethod(given.AuthMethod),
		}
		if endpoints := given.Endpoints; endpoints != nil {
			settings.Preregistered.Endpoints = &Endpoints{endpoints.Authorization, endpoints.Token, endpoints.Resource}
		}
	}
	if document := s.ClientDocument; document != nil {
		settings.ClientDocument = &ClientDocument{document.URL, document.RedirectURIs, AuthMethod(document.AuthMethod)}
	}
	for _, key := range s.DPoPKeys {
		settings.DPoPKeys = append(settings.DPoPKeys, DPoPKey{key.Issuer, string(key.Key)})
	}
	if given := s.IdentityProvider; given != nil {
		settings.IdentityProvider = &IdentityProvider{
			given.Issuer, given.TokenEndpoint, given.ClientID, Secret(given.ClientSecret), AuthMethod(given.AuthMethod),
		}
	}
	for _, pair := range s.AuthorizeParameters {
		settings.AuthorizeParameters = append(settings.AuthorizeParameters, Parameter{pair[0], pair[1]})
	}
	for _, pair := range s.TokenParameters {
		settings.TokenParameters = append(settings.TokenParameters, Parameter{pair[0], pair[1]})
	}
	d := s.Deviations
	settings.Deviations = Deviations{
		AllowResource:               d.AllowResource,
		SameOriginMetadata:          d.SameOriginMetadata,
		AssumeS256:                  d.AssumeS256,
		OmitResource:                d.OmitResource,
		RetryRefreshWithoutResource: d.RetryRefreshWithoutResource,
		DefaultEndpoints:            d.DefaultEndpoints,
		AssumeIDJAG:                 d.AssumeIDJAG,
		ExtraIss:                    d.ExtraIss,
		SameOriginEndpoints:         d.SameOriginEndpoints,
	}
	if pair := d.PinnedIssuer; pair != nil {
		settings.Deviations.PinnedIssuer = &PinnedIssuer{pair[0], pair[1]}
	}
	return settings
}
