/* How is one request sent within its limits?
 *
 * Redirects are handed back, no cookie is kept, no proxy is used (behind one, nobody could tell which address is
 * reached), no content encoding is asked for, TLS is always verified, and no connection is used twice, so that nothing
 * is ever sent a second time. */
#ifndef HTTP_H
#define HTTP_H

#include <mcp_oauth.h>

struct http_request {
    mcp_oauth_slice method, url;
    const mcp_oauth_header *headers;
    size_t header_count;
    mcp_oauth_slice body;
    uint64_t timeout_ms, max_body_bytes;
    /* A mcp_oauth_reach: the addresses that may be connected to. */
    int32_t reach;
};

struct http_reply {
    uint32_t status;
    /* Names and values are yours, like the body: `http_reply_free` frees all of it. */
    mcp_oauth_header *headers;
    size_t header_count;
    mcp_oauth_slice body;
    /* Where a redirect leads, made absolute; absent if it is none. */
    mcp_oauth_slice target;
};

/* 0 with a reply to be freed, or the mcp_oauth_cause why there is none. */
int32_t http_exchange(const struct http_request *request, struct http_reply *reply);
/* The first value of a header field, or absent. `name` in lower case. Borrowed. */
mcp_oauth_slice http_header(const struct http_reply *reply, const char *name);
/* Overwrites and frees. */
void http_reply_free(struct http_reply *reply);

#endif
