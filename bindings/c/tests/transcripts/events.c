/* How does an event of a transcript reach the machine? */
#include <stdlib.h>
#include <string.h>

#include "transcript.h"

static const struct named CAUSES[] = {
    {"dns", MCP_OAUTH_CAUSE_DNS},
    {"connect", MCP_OAUTH_CAUSE_CONNECT},
    {"tls", MCP_OAUTH_CAUSE_TLS},
    {"blocked", MCP_OAUTH_CAUSE_BLOCKED},
    {"timeout", MCP_OAUTH_CAUSE_TIMEOUT},
    {"interrupted", MCP_OAUTH_CAUSE_INTERRUPTED},
    {"too_large", MCP_OAUTH_CAUSE_TOO_LARGE},
    {NULL, 0},
};

static const struct named REFUSALS[] = {
    {"needs_user", MCP_OAUTH_REFUSAL_NEEDS_USER},
    {"denied", MCP_OAUTH_REFUSAL_DENIED},
    {"unable", MCP_OAUTH_REFUSAL_UNABLE},
    {NULL, 0},
};

static const struct named RESULTS[] = {
    {"nothing", MCP_OAUTH_STORE_RESULT_NOTHING},
    {"done", MCP_OAUTH_STORE_RESULT_DONE},
    {"conflict", MCP_OAUTH_STORE_RESULT_CONFLICT},
    {"failed", MCP_OAUTH_STORE_RESULT_FAILED},
    {NULL, 0},
};

static const struct named IGNORED[] = {
    {"stale", MCP_OAUTH_IGNORED_STALE},
    {"no_pending_sign_in", MCP_OAUTH_IGNORED_NO_PENDING_SIGN_IN},
    {"other_state", MCP_OAUTH_IGNORED_OTHER_STATE},
    {"superseded", MCP_OAUTH_IGNORED_SUPERSEDED},
    {"not_authorization", MCP_OAUTH_IGNORED_NOT_AUTHORIZATION},
    {"not_due", MCP_OAUTH_IGNORED_NOT_DUE},
    {"nothing_to_do", MCP_OAUTH_IGNORED_NOTHING_TO_DO},
    {"too_late", MCP_OAUTH_IGNORED_TOO_LATE},
    {"flow_under_way", MCP_OAUTH_IGNORED_FLOW_UNDER_WAY},
    {"outdated", MCP_OAUTH_IGNORED_OUTDATED},
    {NULL, 0},
};

static const struct named MISUSES[] = {
    {"unknown_action", MCP_OAUTH_STATUS_MISUSE_UNKNOWN_ACTION},
    {"wrong_answer", MCP_OAUTH_STATUS_MISUSE_WRONG_ANSWER},
    {"redirect_uri", MCP_OAUTH_STATUS_MISUSE_REDIRECT_URI},
    {"redirect_not_in_document", MCP_OAUTH_STATUS_MISUSE_REDIRECT_NOT_IN_DOCUMENT},
    {"client_id", MCP_OAUTH_STATUS_MISUSE_CLIENT_ID},
    {"client_secret", MCP_OAUTH_STATUS_MISUSE_CLIENT_SECRET},
    {"signature", MCP_OAUTH_STATUS_MISUSE_SIGNATURE},
    {"assertion", MCP_OAUTH_STATUS_MISUSE_ASSERTION},
    {"tokens", MCP_OAUTH_STATUS_MISUSE_TOKENS},
    {NULL, 0},
};

static const struct named ASSERTIONS[] = {
    {"jwt", MCP_OAUTH_ASSERTION_KIND_JWT},
    {"id_token", MCP_OAUTH_ASSERTION_KIND_ID_TOKEN},
    {"refresh_token", MCP_OAUTH_ASSERTION_KIND_REFRESH_TOKEN},
    {"saml2", MCP_OAUTH_ASSERTION_KIND_SAML2},
    {NULL, 0},
};

/* An event on its way. */
struct given {
    struct replay *replay;
    const char *name;
    json_object *body;
    uint64_t id;
};

static const mcp_oauth_slice NOTHING = {NULL, 0};

static mcp_oauth_status give_challenge(const struct given *given, mcp_oauth_step *step)
{
    json_object *lines = member(given->body, "www_authenticate");
    size_t count = lines == NULL ? 0 : json_object_array_length(lines);
    mcp_oauth_slice *values = calloc(count + 1, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = json_slice(json_object_array_get_idx(lines, i));
    mcp_oauth_status status = mcp_oauth_machine_challenge(
        given->replay->machine, (uint32_t)json_object_get_int(member(given->body, "status")), values, count,
        json_object_get_uint64(member(given->body, "generation")), given->replay->now, step);
    free(values);
    return status;
}

static mcp_oauth_status give_reply(const struct given *given, mcp_oauth_step *step)
{
    json_object *fields = member(given->body, "headers");
    size_t count = fields == NULL ? 0 : (size_t)json_object_object_length(fields), next = 0;
    mcp_oauth_header *headers = calloc(count + 1, sizeof *headers);
    if (fields != NULL) {
        json_object_object_foreach(fields, name, value)
        {
            headers[next++] = (mcp_oauth_header){slice_of(name), json_slice(value)};
        }
    }
    json_object *document = NULL;
    mcp_oauth_slice body = json_slice(member(given->body, "body"));
    if (json_object_object_get_ex(given->body, "json", &document)) {
        int plain = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
        size_t length = 0;
        const char *text = json_object_to_json_string_length(document, plain, &length);
        body = (mcp_oauth_slice){(const uint8_t *)text, length};
    }
    uint32_t code = (uint32_t)json_object_get_int(member(given->body, "status"));
    mcp_oauth_status status = mcp_oauth_machine_reply(given->replay->machine, given->id, code, headers, count, body,
                                                      given->replay->now, step);
    free(headers);
    return status;
}

static mcp_oauth_status give_client(const struct given *given, mcp_oauth_step *step)
{
    json_object *method = member(given->body, "auth_method");
    return mcp_oauth_machine_client_provided(
        given->replay->machine, given->id, json_slice(member(given->body, "client_id")),
        json_slice(member(given->body, "client_secret")),
        method == NULL ? MCP_OAUTH_AUTH_METHOD_UNSAID : number_of(METHODS, json_object_get_string(method)),
        given->replay->now, step);
}

/* The record that an event carries: one that was saved before, or its own. */
static mcp_oauth_slice record_of(const struct given *given)
{
    json_object *saved = member(given->body, "saved"), *record = member(given->body, "record");
    if (saved != NULL) {
        bool grant = strcmp(json_object_get_string(saved), "grant") == 0;
        return contents(grant ? given->replay->grant : given->replay->flow);
    }
    if (record == NULL)
        return NOTHING;
    mcp_oauth_slice bytes = json_slice(record);
    return bytes.data != NULL ? bytes : slice_of(json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN));
}

static mcp_oauth_status give_stored(const struct given *given, mcp_oauth_step *step)
{
    bool named = json_object_is_type(given->body, json_type_string);
    int32_t result = named ? number_of(RESULTS, json_object_get_string(given->body)) : MCP_OAUTH_STORE_RESULT_LOADED;
    return mcp_oauth_machine_stored(given->replay->machine, given->id, result, record_of(given), given->replay->now,
                                    step);
}

static mcp_oauth_status give_tokens(const struct given *given, mcp_oauth_step *step)
{
    json_object *method = member(given->body, "auth_method");
    mcp_oauth_provided_tokens tokens = {
        .expires_at_ms = json_object_get_uint64(member(given->body, "expires_at")),
        .issuer = json_slice(member(given->body, "issuer")),
        .token_endpoint = json_slice(member(given->body, "token_endpoint")),
        .client_id = json_slice(member(given->body, "client_id")),
        .client_secret = json_slice(member(given->body, "client_secret")),
        .access_token = json_slice(member(given->body, "access_token")),
        .refresh_token = json_slice(member(given->body, "refresh_token")),
        .scope = json_slice(member(given->body, "scope")),
        .resource = json_slice(member(given->body, "resource")),
        .auth_method =
            method == NULL ? MCP_OAUTH_AUTH_METHOD_UNSAID : number_of(METHODS, json_object_get_string(method)),
    };
    mcp_oauth_slice refused;
    mcp_oauth_status status =
        mcp_oauth_machine_tokens_provided(given->replay->machine, &tokens, given->replay->now, &refused, step);
    if ((status == MCP_OAUTH_STATUS_MISUSE_TOKENS) != (refused.data != NULL))
        fail(given->replay, "the member that is refused is not named, or none is refused");
    return status;
}

/* A signature of so many bytes. */
static mcp_oauth_status give_signature(const struct given *given, mcp_oauth_step *step)
{
    mcp_oauth_buffer signature = signature_of((size_t)json_object_get_uint64(given->body));
    mcp_oauth_status status =
        mcp_oauth_machine_signed(given->replay->machine, given->id, contents(signature), given->replay->now, step);
    free(signature.data);
    return status;
}

static mcp_oauth_status give_assertion(const struct given *given, mcp_oauth_step *step)
{
    struct replay *replay = given->replay;
    json_object *token = member(given->body, "token");
    json_object_array_add(replay->fleeting, json_object_get(token));
    return mcp_oauth_machine_assertion_provided(
        replay->machine, given->id, number_of(ASSERTIONS, json_object_get_string(member(given->body, "kind"))),
        json_slice(token), replay->now, step);
}

static mcp_oauth_status give(const struct given *given, mcp_oauth_step *step)
{
    mcp_oauth_machine *machine = given->replay->machine;
    uint64_t now = given->replay->now;
    const char *name = given->name;
    if (strcmp(name, "connect") == 0)
        return mcp_oauth_machine_connect(machine, now, step);
    if (strcmp(name, "refresh") == 0)
        return mcp_oauth_machine_refresh(machine, now, step);
    if (strcmp(name, "tick") == 0)
        return mcp_oauth_machine_tick(machine, now, step);
    if (strcmp(name, "cancel") == 0)
        return mcp_oauth_machine_cancel(machine, now, step);
    if (strcmp(name, "sign_out") == 0)
        return mcp_oauth_machine_sign_out(machine, json_object_get_boolean(member(given->body, "forget_client")), now,
                                          step);
    if (strcmp(name, "challenge") == 0)
        return give_challenge(given, step);
    if (strcmp(name, "reply") == 0)
        return give_reply(given, step);
    if (strcmp(name, "unreachable") == 0)
        return mcp_oauth_machine_unreachable(machine, given->id, number_of(CAUSES, json_object_get_string(given->body)),
                                             now, step);
    if (strcmp(name, "redirect_bound") == 0)
        return mcp_oauth_machine_redirect_bound(machine, given->id, json_slice(given->body), now, step);
    if (strcmp(name, "callback") == 0)
        return mcp_oauth_machine_callback(machine, MCP_OAUTH_CALLBACK_FORM_QUERY, json_slice(given->body), now, step);
    if (strcmp(name, "callback_url") == 0)
        return mcp_oauth_machine_callback(machine, MCP_OAUTH_CALLBACK_FORM_URL, json_slice(given->body), now, step);
    if (strcmp(name, "client_provided") == 0)
        return give_client(given, step);
    if (strcmp(name, "signed") == 0)
        return give_signature(given, step);
    if (strcmp(name, "assertion_provided") == 0)
        return give_assertion(given, step);
    if (strcmp(name, "declined") == 0)
        return mcp_oauth_machine_declined(machine, given->id, number_of(REFUSALS, json_object_get_string(given->body)),
                                          now, step);
    if (strcmp(name, "stored") == 0)
        return give_stored(given, step);
    if (strcmp(name, "store_changed") == 0)
        return mcp_oauth_machine_store_changed(machine, record_of(given), now, step);
    if (strcmp(name, "tokens_provided") == 0)
        return give_tokens(given, step);
    return MCP_OAUTH_STATUS_BAD_ARGUMENT;
}

static json_object *one_member(const char *name, const char *text)
{
    json_object *object = json_object_new_object();
    json_object_object_add(object, name, json_object_new_string(text));
    return object;
}

/* The outcome in the words of the transcripts, or NULL for a call that never reached the machine. */
static json_object *outcome_of(mcp_oauth_status status, const mcp_oauth_step *step)
{
    const char *misuse = name_of(MISUSES, status);
    if (misuse != NULL)
        return one_member("misuse", misuse);
    if (status != MCP_OAUTH_STATUS_OK)
        return NULL;
    switch (step->outcome) {
    case MCP_OAUTH_OUTCOME_ADVANCED:
        return json_object_new_string("advanced");
    case MCP_OAUTH_OUTCOME_JOINED:
        return json_object_new_string("joined");
    case MCP_OAUTH_OUTCOME_IGNORED: {
        const char *why = name_of(IGNORED, step->ignored);
        return why == NULL ? NULL : one_member("ignored", why);
    }
    default:
        return NULL;
    }
}

/* One call: only an event that advances moves the machine, and the step is what `next` says as well. */
static json_object *checked(const struct given *given)
{
    struct replay *replay = given->replay;
    mcp_oauth_step before, after, step;
    mcp_oauth_machine_next(replay->machine, &before);
    mcp_oauth_slice phase = before.phase; /* Static text. */
    mcp_oauth_status status = give(given, &step);
    mcp_oauth_machine_next(replay->machine, &after);
    json_object *outcome = outcome_of(status, &step);
    if (outcome == NULL) {
        mcp_oauth_slice text = mcp_oauth_status_text(status);
        fail(replay, "event %s: %.*s", given->name, (int)text.len, (const char *)text.data);
    } else if (step.outcome != MCP_OAUTH_OUTCOME_ADVANCED && !same_bytes(phase, after.phase)) {
        fail(replay, "event %s moved the machine without advancing it", given->name);
    } else if (status == MCP_OAUTH_STATUS_OK && !same_next(&step, &after)) {
        fail(replay, "event %s handed back something else than next says", given->name);
    }
    return outcome;
}

/* An answer given again changes nothing. */
static void twice(const struct given *given)
{
    struct replay *replay = given->replay;
    mcp_oauth_buffer before, after;
    mcp_oauth_machine_snapshot(replay->machine, &before);
    json_object *outcome = checked(given);
    mcp_oauth_machine_snapshot(replay->machine, &after);
    bool harmless = json_object_is_type(outcome, json_type_object);
    if (!harmless || !same_bytes(contents(before), contents(after)))
        fail(replay, "an answer given twice led to %s", json_object_to_json_string(outcome));
    mcp_oauth_buffer_free(&before);
    mcp_oauth_buffer_free(&after);
    json_object_put(outcome);
}

json_object *feed(struct replay *replay, json_object *event, json_object *id)
{
    mcp_oauth_step step;
    mcp_oauth_machine_next(replay->machine, &step);
    struct given given = {replay, NULL, NULL, id == NULL ? step.id : json_object_get_uint64(id)};
    if (json_object_is_type(event, json_type_string)) {
        given.name = json_object_get_string(event);
    } else if (json_object_is_type(event, json_type_object) && json_object_object_length(event) == 1) {
        json_object_object_foreach(event, name, body)
        {
            given.name = name;
            given.body = body;
        }
    } else {
        fail(replay, "an event is a string or an object of one member");
        return NULL;
    }
    json_object *outcome = checked(&given);
    static const char *const REPEATED[] = {"reply", "unreachable", "stored", "signed"};
    for (size_t i = 0; i < sizeof REPEATED / sizeof *REPEATED; i++)
        if (strcmp(given.name, REPEATED[i]) == 0)
            twice(&given);
    return outcome;
}
