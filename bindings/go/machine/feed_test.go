//go:build seeded

package machine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// feed tells the machine of an event of a transcript.
func (r *replay) feed(name string, body any, id uint64) (any, error) {
	members, _ := body.(map[string]any)
	text := func(name string) string {
		text, _ := members[name].(string)
		return text
	}
	whole, _ := body.(string)
	switch name {
	case "connect":
		return r.give(r.machine.Connect)
	case "refresh":
		return r.give(r.machine.Refresh)
	case "tick":
		return r.give(r.machine.Tick)
	case "cancel":
		return r.give(r.machine.Cancel)
	case "sign_out":
		forget, _ := members["forget_client"].(bool)
		return r.give(func(now time.Time) (Step, error) { return r.machine.SignOut(forget, now) })
	case "challenge":
		var lines []string
		for _, line := range list(members["www_authenticate"]) {
			lines = append(lines, line.(string))
		}
		return r.give(func(now time.Time) (Step, error) {
			return r.machine.Challenge(int(integer(members["status"])), lines, uint64(integer(members["generation"])), now)
		})
	case "reply":
		content := []byte(text("body"))
		if document, present := members["json"]; present {
			content = compact(document)
		}
		header := http.Header{}
		fields, _ := members["headers"].(map[string]any)
		for name, value := range fields {
			header.Set(name, value.(string))
		}
		return r.twice(func(now time.Time) (Step, error) {
			return r.machine.Reply(id, int(integer(members["status"])), header, content, now)
		})
	case "unreachable":
		for cause, name := range causes {
			if name == whole {
				return r.twice(func(now time.Time) (Step, error) { return r.machine.Unreachable(id, cause, now) })
			}
		}
	case "redirect_bound":
		return r.give(func(now time.Time) (Step, error) { return r.machine.RedirectBound(id, whole, now) })
	case "callback":
		return r.give(func(now time.Time) (Step, error) { return r.machine.CallbackQuery(whole, now) })
	case "callback_url":
		return r.give(func(now time.Time) (Step, error) { return r.machine.Callback(whole, now) })
	case "client_provided":
		client := Client{text("client_id"), Secret(text("client_secret")), AuthMethod(text("auth_method"))}
		return r.give(func(now time.Time) (Step, error) { return r.machine.ClientProvided(id, client, now) })
	case "signed":
		signature := signatureOf(int(integer(body)))
		return r.twice(func(now time.Time) (Step, error) { return r.machine.Signed(id, signature, now) })
	case "assertion_provided":
		kinds := map[string]AssertionKind{"jwt": JWT, "id_token": IDToken, "refresh_token": RefreshToken, "saml2": SAML2}
		assertion := Assertion{Secret(text("token")), kinds[text("kind")]}
		r.fleeting = append(r.fleeting, text("token"))
		return r.give(func(now time.Time) (Step, error) { return r.machine.AssertionProvided(id, assertion, now) })
	case "declined":
		refusal := map[string]Refusal{"needs_user": NeedsUser, "denied": Denied, "unable": Unable}[whole]
		return r.give(func(now time.Time) (Step, error) { return r.machine.Declined(id, refusal, now) })
	case "stored":
		result, record, err := r.stored(whole, members)
		if err != nil {
			return nil, err
		}
		return r.twice(func(now time.Time) (Step, error) { return r.machine.Stored(id, result, record, now) })
	case "store_changed":
		record, err := r.record(members)
		if err != nil {
			return nil, err
		}
		return r.give(func(now time.Time) (Step, error) { return r.machine.StoreChanged(record, now) })
	case "tokens_provided":
		tokens := ProvidedTokens{
			Issuer:        text("issuer"),
			TokenEndpoint: text("token_endpoint"),
			Client:        Client{text("client_id"), Secret(text("client_secret")), AuthMethod(text("auth_method"))},
			AccessToken:   Secret(text("access_token")),
			RefreshToken:  Secret(text("refresh_token")),
			Scopes:        strings.Fields(text("scope")),
			Resource:      text("resource"),
		}
		if at := integer(members["expires_at"]); at != 0 {
			tokens.ExpiresAt = timestamp(uint64(at))
		}
		return r.give(func(now time.Time) (Step, error) { return r.machine.TokensProvided(tokens, now) })
	}
	return nil, fmt.Errorf("unknown event %q", name)
}

func (r *replay) stored(name string, members map[string]any) (StoreResult, []byte, error) {
	results := map[string]StoreResult{"nothing": Nothing, "done": Done, "conflict": Conflict, "failed": StoreFailed}
	if result, known := results[name]; known {
		return result, nil, nil
	}
	record, err := r.record(members)
	if err == nil && record == nil {
		err = fmt.Errorf("unknown store result %q", name)
	}
	return Loaded, record, err
}

// record is the one that an event carries, saved before or its own; nil if it carries none.
func (r *replay) record(members map[string]any) ([]byte, error) {
	if slot, ok := members["saved"].(string); ok {
		record, saved := r.saved[slot]
		if !saved {
			return nil, fmt.Errorf("no %s was saved", slot)
		}
		return record, nil
	}
	switch record := members["record"].(type) {
	case string:
		return []byte(record), nil
	case nil:
		return nil, nil
	default:
		return compact(record), nil
	}
}

func list(value any) []any {
	items, _ := value.([]any)
	return items
}

func integer(value any) int64 {
	number, _ := value.(json.Number)
	integer, _ := number.Int64()
	return integer
}

// give tells the machine of an event.
func (r *replay) give(event func(time.Time) (Step, error)) (any, error) {
	before, err := r.machine.Next()
	if err != nil {
		return nil, err
	}
	step, err := event(r.now)
	after, failed := r.machine.Next()
	if failed != nil {
		return nil, failed
	}
	var misuse *Misuse
	if errors.As(err, &misuse) {
		if after.Phase != before.Phase {
			return nil, fmt.Errorf("misuse led from %s to %s", before.Phase, after.Phase)
		}
		return map[string]any{"misuse": misuse.Name}, nil
	}
	if err != nil {
		return nil, err
	}
	if got, want := compact(render(&step.Next)), compact(render(&after.Next)); !bytes.Equal(got, want) {
		return nil, fmt.Errorf("the event says %s, and then the machine %s", got, want)
	}
	if step.Outcome != Advanced && after.Phase != before.Phase {
		return nil, fmt.Errorf("an event that was not taken led from %s to %s", before.Phase, after.Phase)
	}
	switch step.Outcome {
	case Advanced:
		return "advanced", nil
	case Joined:
		return "joined", nil
	default:
		return map[string]any{"ignored": step.Ignored.String()}, nil
	}
}

// twice gives an answer that changes nothing when it is given again.
func (r *replay) twice(event func(time.Time) (Step, error)) (any, error) {
	outcome, err := r.give(event)
	if err != nil {
		return nil, err
	}
	before, err := r.machine.Snapshot()
	if err != nil {
		return nil, err
	}
	again, err := r.give(event)
	if err != nil {
		return nil, err
	}
	after, err := r.machine.Snapshot()
	if err != nil {
		return nil, err
	}
	if kind, _ := split(again); !slices.Contains([]string{"ignored", "misuse"}, kind) || !bytes.Equal(before, after) {
		return nil, fmt.Errorf("an answer given twice led to %v", again)
	}
	return outcome, nil
}
