package mcpoauth

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// AESGCMSealer seals with AES-256-GCM under random nonces (NIST SP 800-38D §8.2.2): one key is good for 2^32 records, so
// replace it long before. A sealed record is 33 bytes longer, and the same in every language of this library:
//
//	0x01 ‖ id of the key (4 bytes) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)
//
// The id is the beginning of the key's SHA-256. The name, a zero byte and the generation in decimals are authenticated with it.
type AESGCMSealer struct {
	// The first one seals, each one opens.
	keys []sealingKey
}

var _ Sealer = (*AESGCMSealer)(nil)

type sealingKey struct {
	// head is what each record that it has sealed begins with.
	head []byte
	aead cipher.AEAD
}

const (
	sealedVersion = 1
	keyIDBytes    = 4
	keyBytes      = 32
)

var (
	errKeyLength = errors.New("mcpoauth: a key of AES-256 has 32 bytes")
	errNotSealed = errors.New("it is not sealed, or by a newer version")
	errNoKey     = errors.New("none of the keys has sealed it")
	errForged    = errors.New("it was changed, or sealed under another name or generation")
)

// NewAESGCMSealer seals with a random key of 32 bytes, and opens with that and with older keys. To rotate keys, first give the
// new one to every process as an older one, then as the first. Keep them elsewhere than the records.
func NewAESGCMSealer(key []byte, older ...[]byte) (*AESGCMSealer, error) {
	sealer := &AESGCMSealer{}
	for _, key := range append([][]byte{key}, older...) {
		if len(key) != keyBytes {
			return nil, errKeyLength
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("mcpoauth: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("mcpoauth: %w", err)
		}
		digest := sha256.Sum256(key)
		head := append([]byte{sealedVersion}, digest[:keyIDBytes]...)
		sealer.keys = append(sealer.keys, sealingKey{head, aead})
	}
	return sealer, nil
}

// Seal implements [Sealer].
func (s *AESGCMSealer) Seal(_ context.Context, name string, generation uint64, plain []byte) ([]byte, error) {
	key := s.keys[0]
	sealed := make([]byte, len(key.head), len(key.head)+len(plain)+key.aead.Overhead())
	copy(sealed, key.head)
	return key.aead.Seal(sealed, nil, plain, associated(name, generation)), nil
}

// Open implements [Sealer].
func (s *AESGCMSealer) Open(_ context.Context, name string, generation uint64, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+keyIDBytes || sealed[0] != sealedVersion {
		return nil, errNotSealed
	}
	failure := errNoKey
	for _, key := range s.keys {
		ciphertext, ours := bytes.CutPrefix(sealed, key.head)
		if !ours {
			continue
		}
		plain, err := key.aead.Open(nil, nil, ciphertext, associated(name, generation))
		if err == nil {
			return plain, nil
		}
		failure = errForged
	}
	return nil, failure
}

// associated is what is authenticated together with a record.
func associated(name string, generation uint64) []byte {
	return strconv.AppendUint(append([]byte(name), 0), generation, 10)
}

// Format shows no key.
func (s AESGCMSealer) Format(f fmt.State, _ rune) { io.WriteString(f, "AESGCMSealer") }
