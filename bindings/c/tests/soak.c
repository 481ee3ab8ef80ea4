/* Does memory stay flat over thousands of flows? soak [FLOWS]
 *
 * Counts the bytes that are allocated, to the last one: what the first flows leave behind is no leak, what every flow
 * leaves behind is. The allocator must not set freed memory aside, which would count: run it with
 * GLIBC_TUNABLES=glibc.malloc.tcache_count=0. */
#include <malloc.h>

#include "flow.h"

/* Sign-in, use, refresh, a snapshot on the way, and sign-out: all that a machine does in its life. */
static void live(const mcp_oauth_config *config, mcp_oauth_credentials credentials)
{
    struct flow flow;
    mcp_oauth_request_headers headers;
    mcp_oauth_buffer snapshot;
    const mcp_oauth_trace_entry *entries;
    mcp_oauth_machine *resumed = NULL;
    mcp_oauth_grant *grant = NULL;
    size_t count;
    flow_begin(&flow, config);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_OPEN_URL);
    OK(mcp_oauth_machine_snapshot(flow.machine, &snapshot));
    OK(mcp_oauth_machine_resume(config, text(""), (mcp_oauth_slice){snapshot.data, snapshot.len}, &resumed));
    OK(mcp_oauth_machine_free(&flow.machine));
    mcp_oauth_buffer_free(&snapshot);
    flow.machine = resumed;
    OK(mcp_oauth_machine_next(flow.machine, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_AUTHORIZED);
    flow.now += 3600 * 1000;
    OK(mcp_oauth_machine_request_headers(flow.machine, text("POST"), text("https://mcp.example/mcp"), flow.now,
                                         &headers));
    HOLDS(headers.credentials == MCP_OAUTH_CREDENTIALS_REFRESH_DUE);
    OK(mcp_oauth_machine_refresh(flow.machine, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    OK(mcp_oauth_machine_request_headers(flow.machine, text("POST"), text("https://mcp.example/mcp"), flow.now,
                                         &headers));
    HOLDS(headers.credentials == credentials);
    OK(mcp_oauth_machine_take_trace(flow.machine, &entries, &count));
    HOLDS(count > 0);
    OK(mcp_oauth_describe_grant((mcp_oauth_slice){flow.grant.record, flow.grant.length}, &grant));
    HOLDS(grant->issuer_count == 1 && grant->issuers[0].has_refresh_token);
    OK(mcp_oauth_grant_free(&grant));
    OK(mcp_oauth_machine_sign_out(flow.machine, 1, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_SIGNED_OUT);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_SIGNED_OUT);
    flow_end(&flow);
}

int main(int count, char **arguments)
{
    long flows = count > 1 ? atol(arguments[1]) : 10000;
    mcp_oauth_config *plain = flow_config(), *bound = flow_config_of(MCP_OAUTH_GRANT_TYPE_AUTHORIZATION_CODE);
    live(plain, MCP_OAUTH_CREDENTIALS_READY);
    live(bound, MCP_OAUTH_CREDENTIALS_SIGN);
    size_t before = mallinfo2().uordblks;
    for (long i = 2; i < flows; i++)
        if (i % 2 == 0)
            live(plain, MCP_OAUTH_CREDENTIALS_READY);
        else
            live(bound, MCP_OAUTH_CREDENTIALS_SIGN);
    size_t after = mallinfo2().uordblks;
    OK(mcp_oauth_config_free(&plain));
    OK(mcp_oauth_config_free(&bound));
    printf("%ld flows: %zu bytes allocated after the first two, %zu after the last\n", flows, before, after);
    return before == after ? 0 : 1;
}
