package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// What does a scenario hand over beyond the server's URL?

// handedOver is the MCP_CONFORMANCE_CONTEXT. Each scenario has some of its members.
type handedOver struct {
	ClientID     string          `json:"client_id"`
	ClientSecret mcpoauth.Secret `json:"client_secret"`
	Issuer       string          `json:"issuer"`

	PrivateKeyPEM    mcpoauth.Secret    `json:"private_key_pem"`
	SigningAlgorithm mcpoauth.Algorithm `json:"signing_algorithm"`

	IDPClientID      string          `json:"idp_client_id"`
	IDPIDToken       mcpoauth.Secret `json:"idp_id_token"`
	IDPIssuer        string          `json:"idp_issuer"`
	IDPTokenEndpoint string          `json:"idp_token_endpoint"`

	ValidJWT mcpoauth.Secret `json:"valid_jwt"`
}

// grants are those of the scenarios in which nobody signs in.
var grants = map[string]mcpoauth.GrantType{
	"auth/client-credentials-jwt":           mcpoauth.ClientCredentials,
	"auth/client-credentials-basic":         mcpoauth.ClientCredentials,
	"auth/enterprise-managed-authorization": mcpoauth.EnterpriseManaged,
	"auth/wif-jwt-bearer":                   mcpoauth.WorkloadIdentity,
}

// prepare puts what was handed over where it belongs.
func (g *handedOver) prepare(ctx context.Context, scenario string, settings *mcpoauth.Settings) (mcpoauth.Options, error) {
	var keys mcpoauth.KeySet
	settings.Grant = grants[scenario]
	if strings.HasPrefix(scenario, "auth/dpop") {
		key, err := mcpoauth.GenerateKey(mcpoauth.ES256)
		if err != nil {
			return mcpoauth.Options{}, err
		}
		keys = append(keys, key)
		settings.DPoP, settings.DPoPKeys = mcpoauth.DPoPAlways, []mcpoauth.DPoPKey{{JWK: key.PublicJWK()}}
	}
	if g.PrivateKeyPEM != "" {
		key, err := mcpoauth.ParsePrivateKeyPEM([]byte(g.PrivateKeyPEM), g.SigningAlgorithm)
		if err != nil {
			return mcpoauth.Options{}, err
		}
		keys = append(keys, key)
		settings.ClientKey = key.PublicJWK()
	}
	if g.IDPIssuer != "" {
		settings.IdentityProvider = &mcpoauth.IdentityProvider{
			Issuer: g.IDPIssuer, TokenEndpoint: g.IDPTokenEndpoint, ClientID: g.IDPClientID,
		}
		settings.Deviations.AssumeIDJAG = true
	}
	if err := g.client(ctx, settings); err != nil {
		return mcpoauth.Options{}, err
	}
	return mcpoauth.Options{Signer: keys, Assertions: g.assertion}, nil
}

// client is the one that was registered beforehand, if there is one. Some scenarios leave out with whom.
func (g *handedOver) client(ctx context.Context, settings *mcpoauth.Settings) error {
	if g.ClientID == "" {
		return nil
	}
	issuer := g.Issuer
	if issuer == "" && settings.Grant != "" {
		var err error
		if issuer, err = issuerOf(ctx, settings.ServerURL); err != nil {
			return err
		}
	}
	if issuer == "" {
		return errors.New("a client was handed over without the issuer that it belongs to")
	}
	settings.Preregistered = &mcpoauth.Preregistered{Issuer: issuer, ClientID: g.ClientID, ClientSecret: g.ClientSecret}
	return nil
}

// issuerOf reads in the protected resource metadata what a person would have been told together with the client.
func issuerOf(ctx context.Context, server string) (string, error) {
	metadata, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	metadata.Path = "/.well-known/oauth-protected-resource" + metadata.Path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metadata.String(), nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var document struct {
		AuthorizationServers []string `json:"authorization_servers"`
	}
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil || len(document.AuthorizationServers) != 1 {
		return "", errors.Join(errors.New("no issuer can be found for the client"), err)
	}
	return document.AuthorizationServers[0], nil
}

// assertion is the one that says who the workload or the user is.
func (g *handedOver) assertion(_ context.Context, request *mcpoauth.AssertionRequest) (mcpoauth.Assertion, error) {
	given := mcpoauth.Assertion{Token: g.ValidJWT, Kind: mcpoauth.JWT}
	if request.Purpose == mcpoauth.IdentityAssertion {
		given = mcpoauth.Assertion{Token: g.IDPIDToken, Kind: mcpoauth.IDToken}
	}
	if given.Token == "" || request.Renew {
		return mcpoauth.Assertion{}, errors.New("the scenario has no further assertion")
	}
	return given, nil
}
