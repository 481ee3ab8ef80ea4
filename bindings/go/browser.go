package mcpoauth

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// SystemBrowser opens pages in the user's own browser, and listens on loopback for the way back (RFC 8252). It is the user
// agent of [Options] that name none.
//
// Tried in order: the commands of the environment variable BROWSER (separated by ":", or ";" on Windows; arguments by
// blanks; %s stands for the URL, which otherwise comes last), then the platform's own opener. No shell is involved.
type SystemBrowser struct {
	// KeepPort listens at the port of the redirect URI or not at all, even if that port was chosen by chance in an earlier run
	// and is taken now. Right for a client whose redirect URI is registered with a port of its own.
	KeepPort bool
	// Show is called where no browser can be opened, so that the user may copy the URL to one. Nil: the sign-in fails then.
	Show func(*Page)
	// CodeShown is called with a code for another device, under the grant [DeviceCode]. Nil: the code is printed on the standard
	// error.
	CodeShown func(*UserCode)
}

// browserPatience: a browser that fails does so at once; one that still runs by then is a browser.
const browserPatience = 3 * time.Second

// Bind implements [UserAgent].
func (b SystemBrowser) Bind(_ context.Context, preferred string) (*Redirect, error) {
	place, err := parsePlace(preferred)
	if err != nil {
		return nil, err
	}
	redirect, err := place.listen()
	if err != nil && !b.KeepPort {
		place.port = 0
		redirect, err = place.listen()
	}
	return redirect, err
}

// Open implements [UserAgent].
func (b SystemBrowser) Open(ctx context.Context, page *Page) (string, error) {
	commands := append(chosenBrowsers(os.Getenv("BROWSER"), page.URL()), platformBrowsers(page.URL())...)
	for _, command := range commands {
		if browse(ctx, command) {
			return "", nil
		}
	}
	if b.Show == nil {
		return "", errNoBrowser
	}
	b.Show(page)
	return "", nil
}

var errNoBrowser = errors.New("mcpoauth: no browser could be opened")

// chosenBrowsers are the commands that BROWSER names.
func chosenBrowsers(browser, url string) [][]string {
	var commands [][]string
	for _, alternative := range filepath.SplitList(browser) {
		words := strings.Fields(alternative)
		if len(words) == 0 {
			continue
		}
		placed := false
		for i, word := range words[1:] {
			placed = placed || strings.Contains(word, "%s")
			words[i+1] = strings.ReplaceAll(word, "%s", url)
		}
		if !placed {
			words = append(words, url)
		}
		commands = append(commands, words)
	}
	return commands
}

func platformBrowsers(url string) [][]string {
	switch runtime.GOOS {
	case "darwin":
		return [][]string{{"/usr/bin/open", url}}
	case "windows":
		return [][]string{{"rundll32", "url.dll,FileProtocolHandler", url}}
	default:
		// The last is for Linux within Windows.
		return [][]string{{"xdg-open", url}, {"gio", "open", url}, {"wslview", url}}
	}
}

// browse tells whether a browser took the URL.
func browse(ctx context.Context, command []string) bool {
	// Not CommandContext: the browser outlives the sign-in.
	started := exec.Command(command[0], command[1:]...)
	if started.Start() != nil {
		return false
	}
	ended := make(chan error, 1)
	// Reaped whenever the user closes it.
	go func() { ended <- started.Wait() }()
	patience := time.NewTimer(browserPatience)
	defer patience.Stop()
	select {
	case err := <-ended:
		return err == nil
	case <-patience.C:
	case <-ctx.Done():
	}
	return true
}
