package storetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// What the contract says of several processes: each is the test's own program, told of its part by a variable.

const variable = "MCPOAUTH_STORETEST"

// part is what a process does to the record of a key in the store of a folder.
type part struct {
	role, folder, key string
}

const (
	// counter says that it is ready, waits for the end of its input, and adds to the record a number of times.
	counter = "counter"
	ready   = "ready"
	// writer writes and says what was acknowledged, until it is killed.
	writer = "writer"
)

func partOfThisProcess() *part {
	words := strings.SplitN(os.Getenv(variable), " ", 3)
	if len(words) != 3 {
		return nil
	}
	return &part{words[0], words[2], words[1]}
}

// command is the process that does a part when the test of this name is run.
func (p *part) command(t *testing.T, test string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	levels := strings.Split(test, "/")
	for at, level := range levels {
		levels[at] = "^" + regexp.QuoteMeta(level) + "$"
	}
	command := exec.Command(program, "-test.run", strings.Join(levels, "/"), "-test.timeout", "5m")
	command.Env = append(os.Environ(), variable+"="+p.role+" "+p.key+" "+p.folder)
	return command
}

func (p *part) play(t *testing.T, subject Subject) {
	store := subject.Open(t, p.folder)
	switch p.role {
	case counter:
		fmt.Println(ready)
		_, _ = io.ReadAll(os.Stdin)
		for range countings {
			for start := time.Now(); !count(t, store, p.key); {
				if time.Since(start) > patience {
					t.Fatal("another has always written first")
				}
			}
		}
	case writer:
		for {
			write(t, store, p.key)
		}
	}
}

const (
	countings = 50
	patience  = 30 * time.Second
)

// count adds one to the number in a record, unless somebody else has just done so.
func count(t *testing.T, store mcpoauth.Store, key string) bool {
	held, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	number, _ := strconv.ParseUint(string(held.Body), 10, 64)
	next := mcpoauth.Record{Generation: held.Generation + 1, Body: strconv.AppendUint(nil, number+1, 10)}
	err = store.Save(t.Context(), key, held.Generation, next)
	if err != nil && !errors.Is(err, mcpoauth.ErrConflict) {
		t.Fatal(err)
	}
	return err == nil
}

// racingProcesses: nobody's counting is lost, and none is made twice.
func racingProcesses(t *testing.T, b *bench, test string) {
	const processes = 3
	part := &part{counter, b.folder, b.key}
	var start []io.Closer
	var running sync.WaitGroup
	for range processes {
		command := part.command(t, test)
		input, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		command.Stderr = os.Stderr
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		start = append(start, input)
		said := bufio.NewReader(output)
		first, _ := said.ReadString('\n')
		running.Go(func() {
			rest, _ := io.ReadAll(said)
			if err := command.Wait(); err != nil {
				t.Errorf("%v\n%s%s", err, first, rest)
			}
		})
	}
	for _, input := range start {
		_ = input.Close()
	}
	running.Wait()
	if !t.Failed() {
		wants(t, b.store, b.key, processes*countings, strconv.Itoa(processes*countings))
	}
}

// write writes the next record, which tells its generation in every line, and says so once it is acknowledged.
func write(t *testing.T, store mcpoauth.Store, key string) {
	held, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	next := held.Generation + 1
	if err := store.Save(t.Context(), key, held.Generation, mcpoauth.Record{Generation: next, Body: written(next)}); err != nil {
		t.Fatal(err)
	}
	fmt.Println("acknowledged", next)
}

func written(generation uint64) []byte {
	line := fmt.Append(nil, "generation ", generation, "\n")
	// Of several pages, and not of the same length each time.
	return bytes.Repeat(line, int(1000+generation%7*500))
}

// killedProcesses: what was acknowledged is there when its writer is killed, and what was not is there as a whole or not.
func killedProcesses(t *testing.T, b *bench, test string) {
	const kills, atLeast = 3, 8
	for range kills {
		command := (&part{writer, b.folder, b.key}).command(t, test)
		command.Stderr = os.Stderr
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged, seen := uint64(0), 0
		var said strings.Builder
		lines := bufio.NewScanner(io.TeeReader(output, &said))
		for lines.Scan() {
			if _, err := fmt.Sscan(strings.TrimPrefix(lines.Text(), "acknowledged "), &acknowledged); err != nil {
				continue
			}
			if seen++; seen == atLeast {
				_ = command.Process.Kill()
			}
		}
		_ = command.Wait()
		if seen < atLeast {
			t.Fatalf("the writer has ended by itself:\n%s", said.String())
		}
		store := b.subject.Open(t, b.folder)
		held, err := store.Load(t.Context(), b.key)
		if err != nil {
			t.Fatal(err)
		}
		if held.Generation < acknowledged {
			t.Fatalf("generation %d was acknowledged, and %d is held", acknowledged, held.Generation)
		}
		wants(t, store, b.key, held.Generation, string(written(held.Generation)))
	}
}
