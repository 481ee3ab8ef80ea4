// Package testbed starts a protected MCP server and its authorization server for a test.
package testbed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Bed is a pair of servers on this machine.
type Bed struct {
	MCPURL string `json:"mcp_url"`
	Issuer string `json:"issuer"`
	Admin  string `json:"admin_url"`

	tb testing.TB
}

// Counts are how often something happened.
type Counts struct {
	Registrations   int `json:"registrations"`
	Authorizations  int `json:"authorizations"`
	CodeExchanges   int `json:"code_exchanges"`
	Refreshes       int `json:"refreshes"`
	ReuseDetections int `json:"reuse_detections"`
	ToolCalls       int `json:"tool_calls"`
}

// Behaviour is what the servers do otherwise than usual, as JSON.
type Behaviour map[string]any

// Start starts a testbed, and stops it when the test is over. A test that leaves a breach of the rules behind has failed.
func Start(tb testing.TB, behaviour Behaviour) *Bed {
	tb.Helper()
	program, err := built()
	if err != nil {
		tb.Fatal(err)
	}
	command := exec.Command(program, "--behaviour", "-")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	if behaviour == nil {
		behaviour = Behaviour{}
	}
	if err := json.NewEncoder(stdin).Encode(behaviour); err != nil {
		tb.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		tb.Fatal(err)
	}
	bed := &Bed{tb: tb}
	if err := json.Unmarshal(line, bed); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		var breaches []any
		bed.get("/breaches", &breaches)
		if len(breaches) > 0 {
			tb.Errorf("the client broke the rules: %v", breaches)
		}
	})
	return bed
}

// built builds the testbed once.
var built = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "../../../..")
	arguments := []string{
		"build", "-q", "--manifest-path", filepath.Join(root, "Cargo.toml"), "-p", "mcp-oauth-testbed",
		"--bin", "mcp-oauth-testbed", "--message-format", "json-render-diagnostics",
	}
	command := exec.Command("cargo", arguments...)
	command.Stderr = os.Stderr
	messages, err := command.Output()
	if err != nil {
		return "", err
	}
	for decoder := json.NewDecoder(bytes.NewReader(messages)); ; {
		var message struct {
			Executable string `json:"executable"`
		}
		if err := decoder.Decode(&message); err != nil {
			return "", err
		}
		if message.Executable != "" {
			return message.Executable, nil
		}
	}
})

// Counts tells what happened so far.
func (b *Bed) Counts() Counts {
	var counts Counts
	b.get("/counts", &counts)
	return counts
}

// Entry is one request that came.
type Entry struct {
	Endpoint string            `json:"endpoint"`
	Values   map[string]string `json:"values"`
}

// Log tells which requests came so far.
func (b *Bed) Log() []Entry {
	var log []Entry
	b.get("/log", &log)
	return log
}

// Asked tells how many requests came for an endpoint.
func (b *Bed) Asked(endpoint string) int {
	asked := 0
	for _, entry := range b.Log() {
		if entry.Endpoint == endpoint {
			asked++
		}
	}
	return asked
}

// ExpireAccessTokens makes every access token expired.
func (b *Bed) ExpireAccessTokens() { b.do(http.MethodPost, "/expire_access_tokens", nil) }

// RevokeGrants makes every token worthless.
func (b *Bed) RevokeGrants() { b.do(http.MethodPost, "/revoke_grants", nil) }

// Behave changes how the servers behave from now on.
func (b *Bed) Behave(behaviour Behaviour) {
	body, err := json.Marshal(behaviour)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.do(http.MethodPut, "/behaviour", body)
}

func (b *Bed) get(path string, into any) {
	b.tb.Helper()
	response, err := http.Get(b.Admin + path)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		b.tb.Fatal(err)
	}
}

func (b *Bed) do(method, path string, body []byte) {
	b.tb.Helper()
	request, err := http.NewRequest(method, b.Admin+path, bytes.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		said, _ := io.ReadAll(response.Body)
		b.tb.Fatalf("%s %s: %d %s", method, path, response.StatusCode, said)
	}
}
