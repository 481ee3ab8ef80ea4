package machine

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const server = "https://mcp.example.com/mcp"

var now = time.Unix(1_800_000_000, 0)

func made(t *testing.T) *Machine {
	t.Helper()
	m, err := New(configured(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func configured(t *testing.T) *Config {
	t.Helper()
	config, err := NewConfig(Settings{ServerURL: server})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// calls are all that can be said to a machine.
func calls(m *Machine) map[string]func() error {
	step := func(call func() (Step, error)) func() error {
		return func() error {
			_, err := call()
			return err
		}
	}
	return map[string]func() error{
		"Next":              step(m.Next),
		"Connect":           step(func() (Step, error) { return m.Connect(now) }),
		"Challenge":         step(func() (Step, error) { return m.Challenge(401, []string{"Bearer", ""}, 0, now) }),
		"Reply":             step(func() (Step, error) { return m.Reply(9, 200, nil, nil, now) }),
		"Unreachable":       step(func() (Step, error) { return m.Unreachable(9, DNS, now) }),
		"RedirectBound":     step(func() (Step, error) { return m.RedirectBound(9, "", now) }),
		"Callback":          step(func() (Step, error) { return m.Callback("", now) }),
		"CallbackQuery":     step(func() (Step, error) { return m.CallbackQuery("", now) }),
		"ClientProvided":    step(func() (Step, error) { return m.ClientProvided(9, Client{}, now) }),
		"Signed":            step(func() (Step, error) { return m.Signed(9, nil, now) }),
		"AssertionProvided": step(func() (Step, error) { return m.AssertionProvided(9, Assertion{"x", JWT}, now) }),
		"Declined":          step(func() (Step, error) { return m.Declined(9, Denied, now) }),
		"Stored":            step(func() (Step, error) { return m.Stored(9, Done, nil, now) }),
		"Refresh":           step(func() (Step, error) { return m.Refresh(now) }),
		"Tick":              step(func() (Step, error) { return m.Tick(now) }),
		"Cancel":            step(func() (Step, error) { return m.Cancel(now) }),
		"SignOut":           step(func() (Step, error) { return m.SignOut(true, now) }),
		"TakeNonce":         func() error { return m.TakeNonce("x") },
		"RequestHeaders": func() error {
			_, err := m.RequestHeaders("", "", now)
			return err
		},
		"Snapshot": func() error {
			_, err := m.Snapshot()
			return err
		},
		"TakeTrace": func() error {
			_, err := m.TakeTrace()
			return err
		},
	}
}

func TestAMachineThatIsClosedOrWasNeverMadeSaysSo(t *testing.T) {
	closed := made(t)
	closed.Close()
	closed.Close()
	for name, m := range map[string]*Machine{"closed": closed, "zero": {}, "nil": nil} {
		for call, say := range calls(m) {
			if err := say(); !errors.Is(err, ErrClosed) {
				t.Errorf("%s %s: %v", name, call, err)
			}
		}
		m.Close()
	}
	for _, config := range []*Config{nil, {}} {
		_, fresh := New(config, "")
		_, resumed := Resume(config, "", nil)
		if !errors.Is(fresh, ErrClosed) || !errors.Is(resumed, ErrClosed) {
			t.Errorf("%v %v", fresh, resumed)
		}
	}
}

func TestWhatAHostShouldNotSayIsMisuse(t *testing.T) {
	m := made(t)
	before, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var misuse *Misuse
	for name, call := range map[string]func() (Step, error){
		"unknown_action": func() (Step, error) { return m.Reply(99, 200, nil, nil, now) },
		"wrong_answer":   func() (Step, error) { return m.Reply(1, 200, nil, nil, now) },
		"bad_argument":   func() (Step, error) { return m.Unreachable(1, 99, now) },
	} {
		if _, err := call(); !errors.Is(err, ErrMisuse) || !errors.As(err, &misuse) || misuse.Name != name || misuse.Text == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, call := range map[string]func() (Step, error){
		"refusal":      func() (Step, error) { return m.Declined(1, 99, now) },
		"store result": func() (Step, error) { return m.Stored(1, 99, nil, now) },
		"status":       func() (Step, error) { return m.Reply(1, 1<<20, nil, nil, now) },
		"method":       func() (Step, error) { return m.ClientProvided(1, Client{AuthMethod: "magic"}, now) },
		"not UTF-8":    func() (Step, error) { return m.Callback("\xff", now) },
	} {
		if _, err := call(); !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := m.Snapshot(); err != nil || string(after) != string(before) {
		t.Errorf("it has changed: %v", err)
	}
}

func TestBytesThatAreNoSnapshotAreRefused(t *testing.T) {
	config := configured(t)
	other, err := New(config, "somebody else")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	foreign, err := other.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for snapshot, name := range map[string]string{
		"": "malformed", "{}": "malformed", "\xff": "malformed", strings.Repeat("[", 1<<20): "malformed",
		strings.Replace(string(foreign), `"version":1`, `"version":999`, 1): "too_new",
		string(foreign): "foreign",
	} {
		_, err := Resume(config, "", []byte(snapshot))
		var refused *RecordError
		if !errors.As(err, &refused) || refused.Name != name || refused.Text == "" {
			t.Errorf("%.40q: %v", snapshot, err)
		}
	}
	if _, err := DescribeGrant([]byte("{}")); err == nil {
		t.Error("a grant of nothing")
	}
	if _, err := GenerationOf(nil); err == nil {
		t.Error("a generation of nothing")
	}
	if generation, err := GenerationOf(foreign); err != nil || generation == 0 {
		t.Error(generation, err)
	}
}

func TestGoroutinesTakeTurns(t *testing.T) {
	m := made(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for name, call := range calls(m) {
				if err := call(); err != nil && !errors.Is(err, ErrMisuse) && !errors.Is(err, ErrClosed) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	group.Go(func() {
		time.Sleep(time.Millisecond)
		m.Close()
	})
	group.Wait()
}

func TestAddressesAreClassified(t *testing.T) {
	for address, reach := range map[string]Reach{
		"192.0.2.1": 0, "8.8.8.8": Public, "2606:4700::1": Public, "10.1.2.3": Private, "100.64.0.1": Private, "fd00::1": Private,
		"127.0.0.1": Loopback, "::1": Loopback, "::ffff:127.0.0.1": Loopback, "169.254.169.254": 0, "0.0.0.0": 0, "fe80::1": 0,
	} {
		for _, asked := range []Reach{Public, Private, Loopback} {
			if allowed := asked.Allows(netip.MustParseAddr(address)); allowed != (reach != 0 && asked >= reach) {
				t.Errorf("%v %s: %v", asked, address, allowed)
			}
		}
		if Reach(0).Allows(netip.MustParseAddr(address)) || Reach(99).Allows(netip.MustParseAddr(address)) {
			t.Error("a reach that is none")
		}
	}
	if Loopback.Allows(netip.Addr{}) {
		t.Error("an address that is none")
	}
}

func TestKeysNameRecords(t *testing.T) {
	grant, err := KeyOfGrant("", server)
	if err != nil || !strings.HasPrefix(grant, "grant/") {
		t.Fatal(grant, err)
	}
	flow, err := KeyOfCallback("http://127.0.0.1/callback?code=x&state=y")
	if err != nil || !strings.HasPrefix(flow, "flow/") {
		t.Fatal(flow, err)
	}
	if none, err := KeyOfCallback("http://127.0.0.1/callback"); none != "" || err != nil {
		t.Fatal(none, err)
	}
	step, err := made(t).Next()
	if err != nil || step.Next.Kind != Load || step.Next.Access.Key != grant {
		t.Fatal(step, err)
	}
	if Version() == "" {
		t.Error("no version")
	}
}

func TestWhatIsForgottenIsFreed(t *testing.T) {
	const count = 1000
	freed := make(chan struct{}, count)
	for range count {
		m := made(&testing.T{})
		runtime.AddCleanup(m, func(freed chan struct{}) { freed <- struct{}{} }, freed)
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(freed) < count/2 && time.Now().Before(deadline) {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if len(freed) < count/2 {
		t.Errorf("%d of %d", len(freed), count)
	}
}

// RFC 9110 §5.1: names of header fields have no case.
func TestOnlyTheFirstOfAHeaderIsRead(t *testing.T) {
	m := made(t)
	if _, err := m.Stored(1, Nothing, nil, now); err != nil {
		t.Fatal(err)
	}
	step, err := m.Connect(now)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Location": {"/elsewhere", "/another"}, "Retry-After": {"7"}}
	step, err = m.Reply(step.Next.ID, http.StatusFound, header, nil, now)
	if err != nil || step.Next.Kind != HTTP || !strings.HasSuffix(step.Next.Request.URL, "mcp.example.com/elsewhere") {
		t.Fatal(fmt.Sprint(step), err)
	}
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	const public = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	const private = public + `,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`
	for field, settings := range map[string]Settings{
		"grant":      {Grant: "password"},
		"dpop":       {DPoP: "sometimes"},
		"client_key": {ClientKey: private},
		"dpop_keys":  {DPoP: DPoPAlways},
		"identity_provider.issuer": {
			Grant: EnterpriseManaged, IdentityProvider: &IdentityProvider{ClientID: "x"},
		},
	} {
		settings.ServerURL = "https://mcp.example.com/mcp"
		_, err := NewConfig(settings)
		var refused *SettingsError
		if !errors.As(err, &refused) || refused.Field != field || strings.Contains(err.Error(), "nWGxne") {
			t.Errorf("%s: %v", field, err)
		}
	}
	settings := Settings{
		ServerURL: "https://mcp.example.com/mcp", DPoP: DPoPAlways,
		DPoPKeys: []DPoPKey{{Issuer: "https://auth.example.com", JWK: private}},
	}
	if _, err := NewConfig(settings); err == nil || strings.Contains(err.Error(), "nWGxne") {
		t.Error(err)
	}
}
