package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// What the contract says of one process, test by test.

func isConflict(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, mcpoauth.ErrConflict) {
		t.Fatalf("%v is not ErrConflict", err)
	}
}

func noRecord(t *testing.T, b *bench) {
	wants(t, b.store, b.key, 0, "")
	isConflict(t, b.store.Save(t.Context(), b.key, 1, mcpoauth.Record{Generation: 2, Body: []byte("x")}))
	isConflict(t, b.store.Delete(t.Context(), b.key, 1))
	isConflict(t, b.store.Delete(t.Context(), b.key, 0))
	wants(t, b.store, b.key, 0, "")
}

func compareAndSwap(t *testing.T, b *bench) {
	ctx := t.Context()
	b.save(t, 1, "one\ntwo")
	wants(t, b.store, b.key, 1, "one\ntwo")
	for _, expected := range []uint64{0, 2, 7} {
		isConflict(t, b.store.Save(ctx, b.key, expected, mcpoauth.Record{Generation: expected + 1, Body: []byte("x")}))
		isConflict(t, b.store.Delete(ctx, b.key, expected))
		wants(t, b.store, b.key, 1, "one\ntwo")
	}
	// Generations need not be neighbours.
	if err := b.store.Save(ctx, b.key, 1, mcpoauth.Record{Generation: 5, Body: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	wants(t, b.store, b.key, 5, "new")
	isConflict(t, b.store.Save(ctx, b.key, 1, mcpoauth.Record{Generation: 6, Body: []byte("x")}))
	isConflict(t, b.store.Delete(ctx, b.key, 1))
	wants(t, b.store, b.key, 5, "new")
	if err := b.store.Delete(ctx, b.key, 5); err != nil {
		t.Fatal(err)
	}
	wants(t, b.store, b.key, 0, "")
	isConflict(t, b.store.Delete(ctx, b.key, 5))
	// What was removed can begin anew.
	b.save(t, 1, "again")
	wants(t, b.store, b.key, 1, "again")
}

func unusualRecords(t *testing.T, b *bench) {
	every := make([]byte, 256)
	for value := range every {
		every[value] = byte(value)
	}
	large := make([]byte, 1<<20)
	_, _ = rand.Read(large)
	bodies := [][]byte{
		{}, nil, {0}, []byte("\n"), []byte("a\r\nb\r\n"), []byte(" x "), every, large, bytes.Repeat([]byte{0xff}, 5000),
		[]byte("mcp-oauth-record 1 1 -\nx"), []byte("parts 2 1"), []byte("'; drop table mcp_oauth_records; --"), {}, []byte("x"),
	}
	for before, body := range bodies {
		b.save(t, uint64(before)+1, string(body))
		wants(t, b.store, b.key, uint64(before)+1, string(body))
		alone := newKey("flow/")
		if err := b.store.Save(t.Context(), alone, 0, mcpoauth.Record{Generation: 1, Body: body}); err != nil {
			t.Fatal(err)
		}
		wants(t, b.store, alone, 1, string(body))
	}
}

// greatGenerations are apart where numbers have 53 bits.
func greatGenerations(t *testing.T, b *bench) {
	held := uint64(0)
	for _, generation := range []uint64{1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		record := mcpoauth.Record{Generation: generation, Body: []byte("x")}
		if err := b.store.Save(t.Context(), b.key, held, record); err != nil {
			t.Fatal(err)
		}
		isConflict(t, b.store.Save(t.Context(), b.key, generation-1, record))
		isConflict(t, b.store.Delete(t.Context(), b.key, generation-1))
		wants(t, b.store, b.key, generation, "x")
		held = generation
	}
}

func keysApart(t *testing.T, b *bench) {
	key := newKey("grant/")
	digest := strings.TrimPrefix(key, "grant/")
	keys := []string{
		key, "flow/" + digest, key[:len(key)-1] + "_", key[:len(key)-1] + "-", key[:len(key)-1], key + "x", key + "%",
	}
	for _, key := range keys {
		record := mcpoauth.Record{Generation: 1, Body: []byte(key)}
		if err := b.store.Save(t.Context(), key, 0, record); err != nil {
			t.Fatal(err)
		}
	}
	for at, key := range keys {
		for _, other := range keys[at:] {
			wants(t, b.store, other, 1, other)
		}
		if err := b.store.Delete(t.Context(), key, 1); err != nil {
			t.Fatal(err)
		}
	}
}

// racingWriters: of those who write at once, one does.
func racingWriters(t *testing.T, b *bench) {
	const writers, rounds = 8, 6
	race := func(write func(writer int) error) (winner int) {
		t.Helper()
		var group sync.WaitGroup
		results := make([]error, writers)
		start := make(chan struct{})
		for writer := range writers {
			group.Go(func() {
				<-start
				results[writer] = write(writer)
			})
		}
		close(start)
		group.Wait()
		winner = -1
		for writer, err := range results {
			switch {
			case err == nil && winner >= 0:
				t.Fatal("two have written")
			case err == nil:
				winner = writer
			default:
				isConflict(t, err)
			}
		}
		if winner < 0 {
			t.Fatal("nobody has written")
		}
		return winner
	}
	for round := range uint64(rounds) {
		winner := race(func(writer int) error {
			record := mcpoauth.Record{Generation: round + 1, Body: fmt.Append(nil, "writer ", writer)}
			return b.store.Save(t.Context(), b.key, round, record)
		})
		wants(t, b.store, b.key, round+1, fmt.Sprint("writer ", winner))
	}
	race(func(int) error { return b.store.Delete(t.Context(), b.key, rounds) })
	wants(t, b.store, b.key, 0, "")
}

// expiry: a record may go when it is worth nothing any more, not before, and does not stay for ever.
func expiry(t *testing.T, b *bench) {
	save := func(key string, expiry time.Time) {
		t.Helper()
		record := mcpoauth.Record{Generation: 1, Body: []byte("x"), ExpiresAt: expiry}
		if err := b.store.Save(t.Context(), key, 0, record); err != nil {
			t.Fatal(err)
		}
	}
	old, later, soon := newKey("flow/"), newKey("flow/"), newKey("flow/")
	save(b.key, time.Time{})
	save(old, time.Now().Add(-2*time.Hour))
	save(later, time.Now().Add(time.Hour))
	save(soon, time.Now().Add(time.Minute))
	wants(t, b.store, old, 0, "")
	for _, key := range []string{b.key, later, soon} {
		wants(t, b.store, key, 1, "x")
	}
	// The last writing says when it ends.
	if err := b.store.Save(t.Context(), later, 1, mcpoauth.Record{Generation: 2, Body: []byte("y")}); err != nil {
		t.Fatal(err)
	}
	record := mcpoauth.Record{Generation: 2, Body: []byte("y"), ExpiresAt: time.Now().Add(-2 * time.Hour)}
	if err := b.store.Save(t.Context(), soon, 1, record); err != nil {
		t.Fatal(err)
	}
	save(newKey("flow/"), time.Now().Add(time.Minute))
	wants(t, b.store, soon, 0, "")
	for key, generation := range map[string]uint64{b.key: 1, later: 2} {
		if held, err := b.store.Load(t.Context(), key); err != nil || held.Generation != generation {
			t.Fatalf("%s %v", held, err)
		}
	}
}

func reopened(t *testing.T, b *bench) {
	removed := newKey("flow/")
	if err := b.store.Save(t.Context(), removed, 0, mcpoauth.Record{Generation: 1, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Delete(t.Context(), removed, 1); err != nil {
		t.Fatal(err)
	}
	b.save(t, 1, "kept")
	again := b.subject.Open(t, b.folder)
	wants(t, again, b.key, 1, "kept")
	wants(t, again, removed, 0, "")
	isConflict(t, again.Save(t.Context(), b.key, 0, mcpoauth.Record{Generation: 1, Body: []byte("x")}))
	if err := again.Save(t.Context(), b.key, 1, mcpoauth.Record{Generation: 2, Body: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	// Nothing is remembered from before that another has changed.
	wants(t, b.store, b.key, 2, "new")
	isConflict(t, b.store.Delete(t.Context(), b.key, 1))
}

// endedContext: whoever gives up in time is told of no conflict and of no missing record.
func endedContext(t *testing.T, b *bench) {
	b.save(t, 1, "x")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if held, err := b.store.Load(ended, b.key); err == nil && held.Generation != 1 {
		t.Fatal("a record is missing")
	}
	saved := b.store.Save(ended, b.key, 1, mcpoauth.Record{Generation: 2, Body: []byte("y")})
	if errors.Is(saved, mcpoauth.ErrConflict) {
		t.Fatal(saved)
	}
	if saved == nil {
		wants(t, b.store, b.key, 2, "y")
	} else if !errors.Is(saved, context.Canceled) {
		t.Fatalf("%v does not say that the context was cancelled", saved)
	}
}

func showsNoRecord(t *testing.T, b *bench) {
	const secret = "marked-secret"
	b.save(t, 1, secret)
	held, err := b.store.Load(t.Context(), b.key)
	if err != nil {
		t.Fatal(err)
	}
	conflict := b.store.Save(t.Context(), b.key, 0, mcpoauth.Record{Generation: 1, Body: []byte(secret)})
	for _, value := range []any{b.store, held, conflict} {
		if shown := fmt.Sprintf("%v %+v %#v", value, value, value); strings.Contains(shown, secret) {
			t.Fatal(shown)
		}
	}
}

// gone: an error is neither a conflict nor a missing record, and tells nothing of what is kept.
func gone(t *testing.T, store mcpoauth.Store) {
	const secret = "marked-secret"
	record := mcpoauth.Record{Generation: 1, Body: []byte(secret)}
	_, loaded := store.Load(t.Context(), newKey("grant/"))
	for what, err := range map[string]error{
		"Load":         loaded,
		"first Save":   store.Save(t.Context(), newKey("grant/"), 0, record),
		"Save":         store.Save(t.Context(), newKey("grant/"), 1, record),
		"expired Save": store.Save(t.Context(), newKey("flow/"), 0, mcpoauth.Record{Generation: 1, ExpiresAt: time.Now()}),
		"Delete":       store.Delete(t.Context(), newKey("grant/"), 1),
	} {
		if err == nil || errors.Is(err, mcpoauth.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		} else if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, secret) {
			t.Errorf("%s: %s", what, shown)
		}
	}
}
