// Package testbed starts a protected MCP server and its authorization server for a test.
package testbed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
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
	// IdentityProvider is that of the enterprise: its identifier, with a token endpoint at /token.
	IdentityProvider string `json:"identity_provider"`
	Admin            string `json:"admin_url"`

	tb testing.TB
}

// Counts are how often something happened.
type Counts struct {
	Registrations   int `json:"registrations"`
	Authorizations  int `json:"authorizations"`
	CodeExchanges   int `json:"code_exchanges"`
	Refreshes       int `json:"refreshes"`
	ReuseDetections int `json:"reuse_detections"`
	Revocations     int `json:"revocations"`
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
	Endpoint      string            `json:"endpoint"`
	Values        map[string]string `json:"values"`
	Proof         bool              `json:"proof"`
	Authorization string            `json:"authorization"`
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

// WorkloadAssertion is a fresh JWT of the workload for an audience. A flaw, unless it is empty, is what is wrong with it: expired or
// forged.
func (b *Bed) WorkloadAssertion(audience, flaw string) string {
	return b.minted("/workload_assertion", url.Values{"audience": {audience}}, flaw)
}

// IDToken is a fresh ID token of the person, with a flaw or none.
func (b *Bed) IDToken(flaw string) string { return b.minted("/id_token", url.Values{}, flaw) }

func (b *Bed) minted(path string, query url.Values, flaw string) string {
	b.tb.Helper()
	if flaw != "" {
		query.Set("flaw", flaw)
	}
	var minted struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(b.do(http.MethodPost, path+"?"+query.Encode(), nil), &minted); err != nil {
		b.tb.Fatal(err)
	}
	return minted.Token
}

// DecideDevice is what the person does who has entered a code on another device: allow or deny.
func (b *Bed) DecideDevice(userCode, decision string) {
	b.tb.Helper()
	query := url.Values{"user_code": {userCode}, "decision": {decision}}
	b.do(http.MethodPost, "/decide_device?"+query.Encode(), nil)
}

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

func (b *Bed) do(method, path string, body []byte) []byte {
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
	said, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		b.tb.Fatalf("%s %s: %d %s %v", method, path, response.StatusCode, said, err)
	}
	return said
}
