// Does a real MCP client get its answer from a server that the official conformance suite has set up?
//
// The suite says what it wants in the last argument and in the environment. Exit status 0 means that a tool was called and
// answered; 1 that it was not, with the reason on stderr.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// patience: the suite stops a client after 30 seconds; to end before that leaves time to say why.
const patience = 25 * time.Second

const (
	// clientDocument is the client ID metadata document that the suite knows of. Nobody fetches it.
	clientDocument = "https://conformance-test.local/client-metadata.json"
	// documentRedirect is one that it could list: any port of a loopback address stands for all (RFC 8252 §7.3).
	documentRedirect = "http://127.0.0.1/callback"
	// about20250326 are the scenarios about servers of that revision, which may publish no metadata at all.
	about20250326 = "auth/2025-03-26-"
)

func main() {
	answer, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "failed:", explained(err))
		os.Exit(1)
	}
	fmt.Println(answer)
}

func run() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	settings, options, err := task(ctx)
	if err != nil {
		return "", err
	}
	options.Store = &mcpoauth.MemoryStore{}
	options.UserAgent = mcpoauth.Headless{}
	options.Trace = func(decision mcpoauth.Decision) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", decision.Name, decision)
	}
	handler, err := mcpoauth.New(settings, &options)
	if err != nil {
		return "", err
	}
	defer handler.Close()
	return firstTool(ctx, settings, handler)
}

// firstTool lists the tools of a server and calls the first one, without arguments. It returns the result as JSON.
func firstTool(ctx context.Context, settings mcpoauth.Settings, handler *mcpoauth.Handler) (string, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "mcpoauth-conformance", Version: "0"}, nil)
	transport := &mcp.StreamableClientTransport{Endpoint: settings.ServerURL, OAuthHandler: handler}
	if settings.DPoP != "" {
		// Each request needs a proof, of which an OAuthHandler knows nothing.
		transport.OAuthHandler, transport.HTTPClient = nil, &http.Client{Transport: handler.Transport(nil)}
	}
	session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: settings.ProtocolVersion})
	if err != nil {
		return "", err
	}
	defer session.Close()
	tools, err := session.ListTools(ctx, nil)
	if err != nil {
		return "", err
	}
	if len(tools.Tools) == 0 {
		return "", errors.New("the server lists no tool")
	}
	called := &mcp.CallToolParams{Name: tools.Tools[0].Name, Arguments: map[string]any{}}
	result, err := session.CallTool(ctx, called)
	if err != nil {
		return "", err
	}
	answer, err := json.Marshal(result)
	return string(answer), err
}

// task reads the last argument, which is the MCP server's URL, and the suite's environment variables.
func task(ctx context.Context) (mcpoauth.Settings, mcpoauth.Options, error) {
	if len(os.Args) < 2 {
		return mcpoauth.Settings{}, mcpoauth.Options{}, errors.New("no server URL was given")
	}
	scenario := os.Getenv("MCP_CONFORMANCE_SCENARIO")
	settings := mcpoauth.Settings{
		ServerURL:       os.Args[len(os.Args)-1],
		ClientName:      "Conformance client",
		ClientDocument:  &mcpoauth.ClientDocument{URL: clientDocument, RedirectURIs: []string{documentRedirect}},
		ProtocolVersion: os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION"),
		Deviations:      mcpoauth.Deviations{DefaultEndpoints: strings.HasPrefix(scenario, about20250326)},
	}
	var given handedOver
	if text := os.Getenv("MCP_CONFORMANCE_CONTEXT"); text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return settings, mcpoauth.Options{}, err
		}
	}
	options, err := given.prepare(ctx, scenario, &settings)
	return settings, options, err
}

// explained is a failure in one line: its code, what to do, and what happened.
func explained(err error) string {
	var failure *mcpoauth.Error
	if errors.As(err, &failure) {
		return fmt.Sprintf("%s, advice: %s: %v", failure.Code, failure.Advice, err)
	}
	return err.Error()
}
