/* Who signs, and who vouches for the workload or the user? The program does: the machine never sees a private key. */
#ifndef SECRETS_H
#define SECRETS_H

#include <mcp_oauth.h>

/* The longest signature: that of an RSA key of 8192 bits. */
enum { SIGNATURE_MAX = 1024 };

/* What is to be signed, and with which key; borrowed. */
struct signing {
    /* A mcp_oauth_algorithm. */
    int32_t algorithm;
    /* Of the public key, and the bytes to sign: secret. */
    mcp_oauth_slice thumbprint, input;
};

/* What the host cannot know by itself; what is NULL is declined. `state` is yours. */
struct secrets {
    /* Signs, and tells how long the signature is; 0 for a key that is not there. */
    size_t (*sign)(const struct signing *wanted, uint8_t signature[SIGNATURE_MAX], void *state);
    /* Gets the assertion that a MCP_OAUTH_KIND_FETCH_ASSERTION wants, anew each time, and which
     * mcp_oauth_assertion_kind it is; to be freed with `forget`. NULL if there is none. */
    char *(*fetch_assertion)(const mcp_oauth_step *wanted, int32_t *kind, void *state);
    void *state;
};

/* The length of the signature, or 0 if nobody signs. */
size_t secrets_sign(const struct secrets *secrets, const struct signing *wanted, uint8_t signature[SIGNATURE_MAX]);
/* The assertion, to be freed with `forget`, or NULL if nobody vouches. */
char *secrets_fetch(const struct secrets *secrets, const mcp_oauth_step *wanted, int32_t *kind);
/* The `DPoP` header field of one request (RFC 9449 §4); empty if nobody signs. */
mcp_oauth_buffer secrets_prove(const struct secrets *secrets, const mcp_oauth_request_headers *credentials);

#endif
