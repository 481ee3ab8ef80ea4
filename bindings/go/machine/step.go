package machine

/*
#include <mcp_oauth.h>
*/
import "C"

import (
	"time"
	"unsafe"
)

// names are the texts that every flow repeats.
var names = func() map[string]string {
	texts := map[string]string{}
	for _, text := range []string{
		"GET", "POST", "accept", "authorization", "content-type", "mcp-protocol-version", "user-agent", "application/json",
		"application/x-www-form-urlencoded", "resource_metadata", "server_metadata", "registration", "code_exchange",
		"refresh", "Idle", "Authorized", "SignedOut", "Failed", "Loading", "ResourceDiscovery", "ServerDiscovery",
		"BindingRedirect", "Registering", "AskingClient", "SavingFlow", "AwaitingCallback", "TakingFlow", "Exchanging",
		"Refreshing", "AwaitingRefresh", "SavingGrant", "SigningOut", "dpop", "grant", "Signing", "Granting",
	} {
		texts[text] = text
	}
	return texts
}()

// step copies what the library lends.
func (m *Machine) step(status C.mcp_oauth_status) (Step, error) {
	if status != C.MCP_OAUTH_STATUS_OK {
		return Step{}, errorOf(status)
	}
	out := &m.lodging.step
	step := Step{
		Outcome:        Outcome(out.outcome),
		Ignored:        Reason(out.ignored),
		AwaitsRedirect: out.awaits_redirect != 0,
		Phase:          known(out.phase, names),
		Deadline:       timeOf(out.deadline_ms),
		Next:           Next{Kind: Kind(out.kind), ID: uint64(out.id)},
	}
	next := &step.Next
	switch next.Kind {
	case HTTP:
		next.Request = request(out)
	case BindRedirect:
		next.RedirectURI = text(out.redirect_uri)
	case OpenURL:
		next.RedirectURI = text(out.redirect_uri)
		next.Issuer = text(out.issuer)
		next.Page = &Page{text(out.url), text(out.state), text(out.scopes), text(out.new_scopes)}
	case AskForClient:
		next.RedirectURI = text(out.redirect_uri)
		next.Issuer = text(out.issuer)
	case Load, Save, Delete:
		next.Access = &Access{
			Key:        text(out.key),
			Slot:       Slot(out.slot),
			Expected:   uint64(out.expected),
			Generation: uint64(out.generation),
			ExpiresAt:  timeOf(out.expires_at_ms),
		}
		if next.Kind == Save {
			next.Access.Record = append([]byte(nil), borrowed(out.record)...)
		}
	case Wait:
		next.Until = step.Deadline
	case Sign:
		next.Signing = &SignRequest{
			Purpose:    purposeOf(signPurposes, out.purpose),
			Algorithm:  algorithms[out.algorithm],
			Thumbprint: text(out.thumbprint),
			KeyID:      text(out.key_id),
			Issuer:     text(out.issuer),
			Input:      Secret(text(out.input)),
		}
	case FetchAssertion:
		next.Assertion = &AssertionRequest{
			Purpose:  purposeOf(assertionPurposes, out.purpose),
			Issuer:   text(out.issuer),
			Audience: text(out.audience),
			Renew:    out.renew != 0,
		}
	case ShowCode:
		next.Issuer, next.Until = text(out.issuer), step.Deadline
		next.Code = &Code{
			UserCode:                text(out.user_code),
			VerificationURI:         text(out.verification_uri),
			VerificationURIComplete: text(out.verification_uri_complete),
			Scopes:                  text(out.scopes),
			ExpiresAt:               timeOf(out.expires_at_ms),
		}
	case Failed:
		next.Failure = failure(out)
	}
	return step, nil
}

// purposeOf is the purpose of that name; zero for one that this package does not know.
func purposeOf[P comparable](names map[P]string, name C.mcp_oauth_slice) P {
	for purpose, known := range names {
		if known == string(borrowed(name)) {
			return purpose
		}
	}
	var unknown P
	return unknown
}

func request(out *C.mcp_oauth_step) *Request {
	request := &Request{
		Method:       known(out.method, names),
		URL:          text(out.url),
		Timeout:      time.Duration(out.timeout_ms) * time.Millisecond,
		MaxBodyBytes: int64(out.max_body_bytes),
		Reach:        Reach(out.reach),
		Purpose:      known(out.purpose, names),
	}
	if out.body.data != nil {
		request.Body = append([]byte{}, borrowed(out.body)...)
	}
	headers := unsafe.Slice(out.headers, int(out.header_count))
	request.Headers = make([]Header, len(headers))
	for i, header := range headers {
		request.Headers[i] = Header{known(header.name, names), known(header.value, names)}
	}
	return request
}

var (
	faults = map[C.mcp_oauth_fault]string{
		C.MCP_OAUTH_FAULT_SERVER:        "server",
		C.MCP_OAUTH_FAULT_CONFIGURATION: "configuration",
		C.MCP_OAUTH_FAULT_USER:          "user",
		C.MCP_OAUTH_FAULT_NETWORK:       "network",
		C.MCP_OAUTH_FAULT_HOST:          "host",
	}
	advices = map[C.mcp_oauth_advice]Advice{
		C.MCP_OAUTH_ADVICE_RETRY_AFTER: RetryAfter,
		C.MCP_OAUTH_ADVICE_RESTART:     Restart,
		C.MCP_OAUTH_ADVICE_RECONFIGURE: Reconfigure,
		C.MCP_OAUTH_ADVICE_ASK_USER:    AskUser,
		C.MCP_OAUTH_ADVICE_STOP:        Stop,
	}
)

func failure(out *C.mcp_oauth_step) *Failure {
	return &Failure{
		Code:       text(out.code),
		Stage:      text(out.stage),
		Fault:      faults[out.fault],
		Advice:     advices[out.advice],
		RetryAfter: time.Duration(out.retry_after_ms) * time.Millisecond,
		Status:     int(out.http_status),
		Text:       text(out.text),
		Clause:     text(out.clause),
		ServerCode: text(out.server_code),
		ServerText: text(out.server_text),
		Subject:    text(out.subject),
		Expected:   text(out.wanted),
		Received:   text(out.received),
	}
}
