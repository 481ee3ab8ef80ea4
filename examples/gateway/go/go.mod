module github.com/mcp-oauth-core/mcp-oauth-core/examples/gateway/go

go 1.25.0

require (
	github.com/jackc/pgx/v5 v5.12.0
	github.com/mcp-oauth-core/mcp-oauth-core/bindings/go v0.1.0
	github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/sqlstore v0.1.0
	github.com/modelcontextprotocol/go-sdk v1.8.0
)

require (
	github.com/gofrs/flock v0.13.1 // indirect
	github.com/google/jsonschema-go v0.4.3 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/segmentio/asm v1.1.3 // indirect
	github.com/segmentio/encoding v0.5.4 // indirect
	github.com/yosida95/uritemplate/v3 v3.0.2 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace (
	github.com/mcp-oauth-core/mcp-oauth-core/bindings/go => ../../../bindings/go
	github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/sqlstore => ../../../bindings/go/sqlstore
)
