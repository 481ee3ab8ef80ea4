package mcpoauth

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// flowCount is how many flows must leave nothing behind.
const flowCount = 10_000

func TestTenThousandFlowsLeaveNothingBehind(t *testing.T) {
	flows := func(count int) {
		for n := range count {
			handler := cannedHandler(t, canned{}, Options{Trace: func(Decision) {}})
			signedIn(t, handler)
			if n%4 == 1 {
				_ = handler.Close()
				handler = boundToKey(t)
			}
			// Every other one is forgotten.
			if n%2 == 0 {
				_ = handler.Close()
			}
		}
	}
	flows(flowCount / 5)
	heap, resident, goroutines := footprint(t)
	flows(flowCount)
	heapNow, residentNow, goroutinesNow := footprint(t)
	t.Logf("heap %d kB -> %d kB, resident %d kB -> %d kB, goroutines %d -> %d",
		heap>>10, heapNow>>10, resident>>10, residentNow>>10, goroutines, goroutinesNow)
	// A leaked flow is some kB: 10,000 of them are tens of MB.
	if heapNow > heap+(2<<20) || residentNow > resident+(16<<20) || goroutinesNow > goroutines {
		t.Error("memory grows")
	}
}

// soakKey signs for all flows with a key.
var soakKey = sync.OnceValue(func() *PrivateKey { return must(GenerateKey(ES256)) })

// boundToKey carries a handler through a flow with a key, and proves two requests.
func boundToKey(t *testing.T) *Handler {
	t.Helper()
	jwk := soakKey().PublicJWK()
	handler, err := New(Settings{
		ServerURL: cannedServer, ClientKey: jwk, DPoP: DPoPAlways, DPoPKeys: []DPoPKey{{JWK: jwk}},
	}, &Options{Store: &MemoryStore{}, UserAgent: cannedUser{}, Signer: KeySet{soakKey()}})
	if err != nil {
		t.Fatal(err)
	}
	handler.driver.network = &network{map[machine.Reach]http.RoundTripper{machine.Public: cannedBound{}}}
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		held, err := handler.driver.credential(t.Context(), http.MethodPost, cannedServer)
		if err != nil || held.draft == nil {
			t.Fatal(err)
		}
		if _, err := handler.driver.prove(t.Context(), held.draft); err != nil {
			t.Fatal(err)
		}
		handler.driver.takeNonce(&http.Response{Header: http.Header{"Dpop-Nonce": {"eyJ7S_zG.eyJH0-Z.HX4w-7v"}}})
	}
	return handler
}

// cannedBound are the same servers, who bind tokens to a key and take signatures for authentication.
type cannedBound struct{}

var toBound = strings.NewReplacer(
	`"token_type":"Bearer"`, `"token_type":"DPoP"`,
	`"client_secret_post"`, `"private_key_jwt"`,
	`"response_modes_supported"`, `"dpop_signing_alg_values_supported":["ES256"],"response_modes_supported"`,
	`"token_endpoint_auth_method":"none"`, `"token_endpoint_auth_method":"private_key_jwt"`,
)

func (cannedBound) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := canned{}.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	return document(request, response.StatusCode, toBound.Replace(string(body))), err
}

// footprint is what the process holds once everything was collected that can be.
func footprint(t *testing.T) (heap, resident uint64, goroutines int) {
	t.Helper()
	// Cleanups run after a collection, and what they free is collected by the next.
	for range 3 {
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc, residentBytes(), runtime.NumGoroutine()
}

// residentBytes is 0 where the system does not tell.
func residentBytes() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
