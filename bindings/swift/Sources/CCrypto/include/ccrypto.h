// How does Swift call libcrypto on Linux, where there is no CryptoKit?
//
// libcurl and so FoundationNetworking verify certificates with it: it is there already, and loaded when it is first needed.

#ifndef MCP_OAUTH_CCRYPTO_H
#define MCP_OAUTH_CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

/// Takes bytes that are valid during the call alone.
typedef struct ccrypto_taker {
    void *context;
    void (*take)(void *context, const uint8_t *bytes, size_t count);
} ccrypto_taker;

enum {
    CCRYPTO_ES256 = 1,
    CCRYPTO_RS256 = 2,
    CCRYPTO_PS256 = 3,
    CCRYPTO_EDDSA = 4,
};

/// Whether there is a libcrypto of OpenSSL 3 on this machine. Where there is none, everything below fails.
int ccrypto_is_there(void);

/// The private key in these bytes, PKCS #8 or the form that its algorithm had before that, in DER. NULL if it is none. To be
/// freed.
void *ccrypto_key_read(const uint8_t *der, size_t count);

/// A new key for the algorithm. NULL if it could not be made. To be freed.
void *ccrypto_key_generate(int algorithm);

/// Wipes and frees the key.
void ccrypto_key_free(void *key);

/// Hands over the private key in DER. Gives 1, or 0 where it fails.
int ccrypto_key_private(void *key, const ccrypto_taker *taker);

/// Hands over the public key (SubjectPublicKeyInfo) in DER. Gives 1, or 0 where it fails.
int ccrypto_key_public(void *key, const ccrypto_taker *taker);

/// Hands over the signature, for ES256 in DER. Gives 1, or 0 where it fails.
int ccrypto_key_sign(
    void *key, int algorithm, const uint8_t *input, size_t count, const ccrypto_taker *taker);

/// The SHA-256 digest, 32 bytes. Gives 1, or 0 where it fails.
int ccrypto_sha256(const uint8_t *input, size_t count, uint8_t *digest);

#endif
