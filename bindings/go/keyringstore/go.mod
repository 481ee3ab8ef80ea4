module github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/keyringstore

go 1.25.0

require (
	github.com/mcp-oauth-core/mcp-oauth-core/bindings/go v0.1.0
	github.com/zalando/go-keyring v0.2.8
)

require (
	github.com/danieljoos/wincred v1.2.3 // indirect
	github.com/godbus/dbus/v5 v5.2.2 // indirect
	github.com/gofrs/flock v0.13.1 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/mcp-oauth-core/mcp-oauth-core/bindings/go => ../
