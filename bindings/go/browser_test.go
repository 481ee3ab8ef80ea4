//go:build unix

package mcpoauth

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "browser")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheBrowserOfTheUserSignsIn(t *testing.T) {
	const browser = "MCPOAUTH_TEST_BROWSER"
	if os.Getenv(browser) != "" {
		// The servers here consent by themselves: following their redirects is all that a browser does.
		if err := visit(flag.Arg(0)); err != nil {
			t.Fatal(err)
		}
		return
	}
	bed := testbed.Start(t, nil)
	t.Setenv(browser, "this process")
	t.Setenv("BROWSER", script(t, "exit 1")+":"+os.Args[0]+" -test.run=^TestTheBrowserOfTheUserSignsIn$")
	handler := handlerFor(t, bed, Options{UserAgent: SystemBrowser{}})
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := handler.Token(); err != nil {
		t.Fatal(err)
	}
}

func TestWhereNoBrowserCanBeOpenedThePageIsShown(t *testing.T) {
	bed := testbed.Start(t, nil)
	t.Setenv("BROWSER", "")
	t.Setenv("PATH", t.TempDir())
	err := handlerFor(t, bed, Options{UserAgent: SystemBrowser{}}).SignIn(t.Context())
	if wantCode(t, err, "declined"); !errors.Is(err, errNoBrowser) {
		t.Fatal(err)
	}
	shown := make(chan *Page, 1)
	handler := handlerFor(t, bed, Options{UserAgent: SystemBrowser{Show: func(page *Page) { shown <- page }}})
	waiting := aside(func() error { return handler.SignIn(t.Context()) })
	callback := consent(t, <-shown)
	if err := visit(callback); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, waiting); err != nil {
		t.Fatal(err)
	}
}
