/* What if several share one store, or bring what they have? */
#include "flow.h"

static const mcp_oauth_slice NONE = {NULL, 0};

static mcp_oauth_slice record_of(const struct kept *kept)
{
    return (mcp_oauth_slice){kept->record, kept->length};
}

/* What the store of one holds is what the store of the other holds. */
static void share(struct flow *to, const struct flow *from)
{
    free(to->grant.record);
    to->grant = (struct kept){malloc(from->grant.length), from->grant.length};
    HOLDS(to->grant.record != NULL);
    memcpy(to->grant.record, from->grant.record, from->grant.length);
}

static void sign_in(struct flow *flow, const mcp_oauth_config *config)
{
    flow_begin(flow, config);
    flow_until(flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(flow->machine, flow->now, &flow->step));
    flow_until(flow, MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(flow->step.kind == MCP_OAUTH_KIND_AUTHORIZED);
}

static mcp_oauth_request_headers headers(const struct flow *flow)
{
    mcp_oauth_request_headers headers;
    OK(mcp_oauth_machine_request_headers(flow->machine, text("POST"), text("https://mcp.example/mcp"), flow->now,
                                         &headers));
    return headers;
}

/* One refreshes, the other waits and has the tokens. */
static void one_refresh_serves_two(const mcp_oauth_config *config)
{
    struct flow one, two;
    mcp_oauth_slice key;
    mcp_oauth_buffer named;
    sign_in(&one, config);
    flow_begin(&two, config);
    share(&two, &one);
    flow_until(&two, MCP_OAUTH_KIND_AUTHORIZED);
    one.now = two.now += 3600 * 1000;
    HOLDS(headers(&two).credentials == MCP_OAUTH_CREDENTIALS_REFRESH_DUE);
    OK(mcp_oauth_machine_refresh(one.machine, one.now, &one.step));
    flow_until(&one, MCP_OAUTH_KIND_HTTP);
    share(&two, &one);
    OK(mcp_oauth_machine_refresh(two.machine, two.now, &two.step));
    flow_until(&two, MCP_OAUTH_KIND_WAIT);
    HOLDS(two.step.kind == MCP_OAUTH_KIND_WAIT && two.step.deadline_ms > two.now);
    OK(mcp_oauth_machine_tick(two.machine, two.now, &two.step));
    HOLDS(two.step.ignored == MCP_OAUTH_IGNORED_NOT_DUE && two.step.kind == MCP_OAUTH_KIND_WAIT);
    two.now = two.step.deadline_ms;
    OK(mcp_oauth_machine_tick(two.machine, two.now, &two.step));
    HOLDS(two.step.kind == MCP_OAUTH_KIND_LOAD);
    flow_until(&two, MCP_OAUTH_KIND_WAIT);
    HOLDS(two.step.kind == MCP_OAUTH_KIND_WAIT);
    flow_until(&one, MCP_OAUTH_KIND_AUTHORIZED);
    mcp_oauth_slice record = record_of(&one.grant);
    OK(mcp_oauth_machine_store_changed(two.machine, record, two.now, &two.step));
    HOLDS(two.step.outcome == MCP_OAUTH_OUTCOME_ADVANCED && two.step.kind == MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(headers(&two).credentials == MCP_OAUTH_CREDENTIALS_READY);
    HOLDS(headers(&two).generation == headers(&one).generation);
    OK(mcp_oauth_machine_store_changed(two.machine, record, two.now, &two.step));
    HOLDS(two.step.ignored == MCP_OAUTH_IGNORED_NOTHING_TO_DO);
    record = record_of(&two.grant);
    OK(mcp_oauth_machine_store_changed(two.machine, record, two.now, &two.step));
    HOLDS(two.step.ignored == MCP_OAUTH_IGNORED_OUTDATED);
    /* The name under which both keep it. */
    OK(mcp_oauth_machine_grant_key(two.machine, &key));
    OK(mcp_oauth_key_of_grant(text(""), text("https://mcp.example/mcp"), &named));
    HOLDS(key.len == named.len && memcmp(key.data, named.data, key.len) == 0);
    mcp_oauth_buffer_free(&named);
    flow_end(&one);
    flow_end(&two);
}

/* Nobody need finish a sign-in that somebody else has made unnecessary. */
static void a_sign_in_elsewhere_ends_the_one_here(const mcp_oauth_config *config)
{
    struct flow one, two;
    mcp_oauth_flow *pending = NULL;
    sign_in(&one, config);
    flow_begin(&two, config);
    flow_until(&two, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(two.machine, two.now, &two.step));
    flow_until(&two, MCP_OAUTH_KIND_OPEN_URL);
    OK(mcp_oauth_describe_flow(record_of(&two.pending), &pending));
    HOLDS(pending->expires_at_ms == two.step.deadline_ms && pending->account.data != NULL && pending->account.len == 0);
    HOLDS(pending->server_url.len == 23 && memcmp(pending->server_url.data, "https://mcp.example/mcp", 23) == 0);
    OK(mcp_oauth_flow_free(&pending));
    HOLDS(pending == NULL);
    /* It registered a client: what the other has stored is newer only if it comes after that. */
    share(&one, &two);
    OK(mcp_oauth_machine_free(&one.machine));
    OK(mcp_oauth_machine_new(config, NONE, &one.machine));
    OK(mcp_oauth_machine_next(one.machine, &one.step));
    flow_until(&one, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(one.machine, one.now, &one.step));
    flow_until(&one, MCP_OAUTH_KIND_AUTHORIZED);
    OK(mcp_oauth_machine_store_changed(two.machine, record_of(&one.grant), two.now, &two.step));
    HOLDS(two.step.outcome == MCP_OAUTH_OUTCOME_ADVANCED);
    flow_until(&two, MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(two.step.kind == MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(headers(&two).credentials == MCP_OAUTH_CREDENTIALS_READY);
    /* Signed out elsewhere, and the record with it. */
    OK(mcp_oauth_machine_store_changed(two.machine, NONE, two.now, &two.step));
    HOLDS(headers(&two).credentials == MCP_OAUTH_CREDENTIALS_ABSENT);
    flow_end(&one);
    flow_end(&two);
}

static mcp_oauth_provided_tokens brought(uint64_t now)
{
    return (mcp_oauth_provided_tokens){
        .expires_at_ms = now + 3600 * 1000,
        .issuer = text("https://as.example"),
        .token_endpoint = text("https://as.example/token"),
        .client_id = text("brought"),
        .access_token = text(MARK "-brought"),
        .refresh_token = text(MARK "-refresh"),
        .scope = text("notes:read"),
    };
}

static void tokens_are_brought_and_refreshed(const mcp_oauth_config *config)
{
    struct flow flow;
    flow_begin(&flow, config);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    mcp_oauth_provided_tokens tokens = brought(flow.now);
    OK(mcp_oauth_machine_tokens_provided(flow.machine, &tokens, flow.now, NULL, &flow.step));
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_SAVE);
    flow_until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    mcp_oauth_slice authorization = headers(&flow).authorization;
    HOLDS(authorization.len == 21 && memcmp(authorization.data, "Bearer " MARK "-brought", 21) == 0);
    flow.now += 3600 * 1000;
    OK(mcp_oauth_machine_refresh(flow.machine, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_HTTP);
    HOLDS(flow.step.purpose.len == 7 && memcmp(flow.step.purpose.data, "refresh", 7) == 0);
    OK(mcp_oauth_machine_tokens_provided(flow.machine, &tokens, flow.now, NULL, &flow.step));
    HOLDS(flow.step.ignored == MCP_OAUTH_IGNORED_FLOW_UNDER_WAY && flow.step.kind == MCP_OAUTH_KIND_HTTP);
    flow_until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(headers(&flow).credentials == MCP_OAUTH_CREDENTIALS_READY);
    flow_end(&flow);
}

static void what_cannot_be_used_is_named(const mcp_oauth_config *config)
{
    static const struct {
        const char *member, *value;
        size_t offset;
    } BAD[] = {
        {"issuer", "http://as.example", offsetof(mcp_oauth_provided_tokens, issuer)},
        {"token_endpoint", "", offsetof(mcp_oauth_provided_tokens, token_endpoint)},
        {"access_token", "a b", offsetof(mcp_oauth_provided_tokens, access_token)},
        {"refresh_token", "", offsetof(mcp_oauth_provided_tokens, refresh_token)},
        {"resource", "https://other.example/", offsetof(mcp_oauth_provided_tokens, resource)},
    };
    struct flow flow;
    mcp_oauth_step step;
    mcp_oauth_slice member;
    flow_begin(&flow, config);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        mcp_oauth_provided_tokens tokens = brought(flow.now);
        *(mcp_oauth_slice *)((char *)&tokens + BAD[i].offset) = text(BAD[i].value);
        HOLDS(mcp_oauth_machine_tokens_provided(flow.machine, &tokens, flow.now, &member, &step) ==
              MCP_OAUTH_STATUS_MISUSE_TOKENS);
        HOLDS(member.len == strlen(BAD[i].member) && memcmp(member.data, BAD[i].member, member.len) == 0);
        HOLDS(step.kind == MCP_OAUTH_KIND_NONE);
    }
    mcp_oauth_provided_tokens tokens = brought(flow.now);
    tokens.client_id = NONE;
    HOLDS(mcp_oauth_machine_tokens_provided(flow.machine, &tokens, flow.now, &member, &step) ==
          MCP_OAUTH_STATUS_MISUSE_CLIENT_ID);
    HOLDS(member.data == NULL);
    flow_end(&flow);
}

static void callbacks_find_their_sign_in_once(void)
{
    mcp_oauth_pending *pending = NULL;
    mcp_oauth_waiting waiting;
    size_t count;
    OK(mcp_oauth_pending_new(2, &pending));
    OK(mcp_oauth_pending_insert(pending, text("one"), 2000, 1, 1000, &waiting));
    HOLDS(!waiting.found);
    OK(mcp_oauth_pending_insert(pending, text("two"), 3000, 2, 1000, &waiting));
    HOLDS(mcp_oauth_pending_insert(pending, text("three"), 3000, 3, 1000, &waiting) == MCP_OAUTH_STATUS_FULL);
    OK(mcp_oauth_pending_insert(pending, text("two"), 3000, 22, 1000, &waiting));
    HOLDS(waiting.found && waiting.value == 2);
    OK(mcp_oauth_pending_take(pending, MCP_OAUTH_CALLBACK_FORM_QUERY, text("code=c&state=other"), 1000, &waiting));
    HOLDS(!waiting.found && waiting.value == 0);
    OK(mcp_oauth_pending_take(pending, MCP_OAUTH_CALLBACK_FORM_URL, text("app:/cb?code=c&state=two"), 1000, &waiting));
    HOLDS(waiting.found && waiting.value == 22);
    OK(mcp_oauth_pending_take(pending, MCP_OAUTH_CALLBACK_FORM_URL, text("app:/cb?code=c&state=two"), 1000, &waiting));
    HOLDS(!waiting.found);
    OK(mcp_oauth_pending_insert(pending, text("three"), 3000, 3, 1000, &waiting));
    OK(mcp_oauth_pending_len(pending, &count));
    HOLDS(count == 2);
    OK(mcp_oauth_pending_take_expired(pending, 2000, &waiting));
    HOLDS(waiting.found && waiting.value == 1);
    OK(mcp_oauth_pending_take_expired(pending, 2000, &waiting));
    HOLDS(!waiting.found);
    OK(mcp_oauth_pending_forget(pending, text("three"), &waiting));
    HOLDS(waiting.found && waiting.value == 3);
    OK(mcp_oauth_pending_len(pending, &count));
    HOLDS(count == 0);
    OK(mcp_oauth_pending_insert(pending, text("left behind"), 3000, 4, 1000, &waiting));
    OK(mcp_oauth_pending_free(&pending));
    HOLDS(pending == NULL);
}

int main(void)
{
    mcp_oauth_config *config = flow_config();
    one_refresh_serves_two(config);
    a_sign_in_elsewhere_ends_the_one_here(config);
    tokens_are_brought_and_refreshed(config);
    what_cannot_be_used_is_named(config);
    callbacks_find_their_sign_in_once();
    OK(mcp_oauth_config_free(&config));
    puts("those who share a store share its tokens");
    return 0;
}
