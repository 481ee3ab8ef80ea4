module github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/redisstore

go 1.25.0

require (
	github.com/mcp-oauth-core/mcp-oauth-core/bindings/go v0.1.0
	github.com/redis/go-redis/v9 v9.19.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/gofrs/flock v0.13.1 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/mcp-oauth-core/mcp-oauth-core/bindings/go => ../
