package mcpoauth

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// How is a person shown the code with which they sign in on another device (RFC 8628)?

// CodeUserAgent is a [UserAgent] that can show a code, for [DeviceCode]. One that is none ends such a sign-in as one that could not
// be shown.
type CodeUserAgent interface {
	UserAgent
	// ShowCode shows the code and where to enter it. It must not wait for the person. Its errors are those of Open.
	ShowCode(ctx context.Context, code *UserCode) error
}

// UserCode is what a person enters on another device.
type UserCode struct {
	// Issuer is the authorization server whose page it is.
	Issuer string
	// VerificationURI is where they enter the code.
	VerificationURI string
	// Scopes are all scopes asked for.
	Scopes []string
	// ExpiresAt is when the code is worth nothing any more.
	ExpiresAt time.Time

	code     Secret
	complete Secret
}

func userCode(next *machine.Next) *UserCode {
	return &UserCode{
		Issuer:          next.Issuer,
		VerificationURI: next.Code.VerificationURI,
		Scopes:          strings.Fields(next.Code.Scopes),
		ExpiresAt:       next.Code.ExpiresAt,
		code:            Secret(next.Code.UserCode),
		complete:        Secret(next.Code.VerificationURIComplete),
	}
}

// Code is what they enter. Who reads it in a log could finish the sign-in as somebody else.
func (c *UserCode) Code() string { return string(c.code) }

// CompleteURI is VerificationURI with the code in it, for a click or a QR code; empty if the server gave none. The code is to be
// shown beside it all the same, so that the person can compare.
func (c *UserCode) CompleteURI() string { return string(c.complete) }

// Format shows where the code is entered.
func (c UserCode) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "UserCode(%s, scopes %q)", c.VerificationURI, strings.Join(c.Scopes, " "))
}

var (
	_ CodeUserAgent = SystemBrowser{}
	_ CodeUserAgent = NoUserAgent{}
	_ CodeUserAgent = Headless{}
)

// ShowCode implements [CodeUserAgent].
func (NoUserAgent) ShowCode(context.Context, *UserCode) error { return ErrNeedsUser }

// ShowCode implements [CodeUserAgent].
func (Headless) ShowCode(context.Context, *UserCode) error { return ErrNeedsUser }

// ShowCode implements [CodeUserAgent]: on the standard error, unless there is a function for it.
func (b SystemBrowser) ShowCode(_ context.Context, code *UserCode) error {
	if b.CodeShown != nil {
		b.CodeShown(code)
		return nil
	}
	return printCode(os.Stderr, code)
}

func printCode(out io.Writer, code *UserCode) error {
	text := fmt.Sprintf("To sign in, open %s and enter the code %s\n", code.VerificationURI, code.Code())
	if code.CompleteURI() != "" {
		text += fmt.Sprintf("or open %s and compare the code\n", code.CompleteURI())
	}
	_, err := io.WriteString(out, text)
	return err
}
