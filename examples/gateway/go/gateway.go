package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// What does the gateway answer to whom?

const (
	callbackPath = "/callback"
	documentPath = "/oauth-client.json"
)

// maxHandlers are kept in memory: as many users as are active at once, times the servers that they use.
const maxHandlers = 10_000

type gateway struct {
	origin   string
	servers  []string
	store    mcpoauth.Store
	handlers *handlers
}

func newGateway(origin string, servers []string, store mcpoauth.Store) *gateway {
	g := &gateway{origin: origin, servers: servers, store: store}
	g.handlers = newHandlers(maxHandlers, g.newHandler)
	return g
}

func (g *gateway) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+documentPath, g.document)
	mux.HandleFunc("POST /connect", g.connect)
	mux.HandleFunc("GET "+callbackPath, g.callback)
	mux.HandleFunc("POST "+callbackPath, g.callback)
	mux.HandleFunc("GET /whoami", g.whoami)
	return mux
}

// newHandler gives what gets the requests of one user to one server authorized. Settings and store are the same in all
// replicas, and so it is the same handler in all of them.
func (g *gateway) newHandler(id identity) (*mcpoauth.Handler, error) {
	settings := mcpoauth.Settings{
		ServerURL:   id.server,
		ClientName:  "Example gateway",
		RedirectURI: g.origin + callbackPath,
	}
	if strings.HasPrefix(g.origin, "https://") {
		// One client for all users, where the authorization server reads such documents. Otherwise it registers one for each.
		settings.ClientDocument = &mcpoauth.ClientDocument{
			URL:          g.origin + documentPath,
			RedirectURIs: []string{g.origin + callbackPath},
		}
	}
	return mcpoauth.New(settings, &mcpoauth.Options{
		Account:   id.user,
		Store:     g.store,
		UserAgent: mcpoauth.NoUserAgent{}, // The user's browser is elsewhere.
	})
}

// document is the client ID metadata document.
func (g *gateway) document(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"client_id":                  g.origin + documentPath,
		"client_name":                "Example gateway",
		"redirect_uris":              []string{g.origin + callbackPath},
		"grant_types":                []string{"authorization_code", "refresh_token"},
		"response_types":             []string{"code"},
		"token_endpoint_auth_method": "none",
	})
}

// connect begins a sign-in. Any replica can finish it: it is in the store before the user gets the URL.
func (g *gateway) connect(w http.ResponseWriter, r *http.Request) {
	handler, _ := g.subject(w, r)
	if handler == nil {
		return
	}
	page, err := handler.Begin(r.Context())
	switch {
	case err != nil:
		fail(w, err)
	case page == nil:
		answer(w, http.StatusOK, map[string]any{"signed_in": true})
	default:
		answer(w, http.StatusAccepted, map[string]any{"url": page.URL()})
	}
}

// callback takes the user's browser back, or what another program hands on in its place: ?state&code, or
// ?state&error&error_description.
func (g *gateway) callback(w http.ResponseWriter, r *http.Request) {
	user := userOf(w, r)
	if user == "" {
		return
	}
	// As it came, since state and iss are compared byte for byte, but under the address that the authorization server knows:
	// a proxy may have changed the rest.
	callback := g.origin + callbackPath + "?" + r.URL.RawQuery
	signIn, err := mcpoauth.FindSignIn(r.Context(), g.store, callback)
	if err == nil && signIn.Account != user {
		// Somebody was sent the URL of another user's sign-in: the other would get what this one has consented to.
		err = mcpoauth.ErrUnknownSignIn
	}
	if err != nil {
		fail(w, err)
		return
	}
	handler, err := g.handlers.get(identity{user, signIn.ServerURL})
	if err == nil {
		// It goes on when the browser does not wait: the code is good only once.
		err = handler.Finish(context.WithoutCancel(r.Context()), callback)
	}
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"signed_in": true})
}

// whoami calls a tool for the user.
func (g *gateway) whoami(w http.ResponseWriter, r *http.Request) {
	handler, server := g.subject(w, r)
	if handler == nil {
		return
	}
	said, err := callTool(r.Context(), handler, server, "whoami")
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"tool": said})
}

// subject tells for whom a request is, and for which server; no handler, if the request has been answered.
func (g *gateway) subject(w http.ResponseWriter, r *http.Request) (*mcpoauth.Handler, string) {
	user := userOf(w, r)
	if user == "" {
		return nil, ""
	}
	server := r.URL.Query().Get("server")
	if server == "" {
		server = g.servers[0]
	}
	if !slices.Contains(g.servers, server) {
		answer(w, http.StatusNotFound, map[string]any{"error": "unknown_server"})
		return nil, ""
	}
	handler, err := g.handlers.get(identity{user, server})
	if err != nil {
		fail(w, err)
		return nil, ""
	}
	return handler, server
}

// userOf stands for the session of your users. Here, the proxy in front has signed them in, and says who they are in a header
// that it lets nobody else set. Empty, if the request has been answered.
func userOf(w http.ResponseWriter, r *http.Request) string {
	user := r.Header.Get("X-Forwarded-User")
	if user == "" {
		answer(w, http.StatusForbidden, map[string]any{"error": "no_session"})
	}
	return user
}

// fail says what the client can do about it. Texts of the library are safe to show and to log.
func fail(w http.ResponseWriter, err error) {
	var needed *mcpoauth.NeedsUserError
	var failure *mcpoauth.Error
	switch {
	case errors.Is(err, mcpoauth.ErrUnknownSignIn), errors.Is(err, &mcpoauth.Error{Code: "flow_taken"}):
		// Forged, expired, finished, or just taken by another replica: all the same from outside.
		answer(w, http.StatusNotFound, map[string]any{"error": "unknown_sign_in"})
		return
	case errors.As(err, &needed):
		answer(w, http.StatusUnauthorized, map[string]any{"error": "sign_in", "url": needed.URL()})
		return
	case !errors.As(err, &failure):
		failure = &mcpoauth.Error{Code: "unavailable", Advice: mcpoauth.RetryAfter, Text: "try again"}
	}
	slog.Warn("a request failed", "code", failure.Code, "clause", failure.Clause, "error", err)
	status := http.StatusBadGateway
	switch failure.Advice {
	case mcpoauth.RetryAfter:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(failure.RetryAfter.Seconds()))))
	case mcpoauth.Restart, mcpoauth.AskUser:
		// That sign-in is over; another one may be begun.
		status = http.StatusConflict
	}
	answer(w, status, map[string]any{"error": failure.Code, "text": failure.Text})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // A URL to open carries the state of a sign-in.
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
