// How does Swift call libcurl, whose central function takes arguments of any type?
//
// FoundationNetworking is made of libcurl on Linux, so it is there already: it is loaded when it is first needed.

#ifndef MCP_OAUTH_CCURL_H
#define MCP_OAUTH_CCURL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// What is asked while a request is carried out. Each answer is 1 to go on, or 0 to end it.
typedef struct ccurl_callbacks {
    void *context;
    /// Whether this address may be connected to.
    int (*allows)(void *context, const struct sockaddr *address, socklen_t length);
    /// One line of the answer's head, with its end.
    int (*head)(void *context, const uint8_t *bytes, size_t count);
    /// More of the body.
    int (*body)(void *context, const uint8_t *bytes, size_t count);
    /// Asked many times a second.
    int (*goes_on)(void *context);
} ccurl_callbacks;

/// A request. Texts end with NUL; `headers` with a NULL.
typedef struct ccurl_request {
    const char *method;
    const char *url;
    const char *const *headers;
    const uint8_t *body;
    size_t body_length;
    long timeout_ms;
} ccurl_request;

enum {
    /// The answer was received whole.
    CCURL_DONE = 0,
    CCURL_NO_NAME = 1,
    CCURL_NO_CONNECTION = 2,
    CCURL_NO_TLS = 3,
    CCURL_TIMEOUT = 4,
    /// By the network or by a callback.
    CCURL_BROKEN = 5,
    /// There is no libcurl on this machine.
    CCURL_MISSING = 6,
};

/// Carries a request out, on this thread: one fresh connection, no proxy, no redirect, no cookie, no credential, certificates
/// verified. Gives one of the values above.
int ccurl_perform(const ccurl_request *request, const ccurl_callbacks *callbacks);

#endif
