/* How is a machine driven, from an event to where it comes to rest?
 *
 * One thread at a time, and blocking: a program that does more gives it a thread of its own. docs/driving.md says what
 * every driver must do and never do. */
#ifndef HOST_H
#define HOST_H

#include <mcp_oauth.h>
#include <stdbool.h>

#include "http.h"
#include "secrets.h"
#include "store.h"

/* Who is there to sign in. */
enum host_user {
    /* The person at this machine, with a browser; the redirect comes back over loopback. */
    HOST_BROWSER,
    /* Nobody: for servers that consent without a person. */
    HOST_HEADLESS,
    /* A person elsewhere: the host stops at MCP_OAUTH_KIND_OPEN_URL, and the callback arrives at the redirect URI of
     * the configuration, perhaps at another process. */
    HOST_ELSEWHERE,
};

struct host;

/* Told of each decision; `state` is yours. */
typedef void host_observer(const mcp_oauth_trace_entry *entry, void *state);

/* For an account (empty for the only one). The store stays yours and must live as long as the host. NULL without
 * memory. */
struct host *host_new(const mcp_oauth_config *config, const char *account, struct store *store, enum host_user user);
/* The host of the sign-in that a callback belongs to, begun by HOST_ELSEWHERE in this or another process. NULL if
 * nobody waits for it. */
struct host *host_of_callback(const mcp_oauth_config *config, const char *account, struct store *store,
                              const char *callback_url);
void host_observe(struct host *host, host_observer *observer, void *state);
/* Nobody signs or vouches before. */
void host_entrust(struct host *host, const struct secrets *secrets);
void host_free(struct host **host);

/* Gets a token, with a sign-in if need be. True at rest with a token. */
bool host_sign_in(struct host *host);
/* Takes the callback of a sign-in. True at rest with a token. */
bool host_finish(struct host *host, const char *callback_url);
/* Forgets the tokens, and the registrations too if you say so. True when they are gone. */
bool host_sign_out(struct host *host, bool forget_client);
/* Sends a request to the MCP server with the token; whatever a 401 or 403 demands is done and the request repeated.
 * False if there is no answer to be freed. */
bool host_send(struct host *host, const struct http_request *request, struct http_reply *reply);

/* The mcp_oauth_reach of requests to the MCP server. */
int32_t host_reach(const struct host *host);

/* Where the machine is: the URL to send the person to, or what failed. Borrowed until the next call. */
const mcp_oauth_step *host_step(const struct host *host);

#endif
