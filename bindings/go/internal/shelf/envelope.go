package shelf

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
)

// A record at rest is one line and its body. The line tells generation and end without reading into the body:
// mcp-oauth-record 1 <generation> <expiry in milliseconds since the epoch, or ->
const (
	envelopeMagic   = "mcp-oauth-record"
	envelopeVersion = "1"
)

var (
	errDamaged = errors.New("the record is damaged")
	errTooNew  = errors.New("the record was written by a newer version")
)

func seal(record Record) []byte {
	expiry := "-"
	if !record.ExpiresAt.IsZero() {
		expiry = strconv.FormatInt(record.ExpiresAt.UnixMilli(), 10)
	}
	line := envelopeMagic + " " + envelopeVersion + " " + strconv.FormatUint(record.Generation, 10) + " " + expiry + "\n"
	// One allocation: growing would leave a copy behind.
	sealed := make([]byte, 0, len(line)+len(record.Body))
	return append(append(sealed, line...), record.Body...)
}

func unseal(sealed []byte) (Record, error) {
	line, body, found := bytes.Cut(sealed, []byte("\n"))
	words := strings.Split(string(line), " ")
	if !found || len(words) < 2 || words[0] != envelopeMagic {
		return Record{}, errDamaged
	}
	if words[1] != envelopeVersion {
		return Record{}, errTooNew
	}
	if len(words) != 4 {
		return Record{}, errDamaged
	}
	generation, err := strconv.ParseUint(words[2], 10, 64)
	if err != nil {
		return Record{}, errDamaged
	}
	record := Record{Generation: generation, Body: body}
	if words[3] != "-" {
		millis, err := strconv.ParseInt(words[3], 10, 64)
		if err != nil {
			return Record{}, errDamaged
		}
		record.ExpiresAt = time.UnixMilli(millis)
	}
	return record, nil
}
