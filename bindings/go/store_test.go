package mcpoauth

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are of Unix")
	}
	folder := filepath.Join(t.TempDir(), "open to all")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	store, err := OpenFileStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Save(t.Context(), "grant/key", 0, Record{Generation: 1, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(folder, "grant-key"))
	if err != nil || string(written) != "mcp-oauth-record 1 1 -\nx" {
		t.Fatalf("%q %v", written, err)
	}
}

func TestARecordThatCannotBeReadIsNotOverwritten(t *testing.T) {
	store, err := OpenFileStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{
		"", "x", "mcp-oauth-record 1 1 -", "mcp-oauth-record 2 1 -\nx", "mcp-oauth-record 1 x -\nx",
		"mcp-oauth-record 1 1 x\nx", "mcp-oauth-record 1 1\nx", "another 1 1 -\nx",
	} {
		path := filepath.Join(store.folder.String(), "grant-key")
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		_, loaded := store.Load(t.Context(), "grant/key")
		saved := store.Save(t.Context(), "grant/key", 1, Record{Generation: 2, Body: []byte("x")})
		deleted := store.Delete(t.Context(), "grant/key", 1)
		if loaded == nil || saved == nil || deleted == nil || errors.Is(saved, ErrConflict) {
			t.Errorf("%q: %v %v %v", damaged, loaded, saved, deleted)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, []byte(damaged)) {
			t.Errorf("%q is %q now (%v)", damaged, after, err)
		}
	}
}

func TestTheDefaultStoreIsWhereTheUserKeepsState(t *testing.T) {
	home := t.TempDir()
	t.Setenv("MCP_OAUTH_HOME", home)
	store, err := DefaultStore()
	if err != nil || store.folder.String() != filepath.Join(home, "credentials") {
		t.Fatalf("%+v %v", store, err)
	}
	if runtime.GOOS == "linux" {
		t.Setenv("MCP_OAUTH_HOME", "")
		t.Setenv("XDG_STATE_HOME", home)
		if store, err = DefaultStore(); err != nil || store.folder.String() != filepath.Join(home, "mcp-oauth", "credentials") {
			t.Fatalf("%+v %v", store, err)
		}
	}
}

// stubborn is a store that misbehaves at one of its methods.
type stubborn struct {
	MemoryStore
	at  string
	how func() error
}

func (s *stubborn) misbehave(at string) error {
	if s.at == at {
		return s.how()
	}
	return nil
}

func (s *stubborn) Load(ctx context.Context, key string) (Record, error) {
	if err := s.misbehave("load"); err != nil {
		return Record{}, err
	}
	return s.MemoryStore.Load(ctx, key)
}

func (s *stubborn) Save(ctx context.Context, key string, expected uint64, record Record) error {
	if err := s.misbehave("save " + strings.SplitN(key, "/", 2)[0]); err != nil {
		return err
	}
	return s.MemoryStore.Save(ctx, key, expected, record)
}

func (s *stubborn) Delete(ctx context.Context, key string, expected uint64) error {
	if err := s.misbehave("delete"); err != nil {
		return err
	}
	return s.MemoryStore.Delete(ctx, key, expected)
}
