/* How does a whole flow go without any network? */
#include "flow.h"

static const char RESOURCE[] = "{\"resource\": \"https://mcp.example/mcp\","
                               " \"authorization_servers\": [\"https://as.example\"],"
                               " \"scopes_supported\": [\"notes:read\"]}";

static const char SERVER[] =
    "{\"issuer\": \"https://as.example\","
    " \"authorization_endpoint\": \"https://as.example/authorize\","
    " \"token_endpoint\": \"https://as.example/token\","
    " \"registration_endpoint\": \"https://as.example/register\","
    " \"scopes_supported\": [\"notes:read\", \"offline_access\"],"
    " \"device_authorization_endpoint\": \"https://as.example/device\","
    " \"revocation_endpoint\": \"https://as.example/revoke\","
    " \"authorization_response_iss_parameter_supported\": true,"
    " \"token_endpoint_auth_methods_supported\": [\"client_secret_post\", \"private_key_jwt\"],"
    " \"token_endpoint_auth_signing_alg_values_supported\": [\"ES256\"],"
    " \"dpop_signing_alg_values_supported\": [\"ES256\"],"
    " \"grant_types_supported\": [\"authorization_code\", \"refresh_token\","
    " \"client_credentials\", \"urn:ietf:params:oauth:grant-type:jwt-bearer\","
    " \"urn:ietf:params:oauth:grant-type:device_code\"],"
    " \"code_challenge_methods_supported\": [\"S256\"]}";

static const char CLIENT[] = "{\"client_id\": \"c-1\", \"client_secret\": \"" MARK "-client\","
                             " \"token_endpoint_auth_method\": \"client_secret_post\","
                             " \"redirect_uris\": [\"http://127.0.0.1:49152/callback\"]}";

static const char TOKENS[] = "{\"access_token\": \"" MARK "-access\", \"refresh_token\": \"" MARK "-refresh\","
                             " \"token_type\": \"Bearer\", \"expires_in\": 3600}";

static const char BOUND_TOKENS[] = "{\"access_token\": \"" MARK "-access\", \"refresh_token\": \"" MARK "-refresh\","
                                   " \"token_type\": \"DPoP\", \"expires_in\": 3600}";

static const char DEVICE[] = "{\"device_code\": \"" MARK "-device\", \"user_code\": \"" MARK "-user\","
                             " \"verification_uri\": \"https://as.example/enter\","
                             " \"verification_uri_complete\": \"https://as.example/enter?code=" MARK "-user\","
                             " \"expires_in\": 600}";

static const char ID_JAG[] = "{\"access_token\": \"e30.e30." MARK "-id-jag\", \"token_type\": \"N_A\","
                             " \"issued_token_type\": \"urn:ietf:params:oauth:token-type:id-jag\"}";

/* Of workload and user: headers and claims that suffice, and a signature. */
static const char WORKLOAD[] = "e30.e30." MARK "-workload";
static const char IDENTITY[] =
    "e30.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiYy1pZHAiLCJleHAiOjE5MDAwMDAwMDB9." MARK "-identity";

/* RFC 7517 Appendix A.1. */
static const char KEY[] = "{\"kty\": \"EC\", \"crv\": \"P-256\", \"kid\": \"one\","
                          " \"x\": \"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
                          " \"y\": \"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}";

mcp_oauth_slice text(const char *text)
{
    return (mcp_oauth_slice){(const uint8_t *)text, strlen(text)};
}

mcp_oauth_config *flow_config(void)
{
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_config *config = NULL;
    OK(mcp_oauth_settings_new(&settings));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SERVER_URL, text("https://mcp.example/mcp")));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_AUTHORIZATION_SERVER, text("https://as.example")));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_INITIAL_ACCESS_TOKEN, text(MARK "-initial")));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SOFTWARE_STATEMENT, text(MARK "-statement")));
    OK(mcp_oauth_settings_flag(settings, MCP_OAUTH_FLAG_SETTING_OFFLINE_ACCESS, 1));
    OK(mcp_oauth_config_new(settings, NULL, &config));
    OK(mcp_oauth_settings_free(&settings));
    HOLDS(settings == NULL);
    return config;
}

mcp_oauth_config *flow_config_of(mcp_oauth_grant_type grant)
{
    static const struct {
        int32_t setting;
        const char *value;
    } TEXTS[] = {
        {MCP_OAUTH_TEXT_SETTING_SERVER_URL, "https://mcp.example/mcp"},
        {MCP_OAUTH_TEXT_SETTING_PREREGISTERED_ISSUER, "https://as.example"},
        {MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_ID, "c-1"},
        {MCP_OAUTH_TEXT_SETTING_CLIENT_KEY, KEY},
        {MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_ISSUER, "https://idp.example"},
        {MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_TOKEN_ENDPOINT, "https://idp.example/token"},
        {MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_ID, "c-idp"},
        {MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_SECRET, MARK "-idp"},
    };
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_config *config = NULL;
    OK(mcp_oauth_settings_new(&settings));
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        OK(mcp_oauth_settings_text(settings, TEXTS[i].setting, text(TEXTS[i].value)));
    OK(mcp_oauth_settings_number(settings, MCP_OAUTH_NUMBER_SETTING_GRANT, (uint64_t)grant));
    OK(mcp_oauth_settings_number(settings, MCP_OAUTH_NUMBER_SETTING_DPOP, MCP_OAUTH_DPOP_USE_ALWAYS));
    OK(mcp_oauth_settings_pair(settings, MCP_OAUTH_PAIR_SETTING_DPOP_KEY, text(""), text(KEY)));
    OK(mcp_oauth_settings_flag(settings, MCP_OAUTH_FLAG_SETTING_ASSUME_ID_JAG, 1));
    OK(mcp_oauth_config_new(settings, NULL, &config));
    OK(mcp_oauth_settings_free(&settings));
    return config;
}

void flow_begin(struct flow *flow, const mcp_oauth_config *config)
{
    *flow = (struct flow){.now = 1800000000000};
    OK(mcp_oauth_machine_new(config, text(""), &flow->machine));
    OK(mcp_oauth_machine_next(flow->machine, &flow->step));
}

static struct kept *place_of(struct flow *flow)
{
    return flow->step.slot == MCP_OAUTH_SLOT_GRANT ? &flow->grant : &flow->pending;
}

static void drop(struct kept *kept)
{
    free(kept->record);
    *kept = (struct kept){NULL, 0};
}

static void stored(struct flow *flow, mcp_oauth_store_result result)
{
    struct kept *kept = place_of(flow);
    mcp_oauth_slice record = {NULL, 0};
    if (result == MCP_OAUTH_STORE_RESULT_LOADED)
        record = (mcp_oauth_slice){kept->record, kept->length};
    OK(mcp_oauth_machine_stored(flow->machine, flow->step.id, result, record, flow->now, &flow->step));
}

static void save(struct flow *flow)
{
    struct kept *kept = place_of(flow);
    mcp_oauth_slice record = flow->step.record;
    uint64_t generation = 0;
    OK(mcp_oauth_generation_of(record, &generation));
    HOLDS(generation == flow->step.generation);
    drop(kept);
    kept->record = malloc(record.len);
    kept->length = record.len;
    HOLDS(kept->record != NULL);
    memcpy(kept->record, record.data, record.len);
    stored(flow, MCP_OAUTH_STORE_RESULT_DONE);
}

/* Whether a request shows that the key is held that its tokens are to be bound to. */
static bool is_proved(const mcp_oauth_step *step)
{
    for (size_t i = 0; i < step->header_count; i++)
        if (step->headers[i].name.len == 4 && memcmp(step->headers[i].name.data, "dpop", 4) == 0)
            return true;
    return false;
}

static void reply(struct flow *flow)
{
    static const struct {
        const char *purpose, *body;
        uint32_t status;
    } ANSWERS[] = {
        {"resource_metadata", RESOURCE, 200},
        {"server_metadata", SERVER, 200},
        {"registration", CLIENT, 201},
        {"code_exchange", TOKENS, 200},
        {"refresh", TOKENS, 200},
        {"grant", TOKENS, 200},
        {"device_poll", TOKENS, 200},
        {"token_exchange", ID_JAG, 200},
        {"device_authorization", DEVICE, 200},
        {"revocation", "", 200},
    };
    const mcp_oauth_header headers[] = {
        {text("Content-Type"), text("application/json")},
        {text("Cache-Control"), text("no-store")},
    };
    mcp_oauth_slice purpose = flow->step.purpose;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        if (strlen(ANSWERS[i].purpose) != purpose.len || memcmp(ANSWERS[i].purpose, purpose.data, purpose.len) != 0)
            continue;
        const char *body = ANSWERS[i].body == TOKENS && is_proved(&flow->step) ? BOUND_TOKENS : ANSWERS[i].body;
        OK(mcp_oauth_machine_reply(flow->machine, flow->step.id, ANSWERS[i].status, headers, 2, text(body), flow->now,
                                   &flow->step));
        return;
    }
    HOLDS(!"a request that has an answer");
}

static void come_back(struct flow *flow)
{
    snprintf(flow->callback, sizeof flow->callback, "code=" MARK "-code&state=%.*s&iss=https%%3A%%2F%%2Fas.example",
             (int)flow->step.state.len, (const char *)flow->step.state.data);
    OK(mcp_oauth_machine_callback(flow->machine, MCP_OAUTH_CALLBACK_FORM_QUERY, text(flow->callback), flow->now,
                                  &flow->step));
    HOLDS(flow->step.outcome == MCP_OAUTH_OUTCOME_ADVANCED);
}

static void vouch(struct flow *flow)
{
    bool workload = flow->step.purpose.data[0] == 'w';
    OK(mcp_oauth_machine_assertion_provided(flow->machine, flow->step.id,
                                            workload ? MCP_OAUTH_ASSERTION_KIND_JWT : MCP_OAUTH_ASSERTION_KIND_ID_TOKEN,
                                            text(workload ? WORKLOAD : IDENTITY), flow->now, &flow->step));
}

void flow_carry_out(struct flow *flow)
{
    switch (flow->step.kind) {
    case MCP_OAUTH_KIND_HTTP:
        reply(flow);
        break;
    case MCP_OAUTH_KIND_BIND_REDIRECT:
        OK(mcp_oauth_machine_redirect_bound(flow->machine, flow->step.id, text("http://127.0.0.1:49152/callback"),
                                            flow->now, &flow->step));
        break;
    case MCP_OAUTH_KIND_OPEN_URL:
        come_back(flow);
        break;
    case MCP_OAUTH_KIND_SIGN:
        OK(mcp_oauth_machine_signed(flow->machine, flow->step.id, text(SIGNATURE), flow->now, &flow->step));
        break;
    case MCP_OAUTH_KIND_FETCH_ASSERTION:
        vouch(flow);
        break;
    case MCP_OAUTH_KIND_SHOW_CODE:
        flow->now = flow->step.deadline_ms;
        OK(mcp_oauth_machine_tick(flow->machine, flow->now, &flow->step));
        break;
    case MCP_OAUTH_KIND_LOAD:
        stored(flow, place_of(flow)->record == NULL ? MCP_OAUTH_STORE_RESULT_NOTHING : MCP_OAUTH_STORE_RESULT_LOADED);
        break;
    case MCP_OAUTH_KIND_SAVE:
        save(flow);
        break;
    case MCP_OAUTH_KIND_DELETE:
        drop(place_of(flow));
        stored(flow, MCP_OAUTH_STORE_RESULT_DONE);
        break;
    default:
        HOLDS(!"an action that this flow leads to");
    }
}

void flow_until(struct flow *flow, mcp_oauth_kind kind)
{
    while (flow->step.kind != kind && flow->step.kind < MCP_OAUTH_KIND_IDLE)
        flow_carry_out(flow);
}

void flow_end(struct flow *flow)
{
    OK(mcp_oauth_machine_free(&flow->machine));
    drop(&flow->grant);
    drop(&flow->pending);
}
