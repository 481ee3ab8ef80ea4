package mcpoauth

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// challenged is a 401 for a request that carried this token.
func challenged(t *testing.T, bed *testbed.Bed, token string) (*http.Request, *http.Response) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, bed.MCPURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	header := http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}
	return request, &http.Response{StatusCode: http.StatusUnauthorized, Header: header, Body: http.NoBody}
}

func TestThoseWhoAreChallengedTogetherSignInOnce(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := handlerFor(t, bed, Options{})
	together := func(token string) {
		t.Helper()
		var waiting []<-chan error
		for range 8 {
			request, response := challenged(t, bed, token)
			waiting = append(waiting, aside(func() error { return handler.Authorize(t.Context(), request, response) }))
		}
		for _, one := range waiting {
			if err := wait(t, one); err != nil {
				t.Fatal(err)
			}
		}
	}
	together("")
	token, err := handler.Token()
	if err != nil {
		t.Fatal(err)
	}
	bed.ExpireAccessTokens()
	together(token.AccessToken)
	counts := bed.Counts()
	if counts.CodeExchanges != 1 || counts.Refreshes != 1 || counts.ReuseDetections != 0 {
		t.Fatalf("%+v", counts)
	}
	if renewed, err := handler.Token(); err != nil || renewed.AccessToken == token.AccessToken {
		t.Fatalf("%v", err)
	}
}

func TestAnOldTokenIsNoReasonToSignIn(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := handlerFor(t, bed, Options{})
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", "an older one"} {
		request, response := challenged(t, bed, token)
		if err := handler.Authorize(t.Context(), request, response); err != nil {
			t.Fatal(err)
		}
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 || counts.Refreshes != 0 {
		t.Fatalf("%+v", counts)
	}
}

func TestThoseWhoWaitForASignInThatFailsDoNotAskAgain(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	handler := handlerFor(t, bed, Options{UserAgent: user})
	var waiting []<-chan error
	for range 3 {
		waiting = append(waiting, aside(func() error { return handler.SignIn(t.Context()) }))
	}
	user.page(t)
	awaitWaiters(t, handler, 3)
	handler.Cancel()
	for _, one := range waiting {
		failure := wantCode(t, wait(t, one), "cancelled")
		if failure.Advice != AskUser || failure.Fault != "user" || failure.Clause == "" || failure.Stage == "" {
			t.Fatalf("%+v", failure)
		}
	}
	if user.pages.Load() != 1 || user.listening.Load() != 0 {
		t.Fatalf("%d pages, %d listeners", user.pages.Load(), user.listening.Load())
	}
}

func awaitWaiters(t *testing.T, handler *Handler, count int) {
	t.Helper()
	for range 1000 {
		handler.driver.mu.Lock()
		flow := handler.driver.flow
		reached := flow != nil && flow.waiters == count
		handler.driver.mu.Unlock()
		if reached {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("there never were %d", count)
}

func TestAContextThatEndsTakesNobodyElseDown(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	handler := handlerFor(t, bed, Options{UserAgent: user})
	impatient, leave := context.WithCancel(t.Context())
	first := aside(func() error { return handler.SignIn(impatient) })
	awaitWaiters(t, handler, 1)
	second := aside(func() error { return handler.SignIn(t.Context()) })
	awaitWaiters(t, handler, 2)
	leave()
	if err := wait(t, first); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	user.comeBack(t)
	if err := wait(t, second); err != nil {
		t.Fatal(err)
	}
	if user.pages.Load() != 1 {
		t.Fatal(user.pages.Load())
	}
}

func TestTheLastContextThatEndsEndsTheFlow(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	handler := handlerFor(t, bed, Options{UserAgent: user})
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := handler.SignIn(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := handler.SignIn(ended); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if user.pages.Load() != 2 {
		t.Fatal(user.pages.Load())
	}
	// Whoever comes while it ends begins anew, and is not told of the other's end.
	<-user.shown
	<-user.shown
	waiting := aside(func() error { return handler.SignIn(t.Context()) })
	user.comeBack(t)
	if err := wait(t, waiting); err != nil {
		t.Fatal(err)
	}
	if user.listening.Load() != 0 {
		t.Fatal("somebody listens on")
	}
}

func TestASignInThatNobodyFinishesExpires(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	settings := Settings{ServerURL: bed.MCPURL, SignInTimeout: 300 * time.Millisecond}
	handler := handlerWith(t, settings, Options{UserAgent: user})
	wantCode(t, handler.SignIn(t.Context()), "expired")
	if user.listening.Load() != 0 {
		t.Fatal("somebody listens on")
	}
}

// RDR-09
func TestForgedAndRepeatedCallbacksDoNotDisturbTheSignIn(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	handler := handlerFor(t, bed, Options{UserAgent: user})
	waiting := aside(func() error { return handler.SignIn(t.Context()) })
	page := user.page(t)
	for _, forged := range []string{"?code=x&state=y", "?error=access_denied", "", "?state=&state="} {
		user.callbacks <- page.RedirectURI + forged
	}
	good := consent(t, page)
	user.callbacks <- good
	user.callbacks <- good
	if err := wait(t, waiting); err != nil {
		t.Fatal(err)
	}
	if counts := bed.Counts(); user.pages.Load() != 1 || counts.CodeExchanges != 1 {
		t.Fatalf("%d pages, %+v", user.pages.Load(), counts)
	}
}

func TestSigningOutEndsAFlowAndForgets(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	handler := handlerFor(t, bed, Options{UserAgent: user})
	waiting := aside(func() error { return handler.SignIn(t.Context()) })
	user.comeBack(t)
	if err := wait(t, waiting); err != nil {
		t.Fatal(err)
	}
	grant, err := handler.Describe(t.Context())
	if err != nil || grant.ServerURL != bed.MCPURL || !grant.Issuers[0].HasTokens || !grant.Issuers[0].Current {
		t.Fatalf("%+v %v", grant, err)
	}
	if err := handler.SignOut(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if source, err := handler.TokenSource(t.Context()); source != nil || err != nil {
		t.Fatalf("%v %v", source, err)
	}
	waiting = aside(func() error { return handler.SignIn(t.Context()) })
	user.page(t)
	if err := handler.SignOut(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, waiting); err == nil {
		t.Fatal("the sign-in went on")
	}
	if grant, err := handler.Describe(t.Context()); grant != nil || err != nil {
		t.Fatalf("%+v %v", grant, err)
	}
	if counts := bed.Counts(); counts.Registrations != 1 {
		t.Fatalf("%+v", counts)
	}
}

func TestAClosedHandlerSaysSo(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	handler := handlerFor(t, bed, Options{UserAgent: user})
	waiting := aside(func() error { return handler.SignIn(t.Context()) })
	page := user.page(t)
	for range 2 {
		if err := handler.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := wait(t, waiting); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if user.listening.Load() != 0 {
		t.Fatal("somebody listens on")
	}
	request, _ := challenged(t, bed, "")
	if _, err := handler.Transport(nil).RoundTrip(request); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	wantClosed(t, bed, handler)
	wantClosed(t, bed, nil)
	wantClosed(t, bed, &Handler{})
	if err := handler.Finish(t.Context(), page.RedirectURI+"?state=x"); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func wantClosed(t *testing.T, bed *testbed.Bed, handler *Handler) {
	t.Helper()
	request, response := challenged(t, bed, "")
	_, tokenErr := handler.Token()
	_, sourceErr := handler.TokenSource(t.Context())
	_, beginErr := handler.Begin(t.Context())
	_, describeErr := handler.Describe(t.Context())
	errs := map[string]error{
		"SignIn":      handler.SignIn(t.Context()),
		"SignOut":     handler.SignOut(t.Context(), false),
		"Token":       tokenErr,
		"TokenSource": sourceErr,
		"Authorize":   handler.Authorize(t.Context(), request, response),
		"Begin":       beginErr,
		"Finish":      handler.Finish(t.Context(), "http://127.0.0.1/callback?state=x"),
		"Describe":    describeErr,
	}
	for name, err := range errs {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	handler.Cancel()
	if err := handler.Close(); err != nil {
		t.Error(err)
	}
	if err := handler.Authorize(t.Context(), nil, nil); err == nil {
		t.Error("there was nothing to authorize")
	}
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	for field, settings := range map[string]Settings{
		"server_url":         {},
		"redirect_uri":       {ServerURL: "https://mcp.example.com/mcp", RedirectURI: "http://mcp.example.com/callback"},
		"client_name":        {ServerURL: "https://mcp.example.com/mcp", ClientName: "\xff"},
		"reach":              {ServerURL: "https://mcp.example.com/mcp", Reach: 99},
		"preregistered":      {ServerURL: "https://mcp.example.com/mcp", Preregistered: &Preregistered{AuthMethod: "magic"}},
		"sign_in_timeout_ms": {ServerURL: "https://mcp.example.com/mcp", SignInTimeout: -1},
	} {
		_, err := New(settings, &Options{Store: &MemoryStore{}})
		var problem *SettingsError
		if !errors.As(err, &problem) || problem.Field != field || problem.Problem == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestEveryDecisionIsSeen(t *testing.T) {
	bed := testbed.Start(t, nil)
	var mu sync.Mutex
	var seen []string
	handler := handlerFor(t, bed, Options{Trace: func(decision Decision) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, decision.Name)
		if decision.At.IsZero() || decision.Text == "" || decision.Clause == "" {
			t.Errorf("%+v", decision)
		}
	}})
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nothing_stored", "client_registered", "user_sent", "tokens_issued"} {
		if !slices.Contains(seen, name) {
			t.Errorf("%s is not among %v", name, seen)
		}
	}
}

func TestAClientThatIsAskedForComesFromTheConfiguration(t *testing.T) {
	behaviour := testbed.Behaviour{
		"registration": map[string]any{"offered": false, "clients": []any{map[string]any{
			"client_id": "known-client", "redirect_uris": []string{"http://127.0.0.1:1/callback"},
		}}},
		"authorization": map[string]any{"loopback_port": "any"},
	}
	bed := testbed.Start(t, behaviour)
	settings := Settings{ServerURL: bed.MCPURL, AskForClient: true}
	handler := handlerWith(t, settings, Options{Client: func(_ context.Context, issuer, redirect string) (Client, error) {
		if issuer != bed.Issuer || !strings.HasPrefix(redirect, "http://127.0.0.1:") {
			t.Errorf("%s %s", issuer, redirect)
		}
		return Client{ID: "known-client"}, nil
	}})
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	// One that the machine does not take is named.
	handler = handlerWith(t, settings, Options{Client: func(context.Context, string, string) (Client, error) {
		return Client{ID: ""}, nil
	}})
	err := handler.SignIn(t.Context())
	var misuse *machine.Misuse
	if !errors.Is(err, ErrMisuse) || !errors.As(err, &misuse) || misuse.Name != "client_id" {
		t.Fatal(err)
	}
}

func TestARefusedRefreshIsKnownToOtherLibraries(t *testing.T) {
	failure := &flowError{failure: &Error{Code: "refresh_rejected", Text: "refused"}}
	var retrieve *oauth2.RetrieveError
	if !errors.As(failure, &retrieve) || retrieve.ErrorCode != "invalid_grant" {
		t.Fatal(failure)
	}
	if errors.As(&flowError{failure: &Error{Code: "refresh_throttled"}}, &retrieve) {
		t.Fatal("a passing fault is no reason to sign in")
	}
}

func TestAHandlerThatIsForgottenIsCollected(t *testing.T) {
	collected := make(chan struct{})
	func() {
		handler, err := New(Settings{ServerURL: "https://mcp.example.com/mcp"}, &Options{Store: &MemoryStore{}})
		if err != nil {
			t.Fatal(err)
		}
		runtime.AddCleanup(handler.driver.machine, func(done chan struct{}) { close(done) }, collected)
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal("the machine is still there")
}
