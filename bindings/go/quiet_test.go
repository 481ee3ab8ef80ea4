package mcpoauth

import (
	"errors"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

// What happens where there is nothing to do, or nothing that can be done?

// asked is how many requests there were but those of the MCP client.
func asked(bed *testbed.Bed) int { return len(bed.Log()) - bed.Asked("mcp") }

// wantPage checks that a person is needed, and gives the page.
func wantPage(t *testing.T, err error) *Page {
	t.Helper()
	var needed *NeedsUserError
	if !errors.As(err, &needed) {
		t.Fatalf("%v", err)
	}
	return needed.Page()
}

// call calls a tool, and must not hang.
func call(t *testing.T, bed *testbed.Bed, handler *Handler, tool string) error {
	t.Helper()
	return wait(t, aside(func() error {
		_, err := called(t, bed, handler, tool)
		return err
	}))
}

func TestAServerThatWantsNoTokenCostsNoRequest(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"challenge": map[string]any{"guards": "tool_calls"}})
	store := &MemoryStore{}
	handler := tenant(t, bed, store, "")
	for range 3 {
		if _, err := sent(t, bed, handler, "tools/list", "{}"); err != nil {
			t.Fatal(err)
		}
	}
	if len(bed.Log()) != 3 || bed.Asked("mcp") != 3 || len(store.records) != 0 {
		t.Fatalf("%v", bed.Log())
	}
}

func TestMetadataThatIsNowhereIsNotLookedForAgainAtOnce(t *testing.T) {
	nowhere := map[string]any{"served_at": []string{}}
	bed := testbed.Start(t, testbed.Behaviour{
		"challenge": map[string]any{"resource_metadata": nil}, "resource_metadata": nowhere, "server_metadata": nowhere,
	})
	handler := handlerFor(t, bed, Options{})
	wantCode(t, call(t, bed, handler, "whoami"), "no_metadata")
	first := asked(bed)
	for range 3 {
		wantCode(t, call(t, bed, handler, "whoami"), "no_metadata")
	}
	if first == 0 || asked(bed) != first {
		t.Fatalf("%d, then %d", first, asked(bed))
	}
	// Somebody wants it all the same.
	wantCode(t, handler.SignIn(t.Context()), "no_metadata")
	if asked(bed) == first {
		t.Fatal("nobody looked")
	}
}

func TestAPageIsToldEachTimeWithoutARequest(t *testing.T) {
	for _, agent := range []UserAgent{NoUserAgent{}, Headless{}} {
		bed := testbed.Start(t, testbed.Behaviour{"authorization": map[string]any{"consent": "page"}})
		handler := handlerWith(t, web(bed), Options{UserAgent: agent})
		page := wantPage(t, call(t, bed, handler, "whoami"))
		first := asked(bed)
		for range 3 {
			if again := wantPage(t, call(t, bed, handler, "whoami")); again.URL() != page.URL() {
				t.Fatal("another page")
			}
			if again := wantPage(t, handler.SignIn(t.Context())); again.URL() != page.URL() {
				t.Fatal("another page")
			}
		}
		if asked(bed) != first {
			t.Fatalf("%d, then %d", first, asked(bed))
		}
		if _, visited := agent.(Headless); visited {
			// The testbed takes no authorization request twice.
			continue
		}
		bed.Behave(testbed.Behaviour{})
		if err := handler.Finish(t.Context(), consentOf(t, page, "alice")); err != nil {
			t.Fatal(err)
		}
		wantPerson(t, bed, handler, "alice")
	}
}

func TestWhoeverWaitsForAPersonFindsWhatAnotherProcessHasFinished(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	here, told, there := tenant(t, bed, store, ""), tenant(t, bed, store, ""), tenant(t, bed, store, "")
	page := wantPage(t, call(t, bed, here, "whoami"))
	wantPage(t, call(t, bed, told, "whoami"))
	if err := there.Finish(t.Context(), consentOf(t, page, "alice")); err != nil {
		t.Fatal(err)
	}
	if err := told.StoreChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	if source, err := told.TokenSource(t.Context()); source == nil || err != nil {
		t.Fatalf("it was told: %v", err)
	}
	wantPerson(t, bed, here, "alice")
	wantPerson(t, bed, told, "alice")
	if counts := bed.Counts(); counts.CodeExchanges != 1 {
		t.Fatalf("%+v", counts)
	}
}

func TestAPageWhereThePersonSaidNoIsFollowedByAnother(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	here, there := tenant(t, bed, store, ""), tenant(t, bed, store, "")
	page := wantPage(t, call(t, bed, here, "whoami"))
	bed.Behave(testbed.Behaviour{"authorization": map[string]any{"error": map[string]any{"error": "access_denied"}}})
	wantCode(t, there.Finish(t.Context(), consent(t, page)), "access_denied")
	bed.Behave(testbed.Behaviour{})
	next := wantPage(t, call(t, bed, here, "whoami"))
	if next.URL() == page.URL() {
		t.Fatal("the same page")
	}
	if err := there.Finish(t.Context(), consentOf(t, next, "alice")); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, bed, here, "alice")
}

func TestAPageThatNobodyCameToIsFollowedByAnother(t *testing.T) {
	bed := testbed.Start(t, nil)
	settings := web(bed)
	settings.SignInTimeout = 300 * time.Millisecond
	handler := handlerWith(t, settings, Options{UserAgent: NoUserAgent{}})
	page := wantPage(t, handler.SignIn(t.Context()))
	time.Sleep(350 * time.Millisecond)
	next := wantPage(t, call(t, bed, handler, "whoami"))
	if next.URL() == page.URL() {
		t.Fatal("the same page")
	}
	if err := handler.Finish(t.Context(), consentOf(t, next, "alice")); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, bed, handler, "alice")
}

func TestAStepUpThatNobodyAnswersDoesNotKeepTokensFromBeingRefreshed(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"token": map[string]any{"lifetime": 2}})
	settings := web(bed)
	settings.RefreshSkew = time.Millisecond
	handler := handlerWith(t, settings, Options{UserAgent: NoUserAgent{}})
	page := wantPage(t, call(t, bed, handler, "whoami"))
	if err := handler.Finish(t.Context(), consentOf(t, page, "alice")); err != nil {
		t.Fatal(err)
	}
	page = wantPage(t, call(t, bed, handler, "write_note"))
	time.Sleep(2050 * time.Millisecond)
	bed.Behave(testbed.Behaviour{})
	wantPerson(t, bed, handler, "alice")
	if counts := bed.Counts(); counts.Refreshes != 1 {
		t.Fatalf("%+v", counts)
	}
	// And the person may still come.
	if err := handler.Finish(t.Context(), consentOf(t, page, "alice")); err != nil {
		t.Fatal(err)
	}
	if err := call(t, bed, handler, "write_note"); err != nil {
		t.Fatal(err)
	}
}

func TestWhatDoesNotWaitForAPersonEndsTheWaiting(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := tenant(t, bed, &MemoryStore{}, "")
	wantPage(t, handler.SignIn(t.Context()))
	tokens := brought()
	tokens.Issuer, tokens.TokenEndpoint = bed.Issuer, bed.Issuer+"/token"
	if err := handler.ProvideTokens(t.Context(), tokens); err != nil {
		t.Fatal(err)
	}
	if token, err := handler.Token(); err != nil || token.AccessToken != "brought-access" {
		t.Fatal(err)
	}
	if err := handler.SignOut(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	page := wantPage(t, handler.SignIn(t.Context()))
	if err := handler.SignOut(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if next := wantPage(t, handler.SignIn(t.Context())); next.URL() == page.URL() {
		t.Fatal("the same page")
	}
}
