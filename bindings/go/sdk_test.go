package mcpoauth_test

import (
	"github.com/modelcontextprotocol/go-sdk/auth"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

var _ auth.OAuthHandler = (*mcpoauth.Handler)(nil)
