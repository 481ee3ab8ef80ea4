/* How does a whole flow go without any network, against servers that always answer the same? */
#ifndef FLOW_H
#define FLOW_H

#include <mcp_oauth.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the test where something does not hold. */
#define HOLDS(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Every call is seen to go well. */
#define OK(call) HOLDS((call) == MCP_OAUTH_STATUS_OK)

/* All secrets of a flow but those that the machine makes up carry this mark. */
#define MARK "s3cr3t"

/* What this program signs with: 64 bytes, and how they begin in a token. */
#define SIGNATURE "****************************************************************"
#define SIGNED "KioqKioqKioq"

/* A record as a store keeps it. */
struct kept {
    uint8_t *record;
    size_t length;
};

struct flow {
    mcp_oauth_machine *machine;
    mcp_oauth_step step;
    uint64_t now;
    struct kept grant, pending;
    /* The callback that belongs to the URL opened last. */
    char callback[512];
};

mcp_oauth_slice text(const char *text);
/* A configuration for https://mcp.example/mcp, with settings that are secret. */
mcp_oauth_config *flow_config(void);
/* One for the same server with this grant, for a client with a key and tokens that are bound to it. */
mcp_oauth_config *flow_config_of(mcp_oauth_grant_type grant);
void flow_begin(struct flow *flow, const mcp_oauth_config *config);
/* Carries out one action as servers, store and person would that have nothing to object to. */
void flow_carry_out(struct flow *flow);
/* Carries out actions until the machine wants this, or rests. */
void flow_until(struct flow *flow, mcp_oauth_kind kind);
void flow_end(struct flow *flow);

#endif
