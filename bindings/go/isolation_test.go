package mcpoauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Can anything of one account, server or sign-in be taken for another's?

// tenant is a web back end for one of its users.
func tenant(t *testing.T, bed *testbed.Bed, store Store, account string) *Handler {
	t.Helper()
	return handlerWith(t, web(bed), Options{Store: store, Account: account, UserAgent: NoUserAgent{}})
}

// called is what the MCP server answers to the call of a tool.
func called(t *testing.T, bed *testbed.Bed, handler *Handler, tool string) (string, error) {
	t.Helper()
	answer, err := sent(t, bed, handler, "tools/call", `{"name":"`+tool+`","arguments":{"text":"milk"}}`)
	if err != nil {
		return "", err
	}
	var said struct {
		Result struct {
			Content []struct{ Text string }
		}
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		t.Fatal(err)
	}
	return said.Result.Content[0].Text, nil
}

// sent is what the MCP server answers to a request.
func sent(t *testing.T, bed *testbed.Bed, handler *Handler, method, parameters string) ([]byte, error) {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + parameters + `}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, bed.MCPURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("MCP-Protocol-Version", "2025-11-25")
	response, err := handler.Transport(nil).RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %v", response.Status, err)
	}
	return answer, nil
}

// wantPerson checks for whom the MCP server takes a handler's token.
func wantPerson(t *testing.T, bed *testbed.Bed, handler *Handler, person string) {
	t.Helper()
	answer, err := called(t, bed, handler, "whoami")
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Subject string }
	if err := json.Unmarshal([]byte(answer), &said); err != nil || said.Subject != person {
		t.Fatalf("%s is not %s: %v", answer, person, err)
	}
}

func signInAs(t *testing.T, handler *Handler, person string) {
	t.Helper()
	if err := handler.Finish(t.Context(), consentOf(t, begun(t, handler), person)); err != nil {
		t.Fatal(err)
	}
}

func held(t *testing.T, store Store, key string) Record {
	t.Helper()
	record, err := store.Load(t.Context(), key)
	if err != nil || record.Generation == 0 {
		t.Fatalf("%s: %v", key, err)
	}
	return record
}

// plant puts a record where another belongs.
func plant(t *testing.T, store Store, key string, record Record) {
	t.Helper()
	before, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Save(t.Context(), key, before.Generation, record); err != nil {
		t.Fatal(err)
	}
}

func flowKey(t *testing.T, page *Page) string {
	t.Helper()
	key, err := machine.KeyOfCallback(webRedirect + "?state=" + page.State())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestEachAccountOfAServerSpeaksForItselfOnEveryReplica(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	accounts := []string{"alice", "bob", "carol"}
	var one, other []*Handler
	var pages []*Page
	for _, account := range accounts {
		one = append(one, tenant(t, bed, store, account))
		other = append(other, tenant(t, bed, store, account))
		pages = append(pages, begun(t, one[len(one)-1]))
	}
	for position := len(accounts) - 1; position >= 0; position-- {
		callback := consentOf(t, pages[position], accounts[position])
		if err := other[position].Finish(t.Context(), callback); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for position, account := range accounts {
			wantPerson(t, bed, one[position], account)
			wantPerson(t, bed, other[position], account)
		}
		bed.ExpireAccessTokens()
	}
	counts := bed.Counts()
	if counts.CodeExchanges != 3 || counts.Refreshes != 3 || counts.ReuseDetections != 0 || counts.Registrations != 3 {
		t.Fatalf("%+v", counts)
	}
}

func TestACallbackEndsNoSignInButItsOwn(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	alice := tenant(t, bed, store, "alice")
	page := begun(t, alice)
	callback := consentOf(t, page, "alice")
	before := held(t, store, flowKey(t, page))
	elsewhere := web(bed)
	elsewhere.ServerURL += "/other"
	for _, stranger := range []*Handler{
		tenant(t, bed, store, "bob"),
		tenant(t, bed, store, ""),
		handlerWith(t, elsewhere, Options{Store: store, Account: "alice"}),
	} {
		if err := stranger.Finish(t.Context(), callback); !errors.Is(err, ErrUnknownSignIn) {
			t.Fatal(err)
		}
	}
	if after := held(t, store, flowKey(t, page)); !reflect.DeepEqual(after, before) || bed.Asked("token") != 0 {
		t.Fatal("it was touched")
	}
	if err := alice.Finish(t.Context(), callback); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, bed, alice, "alice")
}

func TestAGrantIsGoodForItsOwnAccountAndServerAlone(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	alice := tenant(t, bed, store, "alice")
	signInAs(t, alice, "alice")
	grant := held(t, store, alice.GrantKey())
	elsewhere := web(bed)
	elsewhere.ServerURL += "/other"
	for _, thief := range []*Handler{
		tenant(t, bed, store, "bob"),
		tenant(t, bed, store, ""),
		handlerWith(t, elsewhere, Options{Store: store, Account: "alice"}),
	} {
		plant(t, store, thief.GrantKey(), grant)
		seen := len(bed.Log())
		for _, attempt := range []func() error{
			func() error { return thief.SignIn(t.Context()) },
			func() error { return thief.StoreChanged(t.Context()) },
			func() error { _, err := thief.Token(); return err },
			func() error { _, err := thief.Begin(t.Context()); return err },
		} {
			wantCode(t, attempt(), "bad_record")
		}
		if after := held(t, store, thief.GrantKey()); !reflect.DeepEqual(after, grant) || len(bed.Log()) != seen {
			t.Fatal("something was written or sent")
		}
	}
	wantPerson(t, bed, alice, "alice")
}

func TestAPendingSignInIsFoundUnderItsOwnStateAlone(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	alice, bob := tenant(t, bed, store, "alice"), tenant(t, bed, store, "bob")
	signInAs(t, alice, "alice")
	exchanges := bed.Asked("token")
	mine := begun(t, bob)
	// Another account's, another of the same account, and a grant.
	for _, planted := range []Record{
		held(t, store, flowKey(t, begun(t, tenant(t, bed, store, "carol")))),
		held(t, store, flowKey(t, mine)),
		held(t, store, alice.GrantKey()),
	} {
		page := begun(t, bob)
		planted.ExpiresAt = time.Time{}
		plant(t, store, flowKey(t, page), planted)
		if err := bob.Finish(t.Context(), consentOf(t, page, "bob")); !errors.Is(err, ErrUnknownSignIn) {
			t.Fatal(err)
		}
		if after := held(t, store, flowKey(t, page)); !reflect.DeepEqual(after, planted) {
			t.Fatal("it was touched")
		}
	}
	// And one of which the store of this replica knows nothing.
	theirs := consentOf(t, begun(t, tenant(t, bed, &MemoryStore{}, "bob")), "bob")
	if err := bob.Finish(t.Context(), theirs); !errors.Is(err, ErrUnknownSignIn) {
		t.Fatal(err)
	}
	if bed.Asked("token") != exchanges {
		t.Fatal("a code was sent")
	}
	if err := bob.Finish(t.Context(), consentOf(t, mine, "bob")); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, bed, bob, "bob")
}

func TestNewsOfAnotherAccountChangesNothingHere(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	alice, bob := tenant(t, bed, store, "alice"), tenant(t, bed, store, "bob")
	signInAs(t, alice, "alice")
	signInAs(t, bob, "bob")
	bobs := held(t, store, bob.GrantKey())
	token, err := bob.Token()
	if err != nil {
		t.Fatal(err)
	}
	plant(t, store, bob.GrantKey(), held(t, store, alice.GrantKey()))
	wantCode(t, bob.StoreChanged(t.Context()), "bad_record")
	if still, err := bob.Token(); err != nil || still.AccessToken != token.AccessToken {
		t.Fatal(err)
	}
	plant(t, store, bob.GrantKey(), bobs)
	wantPerson(t, bed, bob, "bob")
	wantPerson(t, bed, alice, "alice")
}

func TestWhatIsSealedOpensUnderItsOwnNameAndKeyAlone(t *testing.T) {
	bed := testbed.Start(t, nil)
	records := &MemoryStore{}
	sealed := func(key byte) Store {
		sealer, err := NewAESGCMSealer(bytes.Repeat([]byte{key}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return NewSealedStore(records, sealer)
	}
	alice, bob := tenant(t, bed, sealed(1), "alice"), tenant(t, bed, sealed(1), "bob")
	signInAs(t, alice, "alice")
	record := held(t, records, alice.GrantKey())
	plant(t, records, bob.GrantKey(), record)
	seen := len(bed.Log())
	for _, stranger := range []*Handler{bob, tenant(t, bed, sealed(2), "alice")} {
		_, err := stranger.Begin(t.Context())
		wantCode(t, err, "store_failed")
		wantCode(t, stranger.SignIn(t.Context()), "store_failed")
	}
	if after := held(t, records, alice.GrantKey()); !reflect.DeepEqual(after, record) || len(bed.Log()) != seen {
		t.Fatal("something was written or sent")
	}
	// Nor does a replica with another key take a callback.
	carol := tenant(t, bed, sealed(1), "carol")
	callback := consentOf(t, begun(t, carol), "carol")
	if err := tenant(t, bed, sealed(2), "carol").Finish(t.Context(), callback); err == nil {
		t.Fatal("it was taken")
	}
	if err := carol.Finish(t.Context(), callback); err != nil {
		t.Fatal(err)
	}
	wantPerson(t, bed, carol, "carol")
}

func TestServersBehindOneAuthorizationServerShareNothing(t *testing.T) {
	// Of both resources, which only one of these servers knows.
	ignored := map[string]any{"resource": "ignored"}
	bed := testbed.Start(t, testbed.Behaviour{
		"authorization": ignored, "refresh": ignored, "token": map[string]any{"resource": "ignored", "lifetime": 1},
	})
	neighbour := testbed.Start(t, testbed.Behaviour{
		"resource_metadata": map[string]any{"authorization_servers": []string{bed.Issuer}},
	})
	store := &MemoryStore{}
	var handlers []*Handler
	for _, server := range []*testbed.Bed{bed, neighbour} {
		settings := web(server)
		settings.RefreshSkew = time.Millisecond
		handlers = append(handlers, handlerWith(t, settings, Options{Store: store, Account: "alice"}))
	}
	callback := consent(t, begun(t, handlers[0]))
	if err := handlers[1].Finish(t.Context(), callback); !errors.Is(err, ErrUnknownSignIn) {
		t.Fatal(err)
	}
	if err := handlers[0].Finish(t.Context(), callback); err != nil {
		t.Fatal(err)
	}
	signInAs(t, handlers[1], "alice")
	time.Sleep(1050 * time.Millisecond)
	var tokens []string
	for _, handler := range handlers {
		token, err := handler.Token()
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token.AccessToken)
	}
	if tokens[0] == tokens[1] {
		t.Fatal("one token for two servers")
	}
	for position, elsewhere := range []*testbed.Bed{neighbour, bed} {
		held, err := handlers[position].driver.credential(context.Background(), http.MethodPost, elsewhere.MCPURL)
		if err != nil || held.value != "" {
			t.Fatalf("a token of another server: %v", err)
		}
	}
	// Each client asks for one resource, then and for ever.
	asked := func(endpoint string) (pairs []string) {
		for _, entry := range bed.Log() {
			if entry.Endpoint == endpoint {
				pairs = append(pairs, entry.Values["client_id"]+" "+entry.Values["resource"])
			}
		}
		sort.Strings(pairs)
		return pairs
	}
	if first := asked("token"); len(first) != 2 || !reflect.DeepEqual(first, asked("refresh")) {
		t.Fatalf("%q %q", first, asked("refresh"))
	}
}
