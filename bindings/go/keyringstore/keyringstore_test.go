package keyringstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

// The keyring of these tests is a map, shared by all that is opened in this process.

func open(tb testing.TB, folder string) *Store {
	tb.Helper()
	store, err := Open(folder)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// openWithShortEntries opens a store for a keyring like that of Windows.
func openWithShortEntries(tb testing.TB, folder string) *Store {
	tb.Helper()
	known := longestEntry
	longestEntry = 100
	defer func() { longestEntry = known }()
	return open(tb, folder)
}

var errLocked = errors.New("the keyring is locked")

func TestTheKeyringKeepsTheContract(t *testing.T) {
	for name, open := range map[string]func(testing.TB, string) *Store{"whole": open, "in parts": openWithShortEntries} {
		t.Run(name, func(t *testing.T) {
			keyring.MockInit()
			storetest.Run(t, storetest.Subject{
				Open: func(tb testing.TB, folder string) mcpoauth.Store { return open(tb, folder) },
				Gone: func(tb testing.TB) mcpoauth.Store {
					store := open(tb, tb.TempDir())
					keyring.MockInitWithError(errLocked)
					tb.Cleanup(keyring.MockInit)
					return store
				},
				InProcess: true,
			})
		})
	}
}

func TestAKeyringThatCannotBeReachedIsAnError(t *testing.T) {
	keyring.MockInitWithError(errLocked)
	t.Cleanup(keyring.MockInit)
	if _, err := Open(t.TempDir()); !errors.Is(err, errLocked) {
		t.Fatal(err)
	}
}

func save(t *testing.T, store *Store, key string, generation uint64, body []byte) {
	t.Helper()
	record := mcpoauth.Record{Generation: generation, Body: body}
	if err := store.Save(t.Context(), key, generation-1, record); err != nil {
		t.Fatal(err)
	}
}

// held gives an entry of the keyring, in the form in which the other languages keep it.
func held(t *testing.T, name string) string {
	t.Helper()
	content, err := keyring.Get("mcp-oauth", name)
	if err != nil && !errors.Is(err, keyring.ErrNotFound) {
		t.Fatal(err)
	}
	return content
}

func TestOneEntryForEachRecordAndItsNameInAList(t *testing.T) {
	keyring.MockInit()
	home := t.TempDir()
	t.Setenv("MCP_OAUTH_HOME", home)
	store := open(t, "")
	save(t, store, "grant/one", 1, []byte("marked-secret"))
	save(t, store, "flow/two", 1, []byte("marked-secret"))
	if entry := held(t, "grant-one"); entry != "mcp-oauth-record 1 1 -\nmarked-secret" {
		t.Fatal(entry)
	}
	listed := func(want string) {
		t.Helper()
		names, err := os.ReadFile(filepath.Join(home, "keyring", "keyring-entries"))
		if err != nil || string(names) != want {
			t.Fatalf("%q %v", names, err)
		}
	}
	listed("grant-one\nflow-two")
	if err := store.Delete(t.Context(), "grant/one", 1); err != nil {
		t.Fatal(err)
	}
	listed("flow-two")
	if entry := held(t, "grant-one"); entry != "" {
		t.Fatal(entry)
	}
}

func TestALongRecordIsKeptInPartsThatAreRemoved(t *testing.T) {
	keyring.MockInit()
	store := openWithShortEntries(t, t.TempDir())
	long := bytes.Repeat([]byte{0xff, 0}, 105)
	save(t, store, "grant/key", 1, long)
	if head := held(t, "grant-key"); head != "parts 3 1" {
		t.Fatal(head)
	}
	save(t, store, "grant/key", 2, long)
	if head := held(t, "grant-key"); head != "parts 3 2" || held(t, "grant-key.1.0")+held(t, "grant-key.1.2") != "" {
		t.Fatal(head)
	}
	// A store for longer entries reads it too.
	record, err := open(t, t.TempDir()).Load(t.Context(), "grant/key")
	if err != nil || !bytes.Equal(record.Body, long) {
		t.Fatalf("%s %v", record, err)
	}
	save(t, store, "grant/key", 3, []byte("short"))
	if held(t, "grant-key.2.0")+held(t, "grant-key.2.1")+held(t, "grant-key.2.2") != "" {
		t.Fatal("parts are left")
	}
	save(t, store, "grant/key", 4, long)
	if err := keyring.Delete("mcp-oauth", "grant-key.1.1"); err != nil {
		t.Fatal(err)
	}
	if record, err := store.Load(t.Context(), "grant/key"); err == nil {
		t.Fatal(record)
	}
}

func TestARecordThatCannotBeReadIsNotOverwritten(t *testing.T) {
	keyring.MockInit()
	store := open(t, t.TempDir())
	for _, damaged := range []string{"x", "mcp-oauth-record 2 1 -\nmarked-secret", "parts x 1", "parts 1 99"} {
		if err := keyring.Set("mcp-oauth", "grant-key", damaged); err != nil {
			t.Fatal(err)
		}
		_, loaded := store.Load(t.Context(), "grant/key")
		saved := store.Save(t.Context(), "grant/key", 1, mcpoauth.Record{Generation: 2})
		first := store.Save(t.Context(), "grant/key", 0, mcpoauth.Record{Generation: 1})
		deleted := store.Delete(t.Context(), "grant/key", 1)
		for _, err := range []error{loaded, saved, first, deleted} {
			if err == nil || errors.Is(err, mcpoauth.ErrConflict) || strings.Contains(fmt.Sprintf("%v %#v", err, err), "marked") {
				t.Errorf("%q: %v", damaged, err)
			}
		}
		if now := held(t, "grant-key"); now != damaged {
			t.Errorf("%q is %q now", damaged, now)
		}
	}
}
