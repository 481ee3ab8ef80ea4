/* Does any text that a host may show hold a secret? */
#include <stddef.h>

#include "flow.h"

/* What the machine made up itself in this flow. */
static char state[128], verifier[256];

static bool holds(mcp_oauth_slice shown, const char *secret)
{
    size_t length = strlen(secret);
    for (size_t i = 0; length > 0 && i + length <= shown.len; i++)
        if (memcmp(shown.data + i, secret, length) == 0)
            return true;
    return false;
}

static void clean(mcp_oauth_slice shown)
{
    HOLDS(!holds(shown, MARK) && !holds(shown, state) && !holds(shown, verifier) && !holds(shown, SIGNED));
}

/* Everything of a step that is not marked as secret. */
static void clean_step(const mcp_oauth_step *step)
{
    const mcp_oauth_slice shown[] = {
        step->phase,        step->method,      step->purpose,
        step->redirect_uri, step->issuer,      step->scopes,
        step->new_scopes,   step->key,         step->code,
        step->stage,        step->clause,      step->text,
        step->subject,      step->wanted,      step->received,
        step->server_code,  step->server_text, step->thumbprint,
        step->key_id,       step->audience,    step->verification_uri,
    };
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        clean(shown[i]);
    if (step->kind == MCP_OAUTH_KIND_HTTP)
        clean(step->url);
}

static void clean_trace(mcp_oauth_machine *machine)
{
    const mcp_oauth_trace_entry *entries;
    size_t count;
    OK(mcp_oauth_machine_take_trace(machine, &entries, &count));
    for (size_t i = 0; i < count; i++) {
        clean(entries[i].name);
        clean(entries[i].clause);
        clean(entries[i].deviation);
        clean(entries[i].text);
    }
}

/* Notes what the machine makes up, as far as it gives it away. */
static void note(const mcp_oauth_step *step)
{
    static const char NAME[] = "code_verifier=";
    if (step->kind == MCP_OAUTH_KIND_OPEN_URL)
        snprintf(state, sizeof state, "%.*s", (int)step->state.len, (const char *)step->state.data);
    for (size_t i = 0; step->body.data != NULL && i + sizeof NAME < step->body.len; i++) {
        const char *at = (const char *)step->body.data + i;
        if (memcmp(at, NAME, sizeof NAME - 1) == 0) {
            size_t length = 0, left = step->body.len - i - (sizeof NAME - 1);
            while (length < left && at[sizeof NAME - 1 + length] != '&')
                length++;
            snprintf(verifier, sizeof verifier, "%.*s", (int)length, at + sizeof NAME - 1);
        }
    }
}

static void until(struct flow *flow, mcp_oauth_kind kind)
{
    for (;;) {
        note(&flow->step);
        clean_step(&flow->step);
        clean_trace(flow->machine);
        if (flow->step.kind == kind || flow->step.kind >= MCP_OAUTH_KIND_IDLE)
            return;
        flow_carry_out(flow);
    }
}

static void to_page(struct flow *flow, const mcp_oauth_config *config)
{
    flow_begin(flow, config);
    until(flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(flow->machine, flow->now, &flow->step));
    until(flow, MCP_OAUTH_KIND_OPEN_URL);
    HOLDS(state[0] != '\0');
}

static void a_whole_life(const mcp_oauth_config *config)
{
    struct flow flow;
    mcp_oauth_grant *grant = NULL;
    to_page(&flow, config);
    until(&flow, MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_AUTHORIZED && verifier[0] != '\0');
    OK(mcp_oauth_describe_grant((mcp_oauth_slice){flow.grant.record, flow.grant.length}, &grant));
    clean(grant->server_url);
    clean(grant->account);
    for (size_t i = 0; i < grant->issuer_count; i++) {
        clean(grant->issuers[i].issuer);
        clean(grant->issuers[i].client_kind);
        clean(grant->issuers[i].scopes);
    }
    OK(mcp_oauth_grant_free(&grant));
    OK(mcp_oauth_machine_sign_out(flow.machine, 1, flow.now, &flow.step));
    until(&flow, MCP_OAUTH_KIND_SIGNED_OUT);
    flow_end(&flow);
}

/* Every grant, with a key: no snapshot or record holds what was signed or vouched for. */
static void a_life_with_keys(mcp_oauth_grant_type grant)
{
    mcp_oauth_config *config = flow_config_of(grant);
    struct flow flow;
    mcp_oauth_buffer snapshot, proof;
    mcp_oauth_request_headers headers;
    flow_begin(&flow, config);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    while (flow.step.kind < MCP_OAUTH_KIND_IDLE) {
        clean_step(&flow.step);
        clean_trace(flow.machine);
        OK(mcp_oauth_machine_snapshot(flow.machine, &snapshot));
        mcp_oauth_slice bytes = {snapshot.data, snapshot.len};
        HOLDS(!holds(bytes, SIGNED) && !holds(bytes, MARK "-workload") && !holds(bytes, MARK "-identity") &&
              !holds(bytes, MARK "-id-jag") && !holds(bytes, MARK "-idp"));
        mcp_oauth_buffer_free(&snapshot);
        flow_carry_out(&flow);
    }
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_AUTHORIZED);
    HOLDS(!holds((mcp_oauth_slice){flow.grant.record, flow.grant.length}, SIGNED));
    OK(mcp_oauth_machine_take_nonce(flow.machine, text("n-1")));
    OK(mcp_oauth_machine_request_headers(flow.machine, text("POST"), text("https://mcp.example/mcp"), flow.now,
                                         &headers));
    HOLDS(headers.credentials == MCP_OAUTH_CREDENTIALS_SIGN && holds(headers.authorization, "DPoP " MARK));
    clean(headers.thumbprint);
    clean(headers.key_id);
    clean(headers.issuer);
    /* What is to be signed outlives an event, since signing may take its time. */
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    HOLDS(mcp_oauth_dpop_proof(headers.algorithm, headers.input, text(MARK), &proof) ==
          MCP_OAUTH_STATUS_MISUSE_SIGNATURE);
    HOLDS(proof.data == NULL);
    OK(mcp_oauth_dpop_proof(headers.algorithm, headers.input, text(SIGNATURE), &proof));
    HOLDS(holds((mcp_oauth_slice){proof.data, proof.len}, "." SIGNED));
    mcp_oauth_buffer_free(&proof);
    OK(mcp_oauth_machine_sign_out(flow.machine, 1, flow.now, &flow.step));
    until(&flow, MCP_OAUTH_KIND_SIGNED_OUT);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_SIGNED_OUT);
    flow_end(&flow);
    OK(mcp_oauth_config_free(&config));
}

/* An answer of the host's that is refused, and one that the server refuses. */
static void a_bad_assertion(void)
{
    mcp_oauth_config *config = flow_config_of(MCP_OAUTH_GRANT_TYPE_WORKLOAD_IDENTITY);
    struct flow flow;
    mcp_oauth_step step;
    flow_begin(&flow, config);
    flow_until(&flow, MCP_OAUTH_KIND_IDLE);
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    flow_until(&flow, MCP_OAUTH_KIND_FETCH_ASSERTION);
    HOLDS(mcp_oauth_machine_assertion_provided(flow.machine, flow.step.id, MCP_OAUTH_ASSERTION_KIND_JWT,
                                               text(MARK "\n"), flow.now, &step) == MCP_OAUTH_STATUS_MISUSE_ASSERTION);
    clean_step(&step);
    OK(mcp_oauth_machine_assertion_provided(flow.machine, flow.step.id, MCP_OAUTH_ASSERTION_KIND_JWT, text(MARK),
                                            flow.now, &flow.step));
    until(&flow, MCP_OAUTH_KIND_FAILED);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_FAILED && flow.step.text.len > 0);
    flow_end(&flow);
    OK(mcp_oauth_config_free(&config));
}

/* The flow ends at its code exchange with an answer of the server's. */
static void a_bad_answer(const mcp_oauth_config *config, uint32_t status, const char *body)
{
    struct flow flow;
    to_page(&flow, config);
    flow_carry_out(&flow);
    until(&flow, MCP_OAUTH_KIND_HTTP);
    OK(mcp_oauth_machine_reply(flow.machine, flow.step.id, status, NULL, 0, text(body), flow.now, &flow.step));
    until(&flow, MCP_OAUTH_KIND_FAILED);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_FAILED && flow.step.text.len > 0);
    flow_end(&flow);
}

static void a_bad_callback(const mcp_oauth_config *config, const char *query)
{
    struct flow flow;
    char whole[512];
    to_page(&flow, config);
    snprintf(whole, sizeof whole, "%s&state=%s", query, state);
    OK(mcp_oauth_machine_callback(flow.machine, MCP_OAUTH_CALLBACK_FORM_QUERY, text(whole), flow.now, &flow.step));
    until(&flow, MCP_OAUTH_KIND_FAILED);
    HOLDS(flow.step.kind == MCP_OAUTH_KIND_FAILED);
    flow_end(&flow);
}

static void a_bad_record(const mcp_oauth_config *config)
{
    struct flow flow;
    flow_begin(&flow, config);
    OK(mcp_oauth_machine_stored(flow.machine, flow.step.id, MCP_OAUTH_STORE_RESULT_LOADED,
                                text("{\"format\": \"" MARK "\", \"version\": 1}"), flow.now, &flow.step));
    clean_step(&flow.step);
    OK(mcp_oauth_machine_connect(flow.machine, flow.now, &flow.step));
    until(&flow, MCP_OAUTH_KIND_FAILED);
    flow_end(&flow);
}

/* Settings that are refused are named, not quoted. */
static void bad_settings(void)
{
    static const int32_t TEXTS[] = {
        MCP_OAUTH_TEXT_SETTING_SERVER_URL,
        MCP_OAUTH_TEXT_SETTING_REDIRECT_URI,
        MCP_OAUTH_TEXT_SETTING_INITIAL_ACCESS_TOKEN,
        MCP_OAUTH_TEXT_SETTING_SOFTWARE_STATEMENT,
        MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_SECRET,
        MCP_OAUTH_TEXT_SETTING_USER_AGENT,
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        mcp_oauth_settings *settings = NULL;
        mcp_oauth_config *config = NULL;
        mcp_oauth_config_error error;
        OK(mcp_oauth_settings_new(&settings));
        OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SERVER_URL, text("https://mcp.example/mcp")));
        OK(mcp_oauth_settings_text(settings, TEXTS[i], text(MARK "\n")));
        HOLDS(mcp_oauth_config_new(settings, &error, &config) == MCP_OAUTH_STATUS_CONFIG);
        HOLDS(error.field.len > 0 && error.problem.len > 0);
        clean(error.field);
        clean(error.problem);
        OK(mcp_oauth_settings_free(&settings));
    }
}

/* A private key in the place of a public one is named, and kept out of everything. */
static void private_keys(void)
{
    static const char PRIVATE[] = "{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"d\": \"" MARK "\","
                                  " \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    for (int i = 0; i < 2; i++) {
        mcp_oauth_settings *settings = NULL;
        mcp_oauth_config *config = NULL;
        mcp_oauth_config_error error;
        OK(mcp_oauth_settings_new(&settings));
        OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SERVER_URL, text("https://mcp.example/mcp")));
        if (i == 0)
            OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_CLIENT_KEY, text(PRIVATE)));
        else
            OK(mcp_oauth_settings_pair(settings, MCP_OAUTH_PAIR_SETTING_DPOP_KEY, text(""), text(PRIVATE)));
        HOLDS(mcp_oauth_config_new(settings, &error, &config) == MCP_OAUTH_STATUS_CONFIG);
        HOLDS(holds(error.field, i == 0 ? "client_key" : "dpop_keys") && holds(error.problem, "private"));
        clean(error.problem);
        OK(mcp_oauth_settings_free(&settings));
    }
}

int main(void)
{
    mcp_oauth_config *config = flow_config();
    a_whole_life(config);
    a_bad_answer(config, 200, "{\"access_token\": {\"" MARK "\": \"" MARK "\"}, \"token_type\": \"Bearer\"}");
    a_bad_answer(config, 200, "access_token=" MARK "&token_type=mac");
    a_bad_answer(config, 200, "<html>" MARK "</html>");
    a_bad_answer(config, 302, MARK);
    a_bad_callback(config, "code=" MARK "&code=" MARK);
    a_bad_callback(config, "code=" MARK "&iss=https%3A%2F%2Fevil.example");
    a_bad_callback(config, "iss=https%3A%2F%2Fas.example&id_token=" MARK);
    a_bad_record(config);
    bad_settings();
    private_keys();
    for (mcp_oauth_grant_type grant = MCP_OAUTH_GRANT_TYPE_AUTHORIZATION_CODE;
         grant <= MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED; grant++)
        a_life_with_keys(grant);
    a_bad_assertion();
    OK(mcp_oauth_config_free(&config));
    puts("no text holds a secret");
    return 0;
}
