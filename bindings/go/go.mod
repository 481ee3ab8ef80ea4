module github.com/mcp-oauth-core/mcp-oauth-core/bindings/go

go 1.25.0
