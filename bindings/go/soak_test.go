package mcpoauth

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// flowCount is how many flows must leave nothing behind.
const flowCount = 10_000

func TestTenThousandFlowsLeaveNothingBehind(t *testing.T) {
	flows := func(count int) {
		for n := range count {
			handler := cannedHandler(t, canned{}, Options{Trace: func(Decision) {}})
			signedIn(t, handler)
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
