package main

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// callTool calls a tool without arguments as the user of a handler. The token is put on each request and refreshed when it is
// due; of all replicas one alone refreshes, and the others use what comes of it.
func callTool(ctx context.Context, handler *mcpoauth.Handler, server, tool string) ([]mcp.Content, error) {
	// Where a person is needed, this says so at once; the client below would first try another revision of the protocol.
	if err := handler.SignIn(ctx); err != nil {
		return nil, err
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "example-gateway", Version: "1.0"}, nil)
	transport := &mcp.StreamableClientTransport{Endpoint: server, OAuthHandler: handler, DisableStandaloneSSE: true}
	session, err := client.Connect(ctx, transport, nil)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool})
	if err != nil {
		return nil, err
	}
	return result.Content, nil
}
