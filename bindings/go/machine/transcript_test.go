//go:build seeded

package machine

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// How a transcript is replayed: see tests/transcripts/README.md.

const transcripts = "../../../tests/transcripts"

const start uint64 = 1_800_000_000_000

func timestamp(millis uint64) time.Time {
	return time.Unix(int64(millis/1000), int64(millis%1000*uint64(time.Millisecond)))
}

// millis is null for no time.
func millis(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return uint64(at.Unix())*1000 + uint64(at.Nanosecond())/uint64(time.Millisecond)
}

// ROB-07
func TestEveryTranscriptIsWhatTheMachineDoes(t *testing.T) {
	count := 0
	err := filepath.WalkDir(transcripts, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		count++
		name, _ := filepath.Rel(transcripts, path)
		t.Run(name, func(t *testing.T) {
			if err := replayFile(path); err != nil {
				t.Error(err)
			}
		})
		return nil
	})
	if err != nil || count == 0 {
		t.Fatalf("%d transcripts: %v", count, err)
	}
	t.Logf("%d transcripts", count)
}

type transcript struct {
	Settings transcriptSettings `json:"settings"`
	Account  string             `json:"account"`
	Seed     string             `json:"seed"`
	Refused  *string            `json:"refused"`
	Steps    []map[string]any   `json:"steps"`

	Proves       string   `json:"proves"`
	Requirements []string `json:"requirements"`
}

func replayFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	var file transcript
	if err := decoder.Decode(&file); err != nil {
		return err
	}
	config, err := NewConfig(file.Settings.settings())
	var refused *SettingsError
	if ok := errors.As(err, &refused); ok || file.Refused != nil {
		if !ok {
			return fmt.Errorf("the settings are accepted: %w", err)
		}
		if got := refused.Field + ": " + refused.Problem; file.Refused == nil || got != *file.Refused {
			return fmt.Errorf("the settings are refused: %s", got)
		}
		return nil
	}
	if err != nil {
		return err
	}
	machine, err := New(config, file.Account)
	if err != nil {
		return err
	}
	defer func() { machine.Close() }()
	if err := machine.seed(file.Seed); err != nil {
		return err
	}
	replay := &replay{
		config:  config,
		account: file.Account,
		machine: machine,
		millis:  start,
		now:     timestamp(start),
		saved:   map[string][]byte{},
		// Of whatever was signed.
		fleeting: []string{base64.RawURLEncoding.EncodeToString(signatureOf(12))},
	}
	defer func() { machine = replay.machine }()
	for number, step := range file.Steps {
		observed, err := replay.step(step)
		if err != nil {
			return fmt.Errorf("step %d: %w", number+1, err)
		}
		for _, member := range []string{"outcome", "trace", "next"} {
			want, got := canonical(step, member), canonical(observed, member)
			if want != got {
				return fmt.Errorf("step %d: %v\n%s should be\n%s\nbut is\n%s", number+1, step["event"], member, want, got)
			}
		}
	}
	return nil
}

// canonical writes a member so that equal values are equal texts.
func canonical(object map[string]any, member string) string {
	value, present := object[member]
	if !present {
		return "(nothing)"
	}
	return string(compact(value))
}

func compact(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

type replay struct {
	config  *Config
	account string
	machine *Machine
	millis  uint64
	now     time.Time
	state   string
	saved   map[string][]byte
	// fleeting are assertions and signatures, which no snapshot may hold.
	fleeting []string
}

// signatureOf is the signature of transcripts.
func signatureOf(length int) []byte { return bytes.Repeat([]byte{0x2a}, length) }

func (r *replay) step(step map[string]any) (map[string]any, error) {
	observed := map[string]any{}
	if after, ok := step["after"].(json.Number); ok {
		millis, err := strconv.ParseUint(after.String(), 10, 64)
		if err != nil {
			return nil, err
		}
		r.millis = min(millis, math.MaxUint64-r.millis) + r.millis
		r.now = timestamp(r.millis)
	}
	event, present := step["event"]
	if !present {
		return nil, errors.New("has no event")
	}
	event = r.withState(event)
	name, body := split(event)
	switch name {
	case "request_headers":
		answer, err := r.requestHeaders(body)
		observed["next"] = answer
		return observed, err
	case "deadline":
		step, err := r.machine.Next()
		observed["next"] = millis(step.Deadline)
		return observed, err
	case "nonce":
		nonce, _ := body.(string)
		if err := r.machine.TakeNonce(nonce); err != nil {
			return nil, err
		}
		step, err := r.machine.Next()
		observed["next"] = render(&step.Next)
		return observed, err
	case "start":
	case "restart", "resume":
		if err := r.takePlace(name); err != nil {
			return nil, err
		}
	default:
		if err := r.feedAndTrace(name, body, step["id"], observed); err != nil {
			return nil, err
		}
	}
	current, err := r.machine.Next()
	if err != nil {
		return nil, err
	}
	r.remember(&current.Next)
	observed["next"] = render(&current.Next)
	return observed, r.resumeAndCompare(&current)
}

// split gives the name of an event, and what comes with it.
func split(event any) (string, any) {
	switch event := event.(type) {
	case string:
		return event, nil
	case map[string]any:
		for name, body := range event {
			return name, body
		}
	}
	return "", nil
}

// takePlace throws the machine away for a new one, or for the one of the last flow record.
func (r *replay) takePlace(how string) error {
	var other *Machine
	var err error
	if how == "restart" {
		other, err = New(r.config, r.account)
	} else {
		other, err = Resume(r.config, r.account, r.saved["flow"])
	}
	if err != nil {
		return err
	}
	if err := other.inheritSeed(r.machine); err != nil {
		return err
	}
	r.machine.Close()
	r.machine = other
	return nil
}

func (r *replay) feedAndTrace(name string, body, number any, observed map[string]any) error {
	current, err := r.machine.Next()
	if err != nil {
		return err
	}
	id := current.Next.ID
	if number, ok := number.(json.Number); ok {
		signed, err := number.Int64()
		if err != nil {
			return err
		}
		id = uint64(signed)
	}
	outcome, err := r.feed(name, body, id)
	if err != nil {
		return err
	}
	observed["outcome"] = outcome
	decisions, err := r.machine.TakeTrace()
	if len(decisions) > 0 {
		var names []string
		for _, decision := range decisions {
			names = append(names, decision.Name)
		}
		observed["trace"] = names
	}
	return err
}

// remember keeps what a later step may refer to.
func (r *replay) remember(next *Next) {
	switch next.Kind {
	case OpenURL:
		r.state = next.Page.State
	case Save:
		slot := "grant"
		if next.Access.Slot == FlowSlot {
			slot = "flow"
		}
		r.saved[slot] = next.Access.Record
	}
}

// resumeAndCompare: snapshot → resume → the same step, with the exceptions of tests/transcripts/README.md.
func (r *replay) resumeAndCompare(current *Step) error {
	snapshot, err := r.machine.Snapshot()
	if err != nil {
		return err
	}
	for _, text := range r.fleeting {
		if text != "" && bytes.Contains(snapshot, []byte(text)) {
			return fmt.Errorf("the snapshot holds %s", text)
		}
	}
	resumed, err := Resume(r.config, r.account, snapshot)
	if err != nil {
		return fmt.Errorf("the snapshot cannot be resumed: %w", err)
	}
	defer resumed.Close()
	step, err := resumed.Next()
	if err != nil {
		return err
	}
	failed := func(codes ...string) bool {
		return step.Next.Kind == Failed && slices.Contains(codes, step.Next.Failure.Code)
	}
	again, err := resumed.Snapshot()
	if err != nil {
		return err
	}
	want, got := compact(render(&current.Next)), compact(render(&step.Next))
	fine := bytes.Equal(snapshot, again)
	switch {
	case current.Phase == "Exchanging":
		fine = failed("outcome_unknown")
	case current.Phase == "Refreshing", current.Phase == "Signing" && step.Phase == "Loading":
		key, err := r.machine.GrantKey()
		fine = err == nil && step.Next.Kind == Load && step.Next.Access.Key == key
	case isFleeting(current, &step):
		fine = fine && (failed("grant_unavailable", "authorization_unavailable", "outcome_unknown") ||
			current.Phase == "Revoking" && step.Next.Kind == SignedOut)
	case current.Phase == "Polling", current.Phase == "Signing" && step.Phase == "AwaitingDevice":
		fine = fine && step.Next.Kind == ShowCode
	default:
		fine = fine && bytes.Equal(want, got) && step.Phase == current.Phase &&
			step.AwaitsRedirect == current.AwaitsRedirect && step.Deadline.Equal(current.Deadline)
	}
	if !fine {
		return fmt.Errorf("%s was resumed as %s instead of %s", current.Phase, got, want)
	}
	return nil
}

// isFleeting tells whether what is to be sent may be sent once: an assertion or a proof.
func isFleeting(current, resumed *Step) bool {
	switch current.Next.Kind {
	case HTTP:
		form, _ := url.ParseQuery(string(current.Next.Request.Body))
		headers := current.Next.Request.Headers
		proven := slices.ContainsFunc(headers, func(header Header) bool { return header.Name == "dpop" })
		carries := proven || form.Has("assertion") || form.Has("client_assertion") || form.Has("subject_token")
		return carries && current.Phase != "Polling"
	case Sign:
		// The request that it is for has an assertion already.
		return resumed.Phase == "Failed"
	default:
		return false
	}
}

func (r *replay) requestHeaders(question any) (any, error) {
	members, _ := question.(map[string]any)
	method, _ := members["method"].(string)
	url, _ := members["url"].(string)
	headers, err := r.machine.RequestHeaders(method, url, r.now)
	shown := map[string]any{"authorization": headers.Authorization, "generation": headers.Generation}
	switch headers.Credentials {
	case Ready:
		return map[string]any{"ready": shown}, err
	case ProofDue:
		shown["proof"] = renderSigning(headers.Draft)
		return map[string]any{"sign": shown}, err
	case RefreshDue:
		return "refresh_due", err
	default:
		return "absent", err
	}
}

// withState replaces {state} in every string.
func (r *replay) withState(value any) any {
	switch value := value.(type) {
	case string:
		return strings.ReplaceAll(value, "{state}", r.state)
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = r.withState(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(value))
		for name, item := range value {
			out[name] = r.withState(item)
		}
		return out
	default:
		return value
	}
}
