package mcpoauth

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnAssertionFileIsReadEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	source := AssertionFile(path)
	if _, err := source(t.Context(), &AssertionRequest{Purpose: WorkloadAssertion}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for content, want := range map[string]string{
		"marked.one":                             "marked.one",
		" marked.two\r\n":                        "marked.two",
		"":                                       "",
		"\n":                                     "",
		strings.Repeat("x", maxAssertion):        strings.Repeat("x", maxAssertion),
		strings.Repeat("x", maxAssertion) + "\n": "",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for purpose, kind := range map[AssertionPurpose]AssertionKind{WorkloadAssertion: JWT, IdentityAssertion: IDToken} {
			assertion, err := source(t.Context(), &AssertionRequest{Purpose: purpose})
			if (err != nil) != (want == "") || string(assertion.Token) != want || err == nil && assertion.Kind != kind {
				t.Errorf("%.20q: %v %v", content, assertion.Kind, err)
			}
		}
	}
}

func TestACodeIsPrintedWithWhereToEnterIt(t *testing.T) {
	code := &UserCode{VerificationURI: "https://auth.example.com/device", code: "WDJB-MJHT"}
	for complete, want := range map[Secret]string{
		"": "To sign in, open https://auth.example.com/device and enter the code WDJB-MJHT\n",
		"https://auth.example.com/device?c=WDJB-MJHT": "To sign in, open https://auth.example.com/device and enter the code WDJB-MJHT\n" +
			"or open https://auth.example.com/device?c=WDJB-MJHT and compare the code\n",
	} {
		code.complete = complete
		var out strings.Builder
		if err := printCode(&out, code); err != nil || out.String() != want {
			t.Errorf("%q %v", out.String(), err)
		}
	}
}
