/* What does a call across the boundary cost, and a whole sign-in? */
#include <time.h>

#include "flow.h"

/* The fastest of so many samples: noise only adds. */
enum { SAMPLES = 50 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void report(const char *what, void (*call)(void *), void *state, int repeats)
{
    double fastest = 1e9;
    for (int sample = 0; sample < SAMPLES; sample++) {
        double start = seconds();
        for (int i = 0; i < repeats; i++)
            call(state);
        double each = (seconds() - start) / repeats;
        fastest = each < fastest ? each : fastest;
    }
    printf("%-52s %10.0f ns\n", what, fastest * 1e9);
}

static void next(void *state)
{
    struct flow *flow = state;
    OK(mcp_oauth_machine_next(flow->machine, &flow->step));
}

static void request_headers(void *state)
{
    struct flow *flow = state;
    mcp_oauth_request_headers headers;
    mcp_oauth_slice url = text("https://mcp.example/mcp");
    OK(mcp_oauth_machine_request_headers(flow->machine, text("POST"), url, flow->now, &headers));
    HOLDS(headers.credentials == MCP_OAUTH_CREDENTIALS_READY);
}

static void ignored(void *state)
{
    struct flow *flow = state;
    OK(mcp_oauth_machine_cancel(flow->machine, flow->now, &flow->step));
    HOLDS(flow->step.outcome == MCP_OAUTH_OUTCOME_IGNORED);
}

static void sign_in(void *state)
{
    struct flow flow;
    flow_begin(&flow, state);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_AUTHORIZED);
    flow_end(&flow);
}

static void snapshot(void *state)
{
    struct flow *flow = state;
    mcp_oauth_buffer buffer;
    OK(mcp_oauth_machine_snapshot(flow->machine, &buffer));
    mcp_oauth_buffer_free(&buffer);
}

int main(void)
{
    mcp_oauth_config *config = flow_config();
    struct flow flow;
    flow_begin(&flow, config);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    report("C: what to do now", next, &flow, 10000);
    report("C: the header of a request", request_headers, &flow, 10000);
    report("C: an event that changes nothing", ignored, &flow, 10000);
    report("C: a snapshot", snapshot, &flow, 1000);
    report("C: a whole sign-in, from nothing to stored tokens", sign_in, config, 50);
    flow_end(&flow);
    OK(mcp_oauth_config_free(&config));
    return 0;
}
