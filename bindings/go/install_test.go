//go:build unix

package mcpoauth_test

import (
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADMEInstall does what the page says, in the home folder of somebody else, with this clone and this package in place of
// published ones, and compiles a program with what came of it.
func TestREADMEInstall(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippet := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(readme)
	if snippet == nil {
		t.Fatal("the page does not say how it is installed")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	home := otherHome(t)
	program := filepath.Join(home, "program")
	const path = "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	write(t, program, "go.mod", "module example.com/program\n\ngo 1.25.0\n\nreplace "+path+" => "+here+"\n")
	write(t, program, "main.go", "package main\n\nimport _ \""+path+"\"\n\nfunc main() {}\n")
	// Neither is published anywhere yet.
	const stand = `git() { ln -s "$ROOT" mcp-oauth-core; }
go() { if [ "$1" = get ]; then command go mod tidy; else command go "$@"; fi; }
`
	shell := exec.Command("sh", "-euc", stand+string(snippet[1])+"go run .\n")
	shell.Dir = program
	shell.Env = append(os.Environ(), "HOME="+home, "ROOT="+filepath.Join(here, "../.."), "PKG_CONFIG_PATH=", "GOFLAGS=-mod=mod",
		// Keeps what is built here apart in Go's build cache, which does not see where the library lies.
		fmt.Sprintf("CGO_CFLAGS=-DMCP_OAUTH_LIBRARY=%d", crc32.ChecksumIEEE([]byte(home))))
	for _, tool := range []string{"GOMODCACHE", "GOCACHE", "GOPATH"} {
		known, err := exec.Command("go", "env", tool).Output()
		if err != nil {
			t.Fatal(err)
		}
		shell.Env = append(shell.Env, tool+"="+strings.TrimSpace(string(known)))
	}
	for tool, folder := range map[string]string{"CARGO_HOME": ".cargo", "RUSTUP_HOME": ".rustup"} {
		if os.Getenv(tool) == "" {
			shell.Env = append(shell.Env, tool+"="+filepath.Join(os.Getenv("HOME"), folder))
		}
	}
	if said, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, installed := range []string{"lib/libmcp_oauth_ffi.a", "include/mcp_oauth.h", "lib/pkgconfig/mcp-oauth-go.pc"} {
		if _, err := os.Stat(filepath.Join(home, ".local", installed)); err != nil {
			t.Error(err)
		}
	}
}

// otherHome is an empty folder, the same in each run: Go's build cache remembers where the library was.
func otherHome(t *testing.T) string {
	t.Helper()
	cache := os.Getenv("CARGO_TARGET_DIR")
	if cache == "" {
		t.Fatal("run this by with-library, which sets CARGO_TARGET_DIR")
	}
	home := filepath.Join(cache, "go-readme")
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	return home
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
