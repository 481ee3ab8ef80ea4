package mcpoauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// shown is everything that a program may print of a value.
func shown(value any) string {
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, format+"\n", value)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
	if text, err := json.Marshal(value); err == nil {
		out.Write(text)
	}
	return out.String()
}

func wantNoSecret(t *testing.T, secrets []string, values map[string]any) {
	t.Helper()
	for name, value := range values {
		text := shown(value)
		for _, secret := range secrets {
			if len(secret) < 4 {
				t.Fatalf("%q is no secret", secret)
			}
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s shows %q: %s", name, secret, text)
			}
		}
	}
}

func TestNoSecretIsShownByAnything(t *testing.T) {
	var decisions []Decision
	network := &recorder{}
	handler := cannedHandler(t, network, Options{Trace: func(decision Decision) { decisions = append(decisions, decision) }})
	defer handler.Close()
	request, refusal := cannedRefusal(t)
	if err := handler.Authorize(t.Context(), request, refusal); err != nil {
		t.Fatal(err)
	}
	if _, err := handler.Token(); err != nil {
		t.Fatal(err)
	}
	source, err := handler.TokenSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	grant, err := handler.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{cannedAccess, cannedRefreshToken, cannedCode, "marked-secret"}
	for _, body := range network.bodies {
		form, err := url.ParseQuery(body)
		if err == nil && form.Get("code_verifier") != "" {
			secrets = append(secrets, form.Get("code_verifier"))
		}
	}
	if len(secrets) != 5 || len(decisions) == 0 {
		t.Fatalf("%d secrets, %d decisions", len(secrets), len(decisions))
	}
	settings := Settings{
		SoftwareStatement: "marked-secret", InitialAccessToken: "marked-secret",
		Preregistered: &Preregistered{ClientSecret: "marked-secret"},
	}
	wantNoSecret(t, secrets, map[string]any{
		"handler":       handler,
		"its value":     *handler,
		"transport":     handler.Transport(nil),
		"source":        source,
		"grant":         grant,
		"decisions":     decisions,
		"store":         handler.driver.store,
		"settings":      settings,
		"preregistered": *settings.Preregistered,
		"client":        Client{ID: "x", Secret: "marked-secret"},
		"provider":      IdentityProvider{ClientID: "x", ClientSecret: "marked-secret"},
		"record":        Record{Generation: 1, Body: []byte("marked-secret")},
		"records":       []Record{{Body: []byte("marked-secret")}},
		"options":       Options{Store: handler.driver.store},
		"panic":         &PanicError{value: "marked-secret"},
		"machine":       handler.driver.machine,
		"config":        handler.driver.config,
		"settings error": func() error {
			_, err := New(Settings{ServerURL: "https://mcp.example.com/mcp", InitialAccessToken: "marked-secret\n"}, nil)
			return err
		}(),
	})
}

// What a machine hands to its driver holds secrets at every step of a flow.
func TestNoSecretIsShownByAStep(t *testing.T) {
	config, err := machine.NewConfig(Settings{ServerURL: cannedServer})
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(config, "")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	now := time.Unix(1_800_000_000, 0)
	step, err := m.Stored(1, machine.Nothing, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	step, err = m.Connect(now)
	var secrets []string
	for err == nil && !step.Next.Kind.Rests() {
		next := step.Next
		values := map[string]any{"step": step, "next": next}
		switch next.Kind {
		case machine.HTTP:
			values["request"], values["headers"] = next.Request, next.Request.Headers
			form, _ := url.ParseQuery(string(next.Request.Body))
			if verifier := form.Get("code_verifier"); verifier != "" {
				secrets = append(secrets, verifier)
			}
			response, failed := canned{}.RoundTrip(httpRequest(t, next.Request))
			if failed != nil {
				step, err = m.Unreachable(next.ID, machine.DNS, now)
				break
			}
			var body bytes.Buffer
			_, _ = body.ReadFrom(response.Body)
			step, err = m.Reply(next.ID, response.StatusCode, response.Header, body.Bytes(), now)
		case machine.BindRedirect:
			step, err = m.RedirectBound(next.ID, cannedRedirect, now)
		case machine.OpenURL:
			values["page"] = next.Page
			secrets = append(secrets, next.Page.State, cannedCode, cannedAccess, cannedRefreshToken)
			step, err = m.CallbackQuery("code="+cannedCode+"&iss=https%3A%2F%2Fauth.example.com&state="+next.Page.State, now)
		case machine.Save, machine.Delete:
			values["access"] = next.Access
			step, err = m.Stored(next.ID, machine.Done, nil, now)
		default:
			t.Fatal(next.Kind)
		}
		wantNoSecret(t, secrets, values)
	}
	if err != nil || step.Next.Kind != machine.Authorized || len(secrets) != 5 {
		t.Fatalf("%v %v %d", step, err, len(secrets))
	}
	decisions, err := m.TakeTrace()
	if err != nil {
		t.Fatal(err)
	}
	wantNoSecret(t, secrets, map[string]any{"trace": decisions, "step": step})
}

func TestNoErrorShowsThePage(t *testing.T) {
	handler := cannedHandler(t, canned{}, Options{})
	handler.driver.agent = NoUserAgent{}
	err := handler.SignIn(t.Context())
	var needed *NeedsUserError
	if !errors.As(err, &needed) {
		t.Fatal(err)
	}
	asked, parsed := url.Parse(needed.URL())
	if parsed != nil {
		t.Fatal(parsed)
	}
	secrets := []string{asked.Query().Get("state"), asked.Query().Get("code_challenge"), "oauth/authorize"}
	wantNoSecret(t, secrets, map[string]any{
		"error": err, "wrapped": fmt.Errorf("%w", err), "page": needed.Page(), "its value": *needed,
	})
}

func httpRequest(t *testing.T, request *machine.Request) *http.Request {
	t.Helper()
	outgoing, err := http.NewRequestWithContext(t.Context(), request.Method, request.URL, bytes.NewReader(request.Body))
	if err != nil {
		t.Fatal(err)
	}
	return outgoing
}
