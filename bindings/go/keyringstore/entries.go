package keyringstore

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/zalando/go-keyring"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/shelf"
)

// How does a record lie in a keyring, whose entries are short and cannot be listed?

const (
	service = "mcp-oauth"
	// list is the file with the names of the entries.
	list = "keyring-entries"
	// partsPrefix begins an entry that holds no record but tells in how many parts it is kept, and under which number: parts 3 17.
	partsPrefix = "parts "
)

// longestEntry is the most bytes that an entry takes.
var longestEntry = func() int {
	switch runtime.GOOS {
	case "windows":
		return 5 * 512 // CRED_MAX_CREDENTIAL_BLOB_SIZE
	case "darwin", "ios":
		return 2048 // It goes in as base64, in a command of 4096 bytes together with its name.
	default:
		return math.MaxInt
	}
}()

// entries are a shelf.
type entries struct {
	folder  *shelf.Folder
	longest int
}

// parts are those of one long record. Each writing has a number of its own, so that the old parts stay whole until the head
// names the new ones.
type parts struct {
	count  int
	number uint64
}

// partsOf reads the head of a record; none if that is the record itself.
func partsOf(head []byte) (parts, bool) {
	words := strings.Split(strings.TrimPrefix(string(head), partsPrefix), " ")
	if !bytes.HasPrefix(head, []byte(partsPrefix)) || len(words) != 2 {
		return parts{}, false
	}
	count, counted := strconv.ParseUint(words[0], 10, 31)
	number, numbered := strconv.ParseUint(words[1], 10, 64)
	if counted != nil || numbered != nil {
		return parts{}, false
	}
	return parts{int(count), number}, true
}

func (p parts) head() []byte { return fmt.Appendf(nil, "%s%d %d", partsPrefix, p.count, p.number) }

func (p parts) name(name string, part int) string {
	return fmt.Sprintf("%s.%d.%d", name, p.number, part)
}

var errLost = errors.New("mcpoauth: the keyring has lost a part of a record")

// Get implements [shelf.Shelf].
func (e *entries) Get(name string) ([]byte, error) {
	head, err := read(name)
	inParts, long := partsOf(head)
	if err != nil || !long {
		return head, err
	}
	var contents [][]byte
	for part := range inParts.count {
		content, err := read(inParts.name(name, part))
		if err != nil {
			return nil, err
		}
		if content == nil {
			return nil, errLost
		}
		contents = append(contents, content)
	}
	return bytes.Join(contents, nil), nil
}

// Put implements [shelf.Shelf].
func (e *entries) Put(name string, sealed []byte) error {
	// Listed first: an entry that nobody knows of could never be removed.
	err := e.relist(func(names []string) []string {
		if slices.Contains(names, name) {
			return names
		}
		return append(names, name)
	})
	if err != nil {
		return err
	}
	before, err := read(name)
	if err != nil {
		return err
	}
	old, _ := partsOf(before)
	if len(sealed) <= e.longest {
		err = write(name, sealed)
	} else {
		err = e.putParts(name, sealed, old.number+1)
	}
	if err == nil {
		eraseParts(name, old)
	}
	return err
}

func (e *entries) putParts(name string, sealed []byte, number uint64) error {
	written := parts{0, number}
	for chunk := range slices.Chunk(sealed, e.longest) {
		if err := write(written.name(name, written.count), chunk); err != nil {
			return err
		}
		written.count++
	}
	return write(name, written.head())
}

// Remove implements [shelf.Shelf].
func (e *entries) Remove(name string) error {
	head, err := read(name)
	if err != nil {
		return err
	}
	if err := erase(name); err != nil {
		return err
	}
	old, _ := partsOf(head)
	eraseParts(name, old)
	return e.relist(func(names []string) []string {
		return slices.DeleteFunc(names, func(known string) bool { return known == name })
	})
}

// Names implements [shelf.Shelf].
func (e *entries) Names() ([]string, error) {
	names, err := e.folder.Get(list)
	return strings.Fields(string(names)), err
}

func (e *entries) relist(change func([]string) []string) error {
	names, err := e.Names()
	if err != nil {
		return err
	}
	before := len(names)
	if names = change(names); len(names) == before {
		return nil
	}
	return e.folder.Put(list, []byte(strings.Join(names, "\n")))
}

// read gives an entry; nil if there is none.
func read(name string) ([]byte, error) {
	content, err := keyring.Get(service, name)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	return []byte(content), nil
}

func write(name string, content []byte) error {
	if err := keyring.Set(service, name, string(content)); err != nil {
		return failed(err)
	}
	return nil
}

func erase(name string) error {
	if err := keyring.Delete(service, name); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return failed(err)
	}
	return nil
}

// eraseParts removes parts that no head names any more. One that stays does no harm.
func eraseParts(name string, old parts) {
	for part := range old.count {
		_ = erase(old.name(name, part))
	}
}

func failed(err error) error { return fmt.Errorf("mcpoauth: the keyring failed: %w", err) }
