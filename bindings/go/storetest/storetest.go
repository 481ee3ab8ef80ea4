// Package storetest tests whether a [mcpoauth.Store] keeps its contract, one of your own or one that comes with this library:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Subject{
//			Open: func(tb testing.TB, folder string) mcpoauth.Store { … },
//		})
//	}
//
// Some tests are about several processes: they start the test's own program again and again, with -test.run naming the test
// that calls [Run], which then does another's part of the work and never returns. So call it once in a test, or in subtests
// of their own.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"testing"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// Subject is a store under test.
type Subject struct {
	// Open gives the store of a folder: each time for the same folder it finds the same records, in this process and in
	// others. A store that keeps nothing in files ignores it; the names of the records are never used twice. What is to be
	// closed is registered with tb.Cleanup.
	Open func(tb testing.TB, folder string) mcpoauth.Store
	// Gone gives a store that cannot reach what it keeps its records in. Nil where that cannot be.
	Gone func(tb testing.TB) mcpoauth.Store
	// InProcess says that the records are in the memory of this process.
	InProcess bool
}

// Run runs every test of the contract.
func Run(t *testing.T, subject Subject) {
	if part := partOfThisProcess(); part != nil {
		part.play(t, subject)
		return
	}
	tests := []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"no record", noRecord},
		{"compare and swap", compareAndSwap},
		{"unusual records", unusualRecords},
		{"great generations", greatGenerations},
		{"keys apart", keysApart},
		{"racing writers", racingWriters},
		{"expiry", expiry},
		{"reopened", reopened},
		{"a context that has ended", endedContext},
		{"shows no record", showsNoRecord},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, newBench(t, subject)) })
	}
	if subject.Gone != nil {
		t.Run("gone", func(t *testing.T) { gone(t, subject.Gone(t)) })
	}
	if !subject.InProcess {
		// The name of the test that calls Run, not of the subtest.
		name := t.Name()
		t.Run("racing processes", func(t *testing.T) { racingProcesses(t, newBench(t, subject), name) })
		t.Run("killed processes", func(t *testing.T) { killedProcesses(t, newBench(t, subject), name) })
	}
}

// bench is what one test works with.
type bench struct {
	subject Subject
	folder  string
	store   mcpoauth.Store
	// key is a key that nobody else uses.
	key string
}

func newBench(t *testing.T, subject Subject) *bench {
	folder := t.TempDir()
	return &bench{subject, folder, subject.Open(t, folder), newKey("grant/")}
}

// newKey gives a key like those of the machine: a folder and a digest.
func newKey(folder string) string {
	digest := make([]byte, 32)
	_, _ = rand.Read(digest)
	return folder + base64.RawURLEncoding.EncodeToString(digest)
}

// save writes a record over the generation before it.
func (b *bench) save(t *testing.T, generation uint64, body string) {
	t.Helper()
	record := mcpoauth.Record{Generation: generation, Body: []byte(body)}
	if err := b.store.Save(t.Context(), b.key, generation-1, record); err != nil {
		t.Fatal(err)
	}
}

// wants compares what a store holds. Generation 0 is no record.
func wants(t *testing.T, store mcpoauth.Store, key string, generation uint64, body string) {
	t.Helper()
	held, err := store.Load(context.WithoutCancel(t.Context()), key)
	if err != nil {
		t.Fatalf("%s cannot be read: %v", key, err)
	}
	if held.Generation != generation || string(held.Body) != body {
		t.Fatalf("%s holds generation %d in %d bytes, not generation %d in %d bytes",
			key, held.Generation, len(held.Body), generation, len(body))
	}
}
