package mcpoauth_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

// wantFailure checks the code of a failure.
func wantFailure(t *testing.T, err error, code string) {
	t.Helper()
	var failure *mcpoauth.Error
	if !errors.As(err, &failure) || failure.Code != code {
		t.Fatalf("%v instead of %s", err, code)
	}
}

func workloads(audience string) testbed.Behaviour {
	return testbed.Behaviour{"workload": map[string]any{"offered": true, "audience": audience}}
}

func TestAWorkloadGetsInWithWhatItsPlatformSays(t *testing.T) {
	for audience, setting := range map[string]func(*testbed.Bed) (string, string){
		"token_endpoint": func(bed *testbed.Bed) (string, string) { return "", bed.Issuer + "/token" },
		"issuer":         func(bed *testbed.Bed) (string, string) { return bed.Issuer, bed.Issuer },
	} {
		t.Run(audience, func(t *testing.T) {
			bed := testbed.Start(t, workloads(audience))
			configured, wanted := setting(bed)
			handler := handlerOf(t, mcpoauth.Settings{
				ServerURL: bed.MCPURL, Grant: mcpoauth.WorkloadIdentity, AuthorizationServer: bed.Issuer,
				WorkloadAudience: configured,
			}, mcpoauth.Options{
				Assertions: func(_ context.Context, request *mcpoauth.AssertionRequest) (mcpoauth.Assertion, error) {
					if request.Purpose != mcpoauth.WorkloadAssertion || request.Issuer != bed.Issuer || request.Audience != wanted {
						t.Errorf("%+v", request)
					}
					token := bed.WorkloadAssertion(request.Audience, "")
					return mcpoauth.Assertion{Token: mcpoauth.Secret(token), Kind: mcpoauth.JWT}, nil
				},
			})
			answer := calls(t, ways["handler"](handler, bed.MCPURL), "2026-07-28")
			if !strings.Contains(answer, "spiffe://example.com/agent") || bed.Asked("token") != 1 {
				t.Errorf("%q", answer)
			}
		})
	}
}

func TestAWorkloadThatIsNotBelievedTriesNothingElse(t *testing.T) {
	bed := testbed.Start(t, workloads("token_endpoint"))
	path := filepath.Join(t.TempDir(), "token")
	forged := bed.WorkloadAssertion(bed.Issuer+"/token", "forged")
	if err := os.WriteFile(path, []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	handler := handlerOf(t, mcpoauth.Settings{
		ServerURL: bed.MCPURL, Grant: mcpoauth.WorkloadIdentity, AuthorizationServer: bed.Issuer,
	}, mcpoauth.Options{Assertions: mcpoauth.AssertionFile(path)})
	err := handler.SignIn(t.Context())
	wantFailure(t, err, "assertion_rejected")
	if asked := bed.Asked("token"); asked != 1 || strings.Contains(err.Error(), forged) {
		t.Errorf("%d requests: %v", asked, err)
	}
}

func TestWithoutASourceThereIsNoAssertion(t *testing.T) {
	bed := testbed.Start(t, workloads("token_endpoint"))
	settings := mcpoauth.Settings{ServerURL: bed.MCPURL, Grant: mcpoauth.WorkloadIdentity, AuthorizationServer: bed.Issuer}
	wantFailure(t, handlerOf(t, settings, mcpoauth.Options{}).SignIn(t.Context()), "assertion_needed")
	broken := errors.New("the platform is silent")
	err := handlerOf(t, settings, mcpoauth.Options{
		Assertions: func(context.Context, *mcpoauth.AssertionRequest) (mcpoauth.Assertion, error) {
			return mcpoauth.Assertion{}, broken
		},
	}).SignIn(t.Context())
	wantFailure(t, err, "assertion_needed")
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	// What is no assertion at all is the source's fault.
	err = handlerOf(t, settings, mcpoauth.Options{
		Assertions: func(context.Context, *mcpoauth.AssertionRequest) (mcpoauth.Assertion, error) {
			return mcpoauth.Assertion{Token: "marked secret\n", Kind: mcpoauth.JWT}, nil
		},
	}).SignIn(t.Context())
	if !errors.Is(err, mcpoauth.ErrMisuse) || strings.Contains(err.Error(), "marked") {
		t.Error(err)
	}
	if bed.Asked("token") != 0 {
		t.Errorf("%v", bed.Log())
	}
}

func enterprise() testbed.Behaviour {
	return testbed.Behaviour{
		"enterprise": map[string]any{"offered": true},
		"registration": map[string]any{"offered": false, "clients": []any{
			map[string]any{"client_id": "client-at-server", "client_secret": "secret-at-server"},
		}},
	}
}

func providerOf(bed *testbed.Bed) mcpoauth.IdentityProvider {
	return mcpoauth.IdentityProvider{
		Issuer: bed.IdentityProvider, TokenEndpoint: bed.IdentityProvider + "/token",
		ClientID: "client-at-provider", ClientSecret: "secret-at-provider",
	}
}

func clientAtServer(bed *testbed.Bed) mcpoauth.Preregistered {
	return mcpoauth.Preregistered{Issuer: bed.Issuer, ClientID: "client-at-server", ClientSecret: "secret-at-server"}
}

func TestAnEmployeeGetsInByTheWordOfTheirEnterprise(t *testing.T) {
	bed := testbed.Start(t, enterprise())
	provider, client := providerOf(bed), clientAtServer(bed)
	var asked []bool
	handler := handlerOf(t, mcpoauth.Settings{
		ServerURL: bed.MCPURL, Grant: mcpoauth.EnterpriseManaged, IdentityProvider: &provider, Preregistered: &client,
	}, mcpoauth.Options{
		Assertions: func(_ context.Context, request *mcpoauth.AssertionRequest) (mcpoauth.Assertion, error) {
			if request.Purpose != mcpoauth.IdentityAssertion || request.Issuer != bed.IdentityProvider {
				t.Errorf("%+v", request)
			}
			asked = append(asked, request.Renew)
			flaw := "expired"
			if request.Renew {
				flaw = ""
			}
			return mcpoauth.Assertion{Token: mcpoauth.Secret(bed.IDToken(flaw)), Kind: mcpoauth.IDToken}, nil
		},
	})
	answer := calls(t, ways["handler"](handler, bed.MCPURL), "2026-07-28")
	if !strings.Contains(answer, "user-1") || len(asked) != 2 || asked[0] || !asked[1] {
		t.Errorf("%q %v", answer, asked)
	}
}

// devices have an interval of one second.
func devices() testbed.Behaviour {
	return testbed.Behaviour{"device": map[string]any{"offered": true, "interval": 1}}
}

// television shows codes to somebody who decides about them.
type television struct {
	mcpoauth.NoUserAgent
	shown func(*mcpoauth.UserCode) error
}

func (t television) ShowCode(_ context.Context, code *mcpoauth.UserCode) error { return t.shown(code) }

func TestAPersonSignsInOnAnotherDevice(t *testing.T) {
	for decision, code := range map[string]string{"allow": "", "deny": "access_denied"} {
		t.Run(decision, func(t *testing.T) {
			bed := testbed.Start(t, devices())
			shown := 0
			agent := television{shown: func(code *mcpoauth.UserCode) error {
				shown++
				if !strings.HasPrefix(code.VerificationURI, bed.Issuer) || code.Issuer != bed.Issuer || code.ExpiresAt.IsZero() ||
					!strings.Contains(code.CompleteURI(), code.Code()) || len(code.Scopes) == 0 {
					t.Errorf("%+v", code)
				}
				// Not before the first look, so that the code comes a second time.
				aside := code.Code()
				go func() {
					for bed.Asked("token") == 0 {
						time.Sleep(20 * time.Millisecond)
					}
					bed.DecideDevice(aside, decision)
				}()
				return nil
			}}
			handler := handlerOf(t, mcpoauth.Settings{ServerURL: bed.MCPURL, Grant: mcpoauth.DeviceCode}, mcpoauth.Options{UserAgent: agent})
			err := handler.SignIn(t.Context())
			if shown != 1 {
				t.Errorf("shown %d times", shown)
			}
			if code != "" {
				wantFailure(t, err, code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			calls(t, ways["handler"](handler, bed.MCPURL), "2026-07-28")
		})
	}
}

func TestACodeThatCannotBeShownEndsTheSignIn(t *testing.T) {
	bed := testbed.Start(t, devices())
	settings := mcpoauth.Settings{ServerURL: bed.MCPURL, Grant: mcpoauth.DeviceCode}
	broken := errors.New("the screen is off")
	for _, row := range []struct {
		agent mcpoauth.UserAgent
		code  string
		cause error
	}{
		{mcpoauth.NoUserAgent{}, "needs_user", mcpoauth.ErrNeedsUser},
		{mcpoauth.Headless{}, "needs_user", mcpoauth.ErrNeedsUser},
		{television{shown: func(*mcpoauth.UserCode) error { return mcpoauth.ErrDenied }}, "cancelled", mcpoauth.ErrDenied},
		{television{shown: func(*mcpoauth.UserCode) error { return broken }}, "declined", broken},
		// A tab has no method for it.
		{&tab{}, "declined", nil},
	} {
		err := handlerOf(t, settings, mcpoauth.Options{UserAgent: row.agent}).SignIn(t.Context())
		wantFailure(t, err, row.code)
		if row.cause != nil && !errors.Is(err, row.cause) {
			t.Errorf("%T: %v", row.agent, err)
		}
	}
}

func TestADeviceThatIsNotWaitedForIsGivenUp(t *testing.T) {
	bed := testbed.Start(t, devices())
	ctx, cancel := context.WithCancel(t.Context())
	agent := television{shown: func(*mcpoauth.UserCode) error {
		cancel()
		return nil
	}}
	handler := handlerOf(t, mcpoauth.Settings{ServerURL: bed.MCPURL, Grant: mcpoauth.DeviceCode}, mcpoauth.Options{UserAgent: agent})
	if err := handler.SignIn(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if bed.Asked("token") != 0 {
		t.Errorf("%v", bed.Log())
	}
}

func TestASignOutTellsTheServer(t *testing.T) {
	unavailable := map[string]any{
		"at": "revocation", "fault": map[string]any{"answer": map[string]any{"status": 503}},
	}
	for name, row := range map[string]struct {
		behaviour testbed.Behaviour
		silent    bool
		asked     int
	}{
		"both tokens":       {nil, false, 2},
		"unless forbidden":  {nil, true, 0},
		"no such endpoint":  {testbed.Behaviour{"revocation": map[string]any{"offered": false}}, false, 0},
		"it is unavailable": {testbed.Behaviour{"faults": []any{unavailable}}, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bed := testbed.Start(t, row.behaviour)
			handler := handlerOf(t, mcpoauth.Settings{ServerURL: bed.MCPURL, NoRevocation: row.silent},
				mcpoauth.Options{UserAgent: mcpoauth.Headless{}})
			if err := handler.SignIn(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := handler.SignOut(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			if asked := bed.Asked("revocation"); asked != row.asked {
				t.Errorf("%d requests", asked)
			}
			if token, err := handler.TokenSource(t.Context()); token != nil || err != nil {
				t.Errorf("%v %v", token, err)
			}
		})
	}
}
