/* How is the redirect received on this machine, and nothing else let in (RFC 8252 §7.3, §8.3)? */
#ifndef LISTENER_H
#define LISTENER_H

#include <mcp_oauth.h>
#include <stdbool.h>

struct listener;

/* Listens on loopback where the redirect URI says: on its port, or on any free one where that is 0 or taken. NULL for a
 * URI that nobody can listen on here. */
struct listener *listener_open(mcp_oauth_slice redirect_uri);
/* The redirect URI with the port in it. */
const char *listener_uri(const struct listener *listener);
/* Waits for a request to the redirect URI, for so many milliseconds at most. Its query, to be freed with `forget`, or
 * NULL. */
char *listener_wait(struct listener *listener, uint64_t wait_ms);
void listener_close(struct listener **listener);

#endif
