#include "ccrypto.h"

#ifdef __linux__

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

// The numbers are part of libcrypto's stable binary interface (openssl/rsa.h).
enum {
    RSA_PADDING_PKCS1 = 1,
    RSA_PADDING_PSS = 6,
    // As long as the digest, as RFC 7518 §3.5 wants it.
    PSS_SALT_OF_DIGEST = -1,
};

/// RFC 7518 §3.3: no less.
static const size_t RSA_BITS = 2048;

static struct {
    int is_there;
    void *(*d2i_AutoPrivateKey)(void **, const unsigned char **, long);
    int (*i2d_PrivateKey)(const void *, unsigned char **);
    int (*i2d_PUBKEY)(const void *, unsigned char **);
    void *(*EVP_PKEY_Q_keygen)(void *, const char *, const char *, ...);
    void (*EVP_PKEY_free)(void *);
    void *(*EVP_MD_CTX_new)(void);
    void (*EVP_MD_CTX_free)(void *);
    int (*EVP_DigestSignInit)(void *, void **, const void *, void *, void *);
    int (*EVP_DigestSign)(void *, unsigned char *, size_t *, const unsigned char *, size_t);
    int (*EVP_PKEY_CTX_set_rsa_padding)(void *, int);
    int (*EVP_PKEY_CTX_set_rsa_pss_saltlen)(void *, int);
    const void *(*EVP_sha256)(void);
    int (*EVP_Digest)(const void *, size_t, unsigned char *, unsigned int *, const void *, void *);
    void (*CRYPTO_clear_free)(void *, size_t, const char *, int);
    void (*ERR_clear_error)(void);
} crypto;

static int find(void *library, const char *name, void *place) {
    return (*(void **)place = dlsym(library, name)) != NULL;
}

static void load(void) {
    void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
#define FIND(NAME) find(library, #NAME, &crypto.NAME)
    crypto.is_there = FIND(d2i_AutoPrivateKey) && FIND(i2d_PrivateKey) && FIND(i2d_PUBKEY) && FIND(EVP_PKEY_Q_keygen) &&
        FIND(EVP_PKEY_free) && FIND(EVP_MD_CTX_new) && FIND(EVP_MD_CTX_free) && FIND(EVP_DigestSignInit) &&
        FIND(EVP_DigestSign) && FIND(EVP_PKEY_CTX_set_rsa_padding) && FIND(EVP_PKEY_CTX_set_rsa_pss_saltlen) &&
        FIND(EVP_sha256) && FIND(EVP_Digest) && FIND(CRYPTO_clear_free) && FIND(ERR_clear_error);
#undef FIND
}

int ccrypto_is_there(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return crypto.is_there;
}

void *ccrypto_key_read(const uint8_t *der, size_t count) {
    if (!ccrypto_is_there()) return NULL;
    void *key = crypto.d2i_AutoPrivateKey(NULL, &der, (long)count);
    // What went wrong stays with the thread otherwise, for whoever looks next.
    crypto.ERR_clear_error();
    return key;
}

void *ccrypto_key_generate(int algorithm) {
    if (!ccrypto_is_there()) return NULL;
    switch (algorithm) {
    case CCRYPTO_ES256: return crypto.EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    case CCRYPTO_EDDSA: return crypto.EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    default: return crypto.EVP_PKEY_Q_keygen(NULL, NULL, "RSA", RSA_BITS);
    }
}

void ccrypto_key_free(void *key) {
    crypto.EVP_PKEY_free(key);
}

static int hand_over(int (*encode)(const void *, unsigned char **), void *key, const ccrypto_taker *taker) {
    unsigned char *der = NULL;
    int count = encode(key, &der);
    if (count <= 0) return 0;
    taker->take(taker->context, der, (size_t)count);
    crypto.CRYPTO_clear_free(der, (size_t)count, __FILE__, __LINE__);
    return 1;
}

int ccrypto_key_private(void *key, const ccrypto_taker *taker) {
    return hand_over(crypto.i2d_PrivateKey, key, taker);
}

int ccrypto_key_public(void *key, const ccrypto_taker *taker) {
    return hand_over(crypto.i2d_PUBKEY, key, taker);
}

int ccrypto_key_sign(
    void *key, int algorithm, const uint8_t *input, size_t count, const ccrypto_taker *taker) {
    void *digest = crypto.EVP_MD_CTX_new();
    void *options = NULL;
    // Ed25519 digests for itself.
    const void *hash = algorithm == CCRYPTO_EDDSA ? NULL : crypto.EVP_sha256();
    int done = digest && crypto.EVP_DigestSignInit(digest, &options, hash, NULL, key) == 1;
    if (done && algorithm == CCRYPTO_RS256) {
        done = crypto.EVP_PKEY_CTX_set_rsa_padding(options, RSA_PADDING_PKCS1) == 1;
    }
    if (done && algorithm == CCRYPTO_PS256) {
        done = crypto.EVP_PKEY_CTX_set_rsa_padding(options, RSA_PADDING_PSS) == 1 &&
            crypto.EVP_PKEY_CTX_set_rsa_pss_saltlen(options, PSS_SALT_OF_DIGEST) == 1;
    }
    size_t most = 0;
    done = done && crypto.EVP_DigestSign(digest, NULL, &most, input, count) == 1;
    unsigned char *signature = done ? malloc(most) : NULL;
    done = signature && crypto.EVP_DigestSign(digest, signature, &most, input, count) == 1;
    if (done) taker->take(taker->context, signature, most);
    free(signature);
    crypto.EVP_MD_CTX_free(digest);
    crypto.ERR_clear_error();
    return done;
}

int ccrypto_sha256(const uint8_t *input, size_t count, uint8_t *digest) {
    return ccrypto_is_there() && crypto.EVP_Digest(input, count, digest, NULL, crypto.EVP_sha256(), NULL) == 1;
}

#else

// Elsewhere nobody asks.
int ccrypto_is_there(void) {
    return 0;
}

#endif
