/* What comes of calls that nobody should make? A status, and nothing else. */
#include <pthread.h>
#include <stdatomic.h>

#include "flow.h"

static const mcp_oauth_slice NONE = {NULL, 0};
static const int32_t NO_NUMBERS[] = {INT32_MIN, -1, 0, 6, 32, 1000, INT32_MAX};

#define GIVES(status, call) HOLDS((call) == MCP_OAUTH_STATUS_##status)

static void missing_pointers(const mcp_oauth_config *config, mcp_oauth_machine *machine)
{
    const char *at = "https://mcp.example/mcp";
    mcp_oauth_slice lost = {NULL, 1};
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_config *made = NULL;
    mcp_oauth_machine *resumed = NULL;
    mcp_oauth_grant *grant = NULL;
    mcp_oauth_flow *flow = NULL;
    mcp_oauth_slice key;
    mcp_oauth_step step;
    mcp_oauth_buffer buffer;
    mcp_oauth_request_headers headers;
    const mcp_oauth_trace_entry *entries;
    size_t count;
    uint64_t number;
    int32_t reach;
    bool allowed;
    OK(mcp_oauth_settings_new(&settings));
    GIVES(NULL, mcp_oauth_settings_new(NULL));
    GIVES(NULL, mcp_oauth_settings_text(NULL, 1, text(at)));
    GIVES(NULL, mcp_oauth_settings_text(settings, 1, lost));
    GIVES(NULL, mcp_oauth_settings_flag(NULL, 1, 1));
    GIVES(NULL, mcp_oauth_settings_number(NULL, 1, 1));
    GIVES(NULL, mcp_oauth_settings_list(NULL, 1));
    GIVES(NULL, mcp_oauth_settings_item(NULL, 1, text(at)));
    GIVES(NULL, mcp_oauth_settings_item(settings, 1, lost));
    GIVES(NULL, mcp_oauth_settings_pair(NULL, 1, text(at), text(at)));
    GIVES(NULL, mcp_oauth_settings_pair(settings, 1, lost, text(at)));
    GIVES(NULL, mcp_oauth_settings_pair(settings, 1, text(at), lost));
    GIVES(NULL, mcp_oauth_config_new(NULL, NULL, &made));
    GIVES(NULL, mcp_oauth_config_new(settings, NULL, NULL));
    GIVES(CONFIG, mcp_oauth_config_new(settings, NULL, &made));
    HOLDS(made == NULL);
    GIVES(NULL, mcp_oauth_config_server_url(NULL, &lost));
    GIVES(NULL, mcp_oauth_config_server_url(config, NULL));
    GIVES(NULL, mcp_oauth_config_reach(NULL, &reach));
    GIVES(NULL, mcp_oauth_config_reach(config, NULL));
    lost = (mcp_oauth_slice){NULL, 1};
    GIVES(NULL, mcp_oauth_reach_allows_address(1, lost, &allowed));
    GIVES(NULL, mcp_oauth_reach_allows_address(1, text("four"), NULL));
    GIVES(NULL, mcp_oauth_machine_new(NULL, NONE, &resumed));
    GIVES(NULL, mcp_oauth_machine_new(config, lost, &resumed));
    GIVES(NULL, mcp_oauth_machine_new(config, NONE, NULL));
    GIVES(NULL, mcp_oauth_machine_resume(NULL, NONE, NONE, &resumed));
    GIVES(NULL, mcp_oauth_machine_resume(config, lost, NONE, &resumed));
    GIVES(NULL, mcp_oauth_machine_resume(config, NONE, lost, &resumed));
    GIVES(NULL, mcp_oauth_machine_resume(config, NONE, NONE, NULL));
    HOLDS(resumed == NULL);
    GIVES(NULL, mcp_oauth_machine_next(NULL, &step));
    GIVES(NULL, mcp_oauth_machine_next(machine, NULL));
    GIVES(NULL, mcp_oauth_machine_request_headers(NULL, text("GET"), text(at), 1, &headers));
    GIVES(NULL, mcp_oauth_machine_request_headers(machine, lost, text(at), 1, &headers));
    GIVES(NULL, mcp_oauth_machine_request_headers(machine, text("GET"), lost, 1, &headers));
    GIVES(NULL, mcp_oauth_machine_request_headers(machine, text("GET"), text(at), 1, NULL));
    GIVES(NULL, mcp_oauth_machine_take_nonce(NULL, text("n")));
    GIVES(NULL, mcp_oauth_machine_take_nonce(machine, lost));
    GIVES(NULL, mcp_oauth_dpop_proof(MCP_OAUTH_ALGORITHM_ES256, lost, text("s"), &buffer));
    GIVES(NULL, mcp_oauth_dpop_proof(MCP_OAUTH_ALGORITHM_ES256, text("e30.e30"), lost, &buffer));
    GIVES(NULL, mcp_oauth_dpop_proof(MCP_OAUTH_ALGORITHM_ES256, text("e30.e30"), text("s"), NULL));
    GIVES(NULL, mcp_oauth_machine_snapshot(NULL, &buffer));
    GIVES(NULL, mcp_oauth_machine_snapshot(machine, NULL));
    GIVES(NULL, mcp_oauth_machine_take_trace(NULL, &entries, &count));
    GIVES(NULL, mcp_oauth_machine_take_trace(machine, NULL, &count));
    GIVES(NULL, mcp_oauth_machine_take_trace(machine, &entries, NULL));
    GIVES(NULL, mcp_oauth_key_of_callback(1, lost, &buffer));
    GIVES(NULL, mcp_oauth_key_of_callback(1, text("state=1"), NULL));
    GIVES(NULL, mcp_oauth_key_of_grant(lost, text(at), &buffer));
    GIVES(NULL, mcp_oauth_key_of_grant(NONE, lost, &buffer));
    GIVES(NULL, mcp_oauth_key_of_grant(NONE, text(at), NULL));
    GIVES(NULL, mcp_oauth_generation_of(lost, &number));
    GIVES(NULL, mcp_oauth_generation_of(NONE, NULL));
    GIVES(NULL, mcp_oauth_describe_grant(lost, &grant));
    GIVES(NULL, mcp_oauth_describe_grant(NONE, NULL));
    GIVES(NULL, mcp_oauth_describe_flow(lost, &flow));
    GIVES(NULL, mcp_oauth_describe_flow(NONE, NULL));
    GIVES(NULL, mcp_oauth_machine_grant_key(NULL, &key));
    GIVES(NULL, mcp_oauth_machine_grant_key(machine, NULL));
    mcp_oauth_buffer_free(NULL);
    mcp_oauth_buffer_free(&(mcp_oauth_buffer){NULL, 0});
    OK(mcp_oauth_settings_free(NULL));
    OK(mcp_oauth_config_free(NULL));
    OK(mcp_oauth_machine_free(NULL));
    OK(mcp_oauth_grant_free(NULL));
    OK(mcp_oauth_grant_free(&grant));
    OK(mcp_oauth_flow_free(NULL));
    OK(mcp_oauth_flow_free(&flow));
    OK(mcp_oauth_settings_free(&settings));
}

static void missing_pointers_of_the_router(void)
{
    mcp_oauth_slice lost = {NULL, 1};
    mcp_oauth_pending *pending = NULL;
    mcp_oauth_waiting waiting;
    size_t count;
    GIVES(NULL, mcp_oauth_pending_new(1, NULL));
    OK(mcp_oauth_pending_new(1, &pending));
    GIVES(NULL, mcp_oauth_pending_insert(NULL, text("s"), 2, 1, 1, &waiting));
    GIVES(NULL, mcp_oauth_pending_insert(pending, lost, 2, 1, 1, &waiting));
    GIVES(NULL, mcp_oauth_pending_insert(pending, text("s"), 2, 1, 1, NULL));
    GIVES(NULL, mcp_oauth_pending_take(NULL, 1, text("state=s"), 1, &waiting));
    GIVES(NULL, mcp_oauth_pending_take(pending, 1, lost, 1, &waiting));
    GIVES(NULL, mcp_oauth_pending_take(pending, 1, text("state=s"), 1, NULL));
    GIVES(NULL, mcp_oauth_pending_take_expired(NULL, 1, &waiting));
    GIVES(NULL, mcp_oauth_pending_take_expired(pending, 1, NULL));
    GIVES(NULL, mcp_oauth_pending_forget(NULL, text("s"), &waiting));
    GIVES(NULL, mcp_oauth_pending_forget(pending, lost, &waiting));
    GIVES(NULL, mcp_oauth_pending_forget(pending, text("s"), NULL));
    GIVES(NULL, mcp_oauth_pending_len(NULL, &count));
    GIVES(NULL, mcp_oauth_pending_len(pending, NULL));
    for (size_t i = 0; i < sizeof NO_NUMBERS / sizeof *NO_NUMBERS; i++)
        GIVES(BAD_ARGUMENT, mcp_oauth_pending_take(pending, NO_NUMBERS[i], text("state=s"), 1, &waiting));
    OK(mcp_oauth_pending_len(pending, &count));
    HOLDS(count == 0 && !waiting.found);
    OK(mcp_oauth_pending_free(NULL));
    OK(mcp_oauth_pending_free(&pending));
    OK(mcp_oauth_pending_free(&pending));
}

/* Every event, without a machine, without a step, and with what it needs missing. */
static void missing_pointers_of_events(mcp_oauth_machine *machine)
{
    mcp_oauth_slice lost = {NULL, 1};
    mcp_oauth_header nameless = {lost, text("value")}, valueless = {text("name"), lost};
    mcp_oauth_provided_tokens tokens = {.expires_at_ms = 1};
    mcp_oauth_step step;
    for (int i = 0; i < 2; i++) {
        mcp_oauth_machine *on = i == 0 ? NULL : machine;
        mcp_oauth_step *out = i == 0 ? &step : NULL;
        GIVES(NULL, mcp_oauth_machine_connect(on, 1, out));
        GIVES(NULL, mcp_oauth_machine_challenge(on, 401, NULL, 0, 0, 1, out));
        GIVES(NULL, mcp_oauth_machine_reply(on, 1, 200, NULL, 0, NONE, 1, out));
        GIVES(NULL, mcp_oauth_machine_unreachable(on, 1, MCP_OAUTH_CAUSE_DNS, 1, out));
        GIVES(NULL, mcp_oauth_machine_redirect_bound(on, 1, text("http://127.0.0.1/"), 1, out));
        GIVES(NULL, mcp_oauth_machine_callback(on, MCP_OAUTH_CALLBACK_FORM_QUERY, text("code=1"), 1, out));
        GIVES(NULL, mcp_oauth_machine_client_provided(on, 1, text("c"), NONE, 0, 1, out));
        GIVES(NULL, mcp_oauth_machine_signed(on, 1, text("s"), 1, out));
        GIVES(NULL, mcp_oauth_machine_assertion_provided(on, 1, MCP_OAUTH_ASSERTION_KIND_JWT, text("a"), 1, out));
        GIVES(NULL, mcp_oauth_machine_declined(on, 1, MCP_OAUTH_REFUSAL_DENIED, 1, out));
        GIVES(NULL, mcp_oauth_machine_stored(on, 1, MCP_OAUTH_STORE_RESULT_DONE, NONE, 1, out));
        GIVES(NULL, mcp_oauth_machine_tokens_provided(on, &tokens, 1, &lost, out));
        GIVES(NULL, mcp_oauth_machine_store_changed(on, NONE, 1, out));
        GIVES(NULL, mcp_oauth_machine_refresh(on, 1, out));
        GIVES(NULL, mcp_oauth_machine_tick(on, 1, out));
        GIVES(NULL, mcp_oauth_machine_cancel(on, 1, out));
        GIVES(NULL, mcp_oauth_machine_sign_out(on, 0, 1, out));
    }
    lost = (mcp_oauth_slice){NULL, 1}; /* It was cleared as a place for a result. */
    GIVES(NULL, mcp_oauth_machine_challenge(machine, 401, NULL, 1, 0, 1, &step));
    GIVES(NULL, mcp_oauth_machine_challenge(machine, 401, &lost, 1, 0, 1, &step));
    GIVES(NULL, mcp_oauth_machine_reply(machine, 1, 200, NULL, 1, NONE, 1, &step));
    GIVES(NULL, mcp_oauth_machine_reply(machine, 1, 200, &nameless, 1, NONE, 1, &step));
    GIVES(NULL, mcp_oauth_machine_reply(machine, 1, 200, &valueless, 1, NONE, 1, &step));
    GIVES(NULL, mcp_oauth_machine_reply(machine, 1, 200, NULL, 0, lost, 1, &step));
    GIVES(NULL, mcp_oauth_machine_redirect_bound(machine, 1, lost, 1, &step));
    GIVES(NULL, mcp_oauth_machine_callback(machine, 1, lost, 1, &step));
    GIVES(NULL, mcp_oauth_machine_client_provided(machine, 1, lost, NONE, 0, 1, &step));
    GIVES(NULL, mcp_oauth_machine_client_provided(machine, 1, text("c"), lost, 0, 1, &step));
    GIVES(NULL, mcp_oauth_machine_signed(machine, 1, lost, 1, &step));
    GIVES(NULL, mcp_oauth_machine_assertion_provided(machine, 1, MCP_OAUTH_ASSERTION_KIND_JWT, lost, 1, &step));
    tokens.issuer = lost;
    GIVES(NULL, mcp_oauth_machine_tokens_provided(machine, NULL, 1, NULL, &step));
    GIVES(NULL, mcp_oauth_machine_tokens_provided(machine, &tokens, 1, NULL, &step));
    GIVES(NULL, mcp_oauth_machine_store_changed(machine, lost, 1, &step));
    GIVES(NULL, mcp_oauth_machine_stored(machine, 1, MCP_OAUTH_STORE_RESULT_LOADED, lost, 1, &step));
    HOLDS(step.kind == MCP_OAUTH_KIND_NONE && step.id == 0 && step.url.data == NULL);
}

static void numbers_out_of_range(mcp_oauth_machine *machine)
{
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_step step;
    mcp_oauth_buffer buffer;
    bool allowed;
    OK(mcp_oauth_settings_new(&settings));
    for (size_t i = 0; i < sizeof NO_NUMBERS / sizeof *NO_NUMBERS; i++) {
        int32_t n = NO_NUMBERS[i];
        GIVES(BAD_ARGUMENT, mcp_oauth_settings_list(settings, n));
        GIVES(BAD_ARGUMENT, mcp_oauth_settings_item(settings, n, text("x")));
        GIVES(BAD_ARGUMENT, mcp_oauth_settings_pair(settings, n, text("x"), text("y")));
        GIVES(BAD_ARGUMENT, mcp_oauth_settings_number(settings, MCP_OAUTH_NUMBER_SETTING_REACH, (uint64_t)n));
        GIVES(BAD_ARGUMENT, mcp_oauth_settings_number(settings, MCP_OAUTH_NUMBER_SETTING_GRANT, (uint64_t)n));
        GIVES(BAD_ARGUMENT, mcp_oauth_settings_number(settings, MCP_OAUTH_NUMBER_SETTING_DPOP, (uint64_t)n));
        GIVES(BAD_ARGUMENT, mcp_oauth_dpop_proof(n, text("e30.e30"), text("s"), &buffer));
        GIVES(BAD_ARGUMENT, mcp_oauth_machine_assertion_provided(machine, 1, n, text("a"), 1, &step));
        GIVES(BAD_ARGUMENT, mcp_oauth_reach_allows_address(n, text("four"), &allowed));
        GIVES(BAD_ARGUMENT, mcp_oauth_key_of_callback(n, text("state=1"), &buffer));
        GIVES(BAD_ARGUMENT, mcp_oauth_machine_callback(machine, n, text("state=1"), 1, &step));
        GIVES(BAD_ARGUMENT, mcp_oauth_machine_stored(machine, 1, n == 0 ? 6 : n, NONE, 1, &step));
        GIVES(BAD_ARGUMENT, mcp_oauth_machine_declined(machine, 1, n, 1, &step));
        if (n != 6) {
            GIVES(BAD_ARGUMENT, mcp_oauth_settings_text(settings, n, text("x")));
            GIVES(BAD_ARGUMENT, mcp_oauth_settings_number(settings, n, 1));
            GIVES(BAD_ARGUMENT, mcp_oauth_settings_flag(settings, n, 1));
            GIVES(BAD_ARGUMENT, mcp_oauth_machine_unreachable(machine, 1, n, 1, &step));
        }
        if (n != 0)
            GIVES(BAD_ARGUMENT, mcp_oauth_machine_client_provided(machine, 1, text("c"), NONE, n, 1, &step));
        mcp_oauth_provided_tokens tokens = {.auth_method = n};
        if (n != 0)
            GIVES(BAD_ARGUMENT, mcp_oauth_machine_tokens_provided(machine, &tokens, 1, NULL, &step));
    }
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_reply(machine, 1, 65536, NULL, 0, NONE, 1, &step));
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_challenge(machine, UINT32_MAX, NULL, 0, 0, 1, &step));
    GIVES(BAD_ARGUMENT, mcp_oauth_reach_allows_address(1, text("seventeen bytes.."), &allowed));
    GIVES(BAD_ARGUMENT, mcp_oauth_reach_allows_address(1, NONE, &allowed));
    HOLDS(mcp_oauth_status_text(-1).len == 0 && mcp_oauth_status_text(MCP_OAUTH_STATUS_BUSY).len > 0);
    OK(mcp_oauth_settings_free(&settings));
}

static void text_that_is_none(const mcp_oauth_config *config, mcp_oauth_machine *machine)
{
    static const uint8_t JUNK[] = {'c', 0xff, 0xfe, 0, 0x80};
    mcp_oauth_slice junk = {JUNK, sizeof JUNK}, endless = {JUNK, SIZE_MAX};
    mcp_oauth_header odd = {junk, junk};
    mcp_oauth_machine *made = NULL;
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_step step;
    mcp_oauth_buffer buffer;
    mcp_oauth_grant *grant = NULL;
    mcp_oauth_flow *flow = NULL;
    uint64_t number;
    OK(mcp_oauth_settings_new(&settings));
    GIVES(BAD_ARGUMENT, mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_CLIENT_NAME, junk));
    GIVES(BAD_ARGUMENT, mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_CLIENT_NAME, endless));
    GIVES(BAD_ARGUMENT, mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_CLIENT_KEY, junk));
    GIVES(BAD_ARGUMENT, mcp_oauth_dpop_proof(MCP_OAUTH_ALGORITHM_ES256, junk, text("s"), &buffer));
    GIVES(MISUSE_SIGNATURE, mcp_oauth_dpop_proof(MCP_OAUTH_ALGORITHM_ES256, text("e30.e30"), junk, &buffer));
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_assertion_provided(machine, 1, MCP_OAUTH_ASSERTION_KIND_JWT, junk, 1, &step));
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_new(config, junk, &made));
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_callback(machine, MCP_OAUTH_CALLBACK_FORM_QUERY, junk, 1, &step));
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_redirect_bound(machine, 1, junk, 1, &step));
    GIVES(BAD_ARGUMENT, mcp_oauth_key_of_callback(MCP_OAUTH_CALLBACK_FORM_URL, junk, &buffer));
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_challenge(machine, 401, (mcp_oauth_slice *)&step, SIZE_MAX / 4, 0, 1, &step));
    GIVES(BAD_ARGUMENT, mcp_oauth_machine_next((mcp_oauth_machine *)((char *)machine + 1), &step));
    GIVES(RECORD_MALFORMED, mcp_oauth_machine_resume(config, NONE, junk, &made));
    GIVES(RECORD_MALFORMED, mcp_oauth_generation_of(junk, &number));
    GIVES(RECORD_MALFORMED, mcp_oauth_describe_grant(junk, &grant));
    GIVES(RECORD_MALFORMED, mcp_oauth_describe_flow(junk, &flow));
    GIVES(RECORD_TOO_NEW,
          mcp_oauth_generation_of(text("{\"format\":\"mcp-oauth-grant\",\"version\":99,\"generation\":1,\"body\":0}"),
                                  &number));
    HOLDS(made == NULL && grant == NULL && flow == NULL);
    OK(mcp_oauth_key_of_callback(MCP_OAUTH_CALLBACK_FORM_QUERY, text("code=1"), &buffer));
    HOLDS(buffer.data == NULL && buffer.len == 0);
    OK(mcp_oauth_machine_take_nonce(machine, junk));
    /* What a server sends is no misuse of the host's, whatever bytes it has. */
    OK(mcp_oauth_machine_challenge(machine, 401, &junk, 1, 0, 1, &step));
    GIVES(MISUSE_UNKNOWN_ACTION, mcp_oauth_machine_reply(machine, 99, 200, &odd, 1, junk, 1, &step));
    OK(mcp_oauth_settings_free(&settings));
}

/* Answers that do not fit, come twice or too late, and a handle that was given back. */
static void calls_out_of_order(const mcp_oauth_config *config)
{
    struct flow flow;
    mcp_oauth_step step;
    flow_begin(&flow, config);
    GIVES(MISUSE_UNKNOWN_ACTION, mcp_oauth_machine_stored(flow.machine, 0, 2, NONE, 1, &step));
    GIVES(MISUSE_UNKNOWN_ACTION, mcp_oauth_machine_stored(flow.machine, 77, 2, NONE, 1, &step));
    GIVES(MISUSE_WRONG_ANSWER, mcp_oauth_machine_reply(flow.machine, flow.step.id, 200, NULL, 0, NONE, 1, &step));
    GIVES(MISUSE_WRONG_ANSWER, mcp_oauth_machine_stored(flow.machine, flow.step.id, 3, NONE, 1, &step));
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_callback(flow.machine, 1, text("code=1&state=2"), flow.now, &step));
    HOLDS(step.outcome == MCP_OAUTH_OUTCOME_IGNORED && step.ignored == MCP_OAUTH_IGNORED_NO_PENDING_SIGN_IN);
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_BIND_REDIRECT);
    GIVES(MISUSE_REDIRECT_URI,
          mcp_oauth_machine_redirect_bound(flow.machine, flow.step.id, text("http://app.example/"), flow.now, &step));
    /* Its own slice may be given back. */
    uint64_t id = flow.step.id;
    OK(mcp_oauth_machine_next(flow.machine, &flow.step));
    HOLDS(flow.step.id == id && flow.step.redirect_uri.len > 0);
    OK(mcp_oauth_machine_redirect_bound(flow.machine, id, text("http://127.0.0.1:49152/callback"), flow.now,
                                        &flow.step));
    OK(mcp_oauth_machine_redirect_bound(flow.machine, id, text("http://127.0.0.1:49152/callback"), flow.now, &step));
    HOLDS(step.ignored == MCP_OAUTH_IGNORED_STALE);
    flow_until(&flow, MCP_OAUTH_KIND_OPEN_URL);
    OK(mcp_oauth_machine_callback(flow.machine, 1, text("code=1&state=forged"), flow.now, &step));
    HOLDS(step.ignored == MCP_OAUTH_IGNORED_OTHER_STATE && step.kind == MCP_OAUTH_KIND_OPEN_URL);
    flow_carry_out(&flow);
    OK(mcp_oauth_machine_callback(flow.machine, 1, text(flow.callback), flow.now, &step));
    HOLDS(step.ignored == MCP_OAUTH_IGNORED_NO_PENDING_SIGN_IN && step.id == flow.step.id);
    flow_until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_AUTHORIZED);
    OK(mcp_oauth_machine_free(&flow.machine));
    HOLDS(flow.machine == NULL);
    OK(mcp_oauth_machine_free(&flow.machine));
    GIVES(NULL, mcp_oauth_machine_next(flow.machine, &step));
    flow_end(&flow);
}

static uint32_t random_from(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    return *seed ^= *seed << 5;
}

/* Any event with anything in it, thousands of times: there is always a status, and a machine that goes on. */
static void junk(const mcp_oauth_config *config)
{
    static const char *const TEXTS[] = {"", "c-1", "code=1&state=2", "http://127.0.0.1:1/callback", "{\"a\":[", "\xff"};
    uint32_t seed = 1;
    struct flow flow;
    flow_begin(&flow, config);
    for (int i = 0; i < 20000; i++) {
        uint32_t what = random_from(&seed) % 21, number = random_from(&seed);
        uint64_t id = number % 3 == 0 ? number : flow.step.id;
        mcp_oauth_slice any = text(TEXTS[random_from(&seed) % 6]);
        mcp_oauth_header header = {any, any};
        mcp_oauth_provided_tokens tokens = {
            .issuer = text("https://as.example"),
            .token_endpoint = text("https://as.example/token"),
            .client_id = text("c-1"),
            .access_token = any,
            .expires_at_ms = number,
            .auth_method = (int32_t)(number % 3),
        };
        mcp_oauth_machine *machine = flow.machine;
        mcp_oauth_step *step = &flow.step;
        int32_t small = (int32_t)(number % 8);
        mcp_oauth_status status =
            what == 0    ? mcp_oauth_machine_connect(machine, number, step)
            : what == 1  ? mcp_oauth_machine_challenge(machine, number % 1000, &any, 1, number % 4, number, step)
            : what == 2  ? mcp_oauth_machine_reply(machine, id, number % 600, &header, 1, any, number, step)
            : what == 3  ? mcp_oauth_machine_unreachable(machine, id, small, number, step)
            : what == 4  ? mcp_oauth_machine_redirect_bound(machine, id, any, number, step)
            : what == 5  ? mcp_oauth_machine_callback(machine, small, any, number, step)
            : what == 6  ? mcp_oauth_machine_client_provided(machine, id, any, any, small, number, step)
            : what == 7  ? mcp_oauth_machine_declined(machine, id, small, number, step)
            : what == 8  ? mcp_oauth_machine_stored(machine, id, small, any, number, step)
            : what == 9  ? mcp_oauth_machine_refresh(machine, number, step)
            : what == 10 ? mcp_oauth_machine_tick(machine, number, step)
            : what == 11 ? mcp_oauth_machine_cancel(machine, number, step)
            : what == 12 ? mcp_oauth_machine_sign_out(machine, small, number, step)
            : what == 13 ? mcp_oauth_machine_store_changed(machine, any, number, step)
            : what == 14 ? mcp_oauth_machine_tokens_provided(machine, &tokens, number, NULL, step)
            : what == 15 ? mcp_oauth_machine_signed(machine, id, any, number, step)
            : what == 16 ? mcp_oauth_machine_assertion_provided(machine, id, small, any, number, step)
            : what == 17 ? mcp_oauth_machine_take_nonce(machine, any)
                         : mcp_oauth_machine_next(machine, step);
        HOLDS(status != MCP_OAUTH_STATUS_PANICKED && status != MCP_OAUTH_STATUS_BUSY);
        OK(mcp_oauth_machine_next(machine, step));
        if (what > 17 && step->kind < MCP_OAUTH_KIND_IDLE)
            flow_carry_out(&flow);
    }
    flow_end(&flow);
}

struct shared {
    mcp_oauth_machine *machine;
    atomic_int inside, busy;
};

static void *enter(void *data)
{
    struct shared *shared = data;
    mcp_oauth_step step;
    mcp_oauth_request_headers headers;
    for (int i = 0; i < 20000; i++) {
        mcp_oauth_status status = i % 2 == 0
                                      ? mcp_oauth_machine_tick(shared->machine, 1, &step)
                                      : mcp_oauth_machine_request_headers(shared->machine, text("GET"),
                                                                          text("https://mcp.example/mcp"), 1, &headers);
        HOLDS(status == MCP_OAUTH_STATUS_OK || status == MCP_OAUTH_STATUS_BUSY);
        atomic_fetch_add(status == MCP_OAUTH_STATUS_OK ? &shared->inside : &shared->busy, 1);
    }
    return NULL;
}

/* Nobody gets in where somebody is: no lock is awaited, no memory is shared. */
static void threads(const mcp_oauth_config *config)
{
    struct flow flow;
    pthread_t others[4];
    flow_begin(&flow, config);
    struct shared shared = {.machine = flow.machine};
    for (int i = 0; i < 4; i++)
        HOLDS(pthread_create(&others[i], NULL, enter, &shared) == 0);
    for (int i = 0; i < 4; i++)
        HOLDS(pthread_join(others[i], NULL) == 0);
    HOLDS(shared.inside > 0 && shared.inside + shared.busy == 4 * 20000);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_IDLE);
    flow_end(&flow);
}

int main(void)
{
    mcp_oauth_config *config = flow_config();
    struct flow flow;
    flow_begin(&flow, config);
    missing_pointers(config, flow.machine);
    missing_pointers_of_events(flow.machine);
    missing_pointers_of_the_router();
    numbers_out_of_range(flow.machine);
    text_that_is_none(config, flow.machine);
    flow_end(&flow);
    calls_out_of_order(config);
    junk(config);
    threads(config);
    OK(mcp_oauth_config_free(&config));
    puts("no call that nobody should make does any harm");
    return 0;
}
