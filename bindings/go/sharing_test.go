package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// barrier is a network that lets a refresh through when it is told to.
type barrier struct {
	sender
	reached, open chan struct{}
}

func (g *barrier) send(ctx context.Context, request *machine.Request) (*answer, machine.Cause, error) {
	if request.Purpose == "refresh" {
		close(g.reached)
		<-g.open
	}
	return g.sender.send(ctx, request)
}

func barred(handler *Handler) *barrier {
	barrier := &barrier{handler.driver.network, make(chan struct{}), make(chan struct{})}
	handler.driver.network = barrier
	return barrier
}

func awaitPhase(t *testing.T, handler *Handler, phase string) {
	t.Helper()
	for range 1000 {
		handler.driver.mu.Lock()
		now := handler.driver.step.Phase
		handler.driver.mu.Unlock()
		if now == phase {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it never was %s", phase)
}

// refreshing are two handlers on one store: one is about to refresh the token that both hold, the other waits for it.
func refreshing(
	t *testing.T, bed *testbed.Bed, clock func() time.Time,
) (one, two *Handler, done, waited <-chan error, open func()) {
	t.Helper()
	store := &MemoryStore{}
	one = handlerFor(t, bed, Options{Store: store})
	two = handlerFor(t, bed, Options{Store: store})
	two.driver.now = clock
	if err := errors.Join(one.SignIn(t.Context()), two.SignIn(t.Context())); err != nil {
		t.Fatal(err)
	}
	token, err := two.Token()
	if err != nil {
		t.Fatal(err)
	}
	bed.ExpireAccessTokens()
	authorize := func(handler *Handler) <-chan error {
		request, response := challenged(t, bed, token.AccessToken)
		return aside(func() error { return handler.Authorize(t.Context(), request, response) })
	}
	barrier := barred(one)
	done = authorize(one)
	<-barrier.reached
	waited = authorize(two)
	awaitPhase(t, two, "AwaitingRefresh")
	return one, two, done, waited, func() { close(barrier.open) }
}

func wantSameToken(t *testing.T, one, two *Handler) {
	t.Helper()
	first, err := one.Token()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := two.Token(); err != nil || second.AccessToken != first.AccessToken {
		t.Fatalf("another token: %v", err)
	}
}

func TestOneRefreshesAndTheOtherWaits(t *testing.T) {
	bed := testbed.Start(t, nil)
	one, two, done, waited, open := refreshing(t, bed, time.Now)
	open()
	if err := errors.Join(wait(t, done), wait(t, waited)); err != nil {
		t.Fatal(err)
	}
	wantSameToken(t, one, two)
	if counts := bed.Counts(); counts.Refreshes != 1 || counts.ReuseDetections != 0 || counts.CodeExchanges != 1 {
		t.Fatalf("%+v", counts)
	}
}

func TestWhoeverIsToldOfTheRefreshWaitsNoLonger(t *testing.T) {
	bed := testbed.Start(t, nil)
	// Its clock stands still: it would wait for ever.
	now := time.Now()
	one, two, done, waited, open := refreshing(t, bed, func() time.Time { return now })
	open()
	if err := wait(t, done); err != nil {
		t.Fatal(err)
	}
	if err := two.StoreChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, waited); err != nil {
		t.Fatal(err)
	}
	wantSameToken(t, one, two)
	if counts := bed.Counts(); counts.Refreshes != 1 {
		t.Fatalf("%+v", counts)
	}
}

func TestWaitingForARefreshCanBeGivenUp(t *testing.T) {
	bed := testbed.Start(t, nil)
	_, two, done, waited, open := refreshing(t, bed, time.Now)
	two.Cancel()
	wantCode(t, wait(t, waited), "cancelled")
	open()
	if err := wait(t, done); err != nil {
		t.Fatal(err)
	}
}

func TestASignInElsewhereEndsTheOneHere(t *testing.T) {
	bed := testbed.Start(t, nil)
	store, user := &MemoryStore{}, newVisitor()
	here := handlerFor(t, bed, Options{Store: store, UserAgent: user})
	there := handlerFor(t, bed, Options{Store: store})
	waiting := aside(func() error { return here.SignIn(t.Context()) })
	user.page(t)
	awaitPhase(t, here, "AwaitingCallback")
	// Nothing that would serve.
	if err := here.StoreChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := there.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := here.StoreChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, waiting); err != nil {
		t.Fatal(err)
	}
	wantSameToken(t, here, there)
	if user.listening.Load() != 0 {
		t.Fatal("somebody listens on")
	}
	// Signed out there, signed out here.
	if err := there.SignOut(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := here.StoreChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	if source, err := here.TokenSource(t.Context()); source != nil || err != nil {
		t.Fatalf("%v %v", source, err)
	}
}

func brought() ProvidedTokens {
	return ProvidedTokens{
		Issuer:        "https://auth.example.com",
		TokenEndpoint: "https://auth.example.com/oauth/token",
		Client:        Client{ID: "brought-client"},
		AccessToken:   "brought-access",
		RefreshToken:  "brought-refresh",
		ExpiresAt:     time.Now().Add(time.Hour),
		Scopes:        []string{"notes:read"},
	}
}

func TestTokensThatAreBroughtAreUsedAndRefreshed(t *testing.T) {
	network := &recorder{}
	handler := cannedHandler(t, network, Options{})
	if err := handler.ProvideTokens(t.Context(), brought()); err != nil {
		t.Fatal(err)
	}
	if token, err := handler.Token(); err != nil || token.AccessToken != "brought-access" {
		t.Fatal(err)
	}
	if len(network.bodies) != 0 {
		t.Fatal("something was sent before it was due")
	}
	handler.driver.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if token, err := handler.Token(); err != nil || token.AccessToken != cannedAccess+".2" {
		t.Fatal(err)
	}
	if len(network.bodies) != 1 || !strings.Contains(network.bodies[0], "refresh_token=brought-refresh") {
		t.Fatalf("%d requests", len(network.bodies))
	}
	wrong := brought()
	wrong.Issuer = "http://auth.example.com"
	err := handler.ProvideTokens(t.Context(), wrong)
	var misuse *machine.Misuse
	if !errors.As(err, &misuse) || misuse.Member != "issuer" || !strings.Contains(err.Error(), "issuer") {
		t.Fatal(err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if shown := fmt.Sprintf(form, wrong); strings.Contains(shown, "brought-") {
			t.Fatal(shown)
		}
	}
}

func TestTokensThatAreBroughtEndASignIn(t *testing.T) {
	bed := testbed.Start(t, nil)
	user := newVisitor()
	handler := handlerFor(t, bed, Options{UserAgent: user})
	waiting := aside(func() error { return handler.SignIn(t.Context()) })
	user.page(t)
	tokens := brought()
	tokens.Issuer, tokens.TokenEndpoint = bed.Issuer, bed.Issuer+"/token"
	if err := handler.ProvideTokens(t.Context(), tokens); err != nil {
		t.Fatal(err)
	}
	wantCode(t, wait(t, waiting), "cancelled")
	if token, err := handler.Token(); err != nil || token.AccessToken != "brought-access" {
		t.Fatal(err)
	}
}
