package mcpoauth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

// sealingKey is a key of one byte repeated.
func sealingKey(value byte) []byte { return bytes.Repeat([]byte{value}, 32) }

func newSealer(tb testing.TB, key []byte, older ...[]byte) *mcpoauth.AESGCMSealer {
	tb.Helper()
	sealer, err := mcpoauth.NewAESGCMSealer(key, older...)
	if err != nil {
		tb.Fatal(err)
	}
	return sealer
}

func TestSealedStoresKeepTheContract(t *testing.T) {
	over := func(inner storetest.Subject) storetest.Subject {
		open := inner.Open
		inner.Open = func(tb testing.TB, folder string) mcpoauth.Store {
			return mcpoauth.NewSealedStore(open(tb, folder), newSealer(tb, sealingKey(1)))
		}
		return inner
	}
	t.Run("memory", func(t *testing.T) { storetest.Run(t, over(inMemory())) })
	t.Run("file", func(t *testing.T) {
		files := storetest.Subject{Open: openFiles}
		files.Gone = func(tb testing.TB) mcpoauth.Store {
			folder := filepath.Join(tb.TempDir(), "removed")
			store := openFiles(tb, folder)
			if err := os.RemoveAll(folder); err != nil {
				tb.Fatal(err)
			}
			return store
		}
		storetest.Run(t, over(files))
	})
}

// The record is the same one that the other languages open.
func TestAFrozenSealedRecordOpens(t *testing.T) {
	text, err := os.ReadFile("../../tests/records/sealed-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var frozen struct {
		Key, Name, Plain, Sealed string
		Generation               uint64
	}
	if err := json.Unmarshal(text, &frozen); err != nil {
		t.Fatal(err)
	}
	decoded := func(text string) []byte {
		bytes, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	sealer := newSealer(t, sealingKey(7), decoded(frozen.Key))
	plain, err := sealer.Open(t.Context(), frozen.Name, frozen.Generation, decoded(frozen.Sealed))
	if err != nil || string(plain) != frozen.Plain {
		t.Fatalf("%q %v", plain, err)
	}
	ours, err := newSealer(t, decoded(frozen.Key)).Seal(t.Context(), frozen.Name, frozen.Generation, []byte(frozen.Plain))
	if err != nil || len(ours) != len(decoded(frozen.Sealed)) || !bytes.Equal(ours[:5], decoded(frozen.Sealed)[:5]) {
		t.Fatalf("%x %v", ours, err)
	}
}

func TestOnlyWhatWasSealedOpens(t *testing.T) {
	sealer := newSealer(t, sealingKey(1))
	sealed, err := sealer.Seal(t.Context(), "grant/one", 3, []byte("a record"))
	if err != nil {
		t.Fatal(err)
	}
	opens := func(name string, generation uint64, sealed []byte) bool {
		plain, err := sealer.Open(t.Context(), name, generation, sealed)
		if err == nil && string(plain) != "a record" {
			t.Fatalf("%q", plain)
		}
		return err == nil
	}
	if !opens("grant/one", 3, sealed) {
		t.Fatal("it does not open")
	}
	if opens("grant/two", 3, sealed) || opens("grant/one", 4, sealed) || opens("grant/one\x003", 3, sealed) {
		t.Fatal("it was moved and opens")
	}
	for length := range sealed {
		if opens("grant/one", 3, sealed[:length]) {
			t.Fatalf("%d bytes of it open", length)
		}
	}
	for at := range sealed {
		changed := bytes.Clone(sealed)
		changed[at] ^= 1
		if opens("grant/one", 3, changed) {
			t.Fatalf("it opens with another byte %d", at)
		}
	}
	again, err := sealer.Seal(t.Context(), "grant/one", 3, []byte("a record"))
	if err != nil || bytes.Equal(again, sealed) {
		t.Fatalf("a nonce was used twice (%v)", err)
	}
}

func TestARecordThatDoesNotOpenIsAnError(t *testing.T) {
	inner := &mcpoauth.MemoryStore{}
	store := mcpoauth.NewSealedStore(inner, newSealer(t, sealingKey(1)))
	save := func(store mcpoauth.Store, key string, record mcpoauth.Record) {
		t.Helper()
		if err := store.Save(t.Context(), key, 0, record); err != nil {
			t.Fatal(err)
		}
	}
	save(store, "grant/one", mcpoauth.Record{Generation: 1, Body: []byte("marked-secret")})
	held, err := inner.Load(t.Context(), "grant/one")
	if err != nil || bytes.Contains(held.Body, []byte("marked-secret")) {
		t.Fatalf("%q %v", held.Body, err)
	}
	save(inner, "grant/two", held)
	save(inner, "grant/three", mcpoauth.Record{Generation: 1, Body: []byte("marked-secret")})
	save(inner, "grant/four", mcpoauth.Record{Generation: 1})
	for _, key := range []string{"grant/two", "grant/three", "grant/four"} {
		record, err := store.Load(t.Context(), key)
		if err == nil || errors.Is(err, mcpoauth.ErrConflict) || record.Generation != 0 || record.Body != nil {
			t.Fatalf("%s: %v %v", key, record, err)
		}
		if said := fmt.Sprintf("%+v %#v", err, err); !strings.Contains(err.Error(), key) || strings.Contains(said, "marked") {
			t.Fatal(said)
		}
	}
	held.Generation = 2
	if err := inner.Save(t.Context(), "grant/one", 1, held); err != nil {
		t.Fatal(err)
	}
	if record, err := store.Load(t.Context(), "grant/one"); err == nil {
		t.Fatal(record)
	}
}

func TestKeysAreRotated(t *testing.T) {
	inner := &mcpoauth.MemoryStore{}
	first, second := sealingKey(1), sealingKey(2)
	under := func(key []byte, older ...[]byte) mcpoauth.Store {
		return mcpoauth.NewSealedStore(inner, newSealer(t, key, older...))
	}
	opens := func(store mcpoauth.Store) bool {
		held, err := store.Load(t.Context(), "grant/key")
		return err == nil && string(held.Body) == "x"
	}
	save := func(store mcpoauth.Store, generation uint64) {
		t.Helper()
		record := mcpoauth.Record{Generation: generation, Body: []byte("x")}
		if err := store.Save(t.Context(), "grant/key", generation-1, record); err != nil {
			t.Fatal(err)
		}
	}
	save(under(first), 1)
	if !opens(under(first, second)) || !opens(under(second, first)) || opens(under(second)) {
		t.Fatal("the first key has sealed it")
	}
	save(under(second, first), 2)
	if !opens(under(first, second)) || !opens(under(second)) || opens(under(first)) {
		t.Fatal("the second key has sealed it")
	}
}

func TestASealingKeyHasItsLengthAndIsNotShown(t *testing.T) {
	for _, length := range []int{0, 16, 31, 33} {
		if _, err := mcpoauth.NewAESGCMSealer(make([]byte, length)); err == nil {
			t.Fatal(length)
		}
		if _, err := mcpoauth.NewAESGCMSealer(sealingKey(1), make([]byte, length)); err == nil {
			t.Fatal(length)
		}
	}
	sealer := newSealer(t, sealingKey(1))
	store := mcpoauth.NewSealedStore(&mcpoauth.MemoryStore{}, sealer)
	for value, want := range map[any]string{sealer: "AESGCMSealer", store: "SealedStore(MemoryStore)"} {
		for _, form := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if shown := fmt.Sprintf(form, value); shown != want {
				t.Error(shown)
			}
		}
	}
}
