package storetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

// A store that breaks the contract in one way, and the tests that tell.
type broken struct {
	mcpoauth.Store
	load   func(inner mcpoauth.Store, key string) (mcpoauth.Record, error)
	save   func(inner mcpoauth.Store, key string, expected uint64, record mcpoauth.Record) error
	delete func(inner mcpoauth.Store, key string, expected uint64) error
}

func (b *broken) Load(ctx context.Context, key string) (mcpoauth.Record, error) {
	if b.load == nil {
		return b.Store.Load(ctx, key)
	}
	return b.load(b.Store, key)
}

func (b *broken) Save(ctx context.Context, key string, expected uint64, record mcpoauth.Record) error {
	if b.save == nil {
		return b.Store.Save(ctx, key, expected, record)
	}
	return b.save(b.Store, key, expected, record)
}

func (b *broken) Delete(ctx context.Context, key string, expected uint64) error {
	if b.delete == nil {
		return b.Store.Delete(ctx, key, expected)
	}
	return b.delete(b.Store, key, expected)
}

var ctx = context.Background()

// overwrite writes whatever is held.
func overwrite(inner mcpoauth.Store, key string, record mcpoauth.Record) error {
	for {
		held, err := inner.Load(ctx, key)
		if err != nil {
			return err
		}
		if err := inner.Save(ctx, key, held.Generation, record); !errors.Is(err, mcpoauth.ErrConflict) {
			return err
		}
	}
}

// changing breaks what is saved.
func changing(change func(key *string, record *mcpoauth.Record)) broken {
	return broken{save: func(inner mcpoauth.Store, key string, expected uint64, record mcpoauth.Record) error {
		change(&key, &record)
		return inner.Save(ctx, key, expected, record)
	}}
}

var defects = map[string]struct {
	broken broken
	// tests are those that fail.
	tests []string
}{
	"no record is an error": {broken{load: func(inner mcpoauth.Store, key string) (mcpoauth.Record, error) {
		held, err := inner.Load(ctx, key)
		if err == nil && held.Generation == 0 {
			err = errors.New("not found")
		}
		return held, err
	}}, []string{"no record"}},
	"overwrites": {broken{save: func(inner mcpoauth.Store, key string, _ uint64, record mcpoauth.Record) error {
		return overwrite(inner, key, record)
	}}, []string{"no record", "compare and swap", "great generations", "racing writers", "reopened"}},
	"compares and then swaps": {broken{save: func(inner mcpoauth.Store, key string, expected uint64, record mcpoauth.Record) error {
		held, err := inner.Load(ctx, key)
		if err != nil || held.Generation != expected {
			return errors.Join(err, mcpoauth.ErrConflict)
		}
		time.Sleep(20 * time.Millisecond)
		return overwrite(inner, key, record)
	}}, []string{"racing writers", "racing processes"}},
	"deletes what is not there": {broken{delete: func(inner mcpoauth.Store, key string, expected uint64) error {
		if err := inner.Delete(ctx, key, expected); !errors.Is(err, mcpoauth.ErrConflict) {
			return err
		}
		return nil
	}}, []string{"no record", "compare and swap", "racing writers"}},
	"keeps short records": {changing(func(_ *string, record *mcpoauth.Record) {
		record.Body = record.Body[:min(len(record.Body), 64<<10)]
	}), []string{"unusual records"}},
	"keeps text": {changing(func(_ *string, record *mcpoauth.Record) {
		record.Body = []byte(strings.ToValidUTF8(string(record.Body), "?"))
	}), []string{"unusual records"}},
	"keeps generations as floating-point numbers": {changing(func(_ *string, record *mcpoauth.Record) {
		record.Generation = uint64(float64(record.Generation))
	}), []string{"great generations"}},
	"cuts keys": {broken{
		load: func(inner mcpoauth.Store, key string) (mcpoauth.Record, error) { return inner.Load(ctx, cut(key)) },
		save: func(inner mcpoauth.Store, key string, expected uint64, record mcpoauth.Record) error {
			return inner.Save(ctx, cut(key), expected, record)
		},
		delete: func(inner mcpoauth.Store, key string, expected uint64) error {
			return inner.Delete(ctx, cut(key), expected)
		},
	}, []string{"keys apart"}},
	"never sweeps": {changing(func(_ *string, record *mcpoauth.Record) {
		record.ExpiresAt = time.Time{}
	}), []string{"expiry"}},
	"sweeps too early": {changing(func(_ *string, record *mcpoauth.Record) {
		if !record.ExpiresAt.IsZero() {
			record.ExpiresAt = record.ExpiresAt.Add(-24 * time.Hour)
		}
	}), []string{"expiry"}},
	"remembers": {broken{load: func() func(mcpoauth.Store, string) (mcpoauth.Record, error) {
		var known sync.Map
		return func(inner mcpoauth.Store, key string) (mcpoauth.Record, error) {
			if held, found := known.Load(key); found {
				return held.(mcpoauth.Record), nil
			}
			held, err := inner.Load(ctx, key)
			known.Store(key, held)
			return held, err
		}
	}()}, []string{"compare and swap", "reopened"}},
	"acknowledges too early": {broken{save: func(inner mcpoauth.Store, key string, expected uint64, record mcpoauth.Record) error {
		held, err := inner.Load(ctx, key)
		if err != nil || held.Generation != expected {
			return errors.Join(err, mcpoauth.ErrConflict)
		}
		time.AfterFunc(500*time.Millisecond, func() { _ = inner.Save(ctx, key, expected, record) })
		return nil
	}}, []string{"compare and swap", "reopened"}},
	"takes a failure for a conflict": {broken{save: func(inner mcpoauth.Store, key string, expected uint64, record mcpoauth.Record) error {
		if inner.Save(ctx, key, expected, record) != nil {
			return mcpoauth.ErrConflict
		}
		return nil
	}}, []string{"gone"}},
	"takes a failure for no record": {broken{load: func(inner mcpoauth.Store, key string) (mcpoauth.Record, error) {
		held, _ := inner.Load(ctx, key)
		return held, nil
	}}, []string{"gone"}},
	"shows what it keeps": {broken{save: func(inner mcpoauth.Store, key string, expected uint64, record mcpoauth.Record) error {
		if err := inner.Save(ctx, key, expected, record); err != nil {
			return errors.Join(err, errors.New(string(record.Body)))
		}
		return nil
	}}, []string{"shows no record", "gone"}},
}

func cut(key string) string { return key[:min(len(key), 48)] }

// TestDefect runs the contract over a store with the defect that the environment names.
func TestDefect(t *testing.T) {
	name := os.Getenv("MCPOAUTH_DEFECT")
	if name == "" {
		return
	}
	open := func(tb testing.TB, folder string) mcpoauth.Store {
		files, err := mcpoauth.OpenFileStore(folder)
		if err != nil {
			tb.Fatal(err)
		}
		defect := defects[name].broken
		defect.Store = files
		return &defect
	}
	storetest.Run(t, storetest.Subject{Open: open, Gone: func(tb testing.TB) mcpoauth.Store {
		folder := tb.TempDir() + "/removed"
		store := open(tb, folder)
		if err := os.RemoveAll(folder); err != nil {
			tb.Fatal(err)
		}
		return store
	}})
}

func TestEachDefectIsFound(t *testing.T) {
	for name, defect := range defects {
		t.Run(name, func(t *testing.T) {
			for _, test := range defect.tests {
				command := exec.Command(os.Args[0], "-test.run", "^TestDefect$/^"+strings.ReplaceAll(test, " ", "_")+"$")
				command.Env = append(os.Environ(), "MCPOAUTH_DEFECT="+name)
				said, err := command.CombinedOutput()
				if err == nil || !strings.Contains(string(said), "--- FAIL: TestDefect/"+strings.ReplaceAll(test, " ", "_")) {
					t.Errorf("%s: %v\n%s", test, err, said)
				}
			}
		})
	}
}
