/* How is a tool called over MCP's streamable HTTP, as far as an example needs it? */
#ifndef MCP_H
#define MCP_H

#include <json-c/json.h>

#include "host.h"

struct mcp {
    struct host *host;
    const char *url;
    /* As the server wants them back with each request; empty if it does not. */
    char session[256], version[32];
    int last_id;
};

/* Says hello: `initialize` and `notifications/initialized`. */
bool mcp_open(struct mcp *mcp, struct host *host, const char *url);
/* The result of a method, to be given back with `json_object_put`, or NULL. Takes over `params`. */
json_object *mcp_call(struct mcp *mcp, const char *method, json_object *params);

#endif
