package mcpoauth

import (
	"errors"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

func pageOf(state string, expiresAt time.Time) *Page {
	return &Page{state: Secret(state), ExpiresAt: expiresAt}
}

func TestACallbackFindsItsSignInOnce(t *testing.T) {
	pending := NewPending[string](2)
	later := time.Now().Add(time.Hour)
	one, two := pageOf("one", later), pageOf("two", later)
	if err := errors.Join(pending.Add(one, "first"), pending.Add(two, "before"), pending.Add(two, "second")); err != nil {
		t.Fatal(err)
	}
	if err := pending.Add(pageOf("three", later), "third"); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	for _, url := range []string{"", "\xff", "https://app.example.com/cb?code=1", "https://app.example.com/cb?state=other"} {
		if value, found := pending.Take(url); found {
			t.Fatalf("%q found %q", url, value)
		}
	}
	if value, found := pending.Take("https://app.example.com/cb?code=1&state=two"); !found || value != "second" {
		t.Fatal(value)
	}
	if _, found := pending.Take("https://app.example.com/cb?code=1&state=two"); found {
		t.Fatal("a second time")
	}
	if value, found := pending.Forget(one); !found || value != "first" {
		t.Fatal(value)
	}
	if pending.Len() != 0 || len(pending.values) != 0 {
		t.Fatal(pending.Len())
	}
	if err := pending.Add(pageOf("late", time.Now()), "late"); err != nil {
		t.Fatal(err)
	}
	if pending.Len() != 0 || len(pending.values) != 0 {
		t.Fatal("it has expired")
	}
}

func TestWhoseSignInACallbackBelongsToIsKnown(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	handler := handlerWith(t, web(bed), Options{Store: store, Account: "alice"})
	page := begun(t, handler)
	callback := consent(t, page)
	found, err := FindSignIn(t.Context(), store, callback)
	if err != nil || found.Account != "alice" || found.ServerURL != bed.MCPURL || !found.ExpiresAt.Equal(page.ExpiresAt) {
		t.Fatalf("%+v %v", found, err)
	}
	if err := handler.Finish(t.Context(), callback); err != nil {
		t.Fatal(err)
	}
	for _, unknown := range []string{callback, webRedirect, webRedirect + "?state=x"} {
		if _, err := FindSignIn(t.Context(), store, unknown); !errors.Is(err, ErrUnknownSignIn) {
			t.Fatal(err)
		}
	}
}
