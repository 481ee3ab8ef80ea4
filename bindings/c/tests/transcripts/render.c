/* How is what the machine wants written down? */
#include <stddef.h>

#include "transcript.h"

static const struct named ADVICE[] = {
    {"retry_after", MCP_OAUTH_ADVICE_RETRY_AFTER},
    {"restart", MCP_OAUTH_ADVICE_RESTART},
    {"reconfigure", MCP_OAUTH_ADVICE_RECONFIGURE},
    {"ask_user", MCP_OAUTH_ADVICE_ASK_USER},
    {"stop", MCP_OAUTH_ADVICE_STOP},
    {NULL, 0},
};

static json_object *json_name(const struct named *names, int32_t number)
{
    const char *name = name_of(names, number);
    return json_object_new_string(name == NULL ? "(unknown)" : name);
}

/* Generations count from 1. */
static json_object *json_generation(uint64_t generation)
{
    return generation == 0 ? NULL : json_object_new_uint64(generation);
}

static json_object *http(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    json_object *headers = json_object_new_object();
    for (size_t i = 0; i < step->header_count; i++) {
        json_object *name = json_text(step->headers[i].name);
        json_object_object_add(headers, json_object_get_string(name), json_text(step->headers[i].value));
        json_object_put(name);
    }
    json_object_object_add(shown, "purpose", json_text(step->purpose));
    json_object_object_add(shown, "method", json_text(step->method));
    json_object_object_add(shown, "url", json_text(step->url));
    json_object_object_add(shown, "headers", headers);
    json_object_object_add(shown, "reach", json_name(REACHES, step->reach));
    if (step->body.data != NULL)
        json_object_object_add(shown, "body", json_text(step->body));
    return shown;
}

static json_object *open_url(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    json_object_object_add(shown, "url", json_text(step->url));
    json_object_object_add(shown, "redirect_uri", json_text(step->redirect_uri));
    json_object_object_add(shown, "issuer", json_text(step->issuer));
    json_object_object_add(shown, "scopes", json_text(step->scopes));
    json_object_object_add(shown, "new_scopes", json_text(step->new_scopes));
    return shown;
}

static json_object *save(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    json_object_object_add(shown, "key", json_text(step->key));
    json_object_object_add(shown, "expected", json_generation(step->expected));
    json_object_object_add(shown, "generation", json_generation(step->generation));
    if (step->expires_at_ms != 0)
        json_object_object_add(shown, "expires_at", json_object_new_uint64(step->expires_at_ms));
    if (step->slot == MCP_OAUTH_SLOT_GRANT) {
        json_tokener *tokener = json_tokener_new();
        json_object *record = json_tokener_parse_ex(tokener, (const char *)step->record.data, (int)step->record.len);
        json_tokener_free(tokener);
        json_object_object_add(shown, "record", record);
    }
    return shown;
}

static json_object *removal(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    json_object_object_add(shown, "key", json_text(step->key));
    json_object_object_add(shown, "expected", json_generation(step->expected));
    return shown;
}

static json_object *ask_for_client(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    json_object_object_add(shown, "issuer", json_text(step->issuer));
    json_object_object_add(shown, "redirect_uri", json_text(step->redirect_uri));
    return shown;
}

static json_object *sign(const mcp_oauth_step *step)
{
    json_object *shown = to_sign(step->input, step->algorithm, step->thumbprint, step->key_id);
    json_object_object_add(shown, "purpose", json_text(step->purpose));
    json_object_object_add(shown, "issuer", json_text(step->issuer));
    return shown;
}

static json_object *fetch_assertion(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    json_object_object_add(shown, "purpose", json_text(step->purpose));
    json_object_object_add(shown, "issuer", json_text(step->issuer));
    json_object_object_add(shown, "audience", json_text(step->audience));
    json_object_object_add(shown, "renew", json_object_new_boolean(step->renew != 0));
    return shown;
}

static json_object *show_code(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    json_object_object_add(shown, "user_code", json_text(step->user_code));
    json_object_object_add(shown, "verification_uri", json_text(step->verification_uri));
    if (step->verification_uri_complete.data != NULL)
        json_object_object_add(shown, "verification_uri_complete", json_text(step->verification_uri_complete));
    json_object_object_add(shown, "issuer", json_text(step->issuer));
    json_object_object_add(shown, "scopes", json_text(step->scopes));
    json_object_object_add(shown, "expires_at", json_object_new_uint64(step->expires_at_ms));
    json_object_object_add(shown, "until", json_object_new_uint64(step->deadline_ms));
    return shown;
}

static json_object *failed(const mcp_oauth_step *step)
{
    json_object *failure = json_object_new_object();
    json_object_object_add(failure, "code", json_text(step->code));
    json_object_object_add(failure, "stage", json_text(step->stage));
    json_object_object_add(failure, "advice", json_name(ADVICE, step->advice));
    json_object_object_add(failure, "text", json_text(step->text));
    if (step->advice == MCP_OAUTH_ADVICE_RETRY_AFTER)
        json_object_object_add(failure, "retry_after_ms", json_object_new_uint64(step->retry_after_ms));
    json_object *shown = json_object_new_object();
    json_object_object_add(shown, "failed", failure);
    return shown;
}

json_object *render(const mcp_oauth_step *step)
{
    json_object *shown = json_object_new_object();
    switch (step->kind) {
    case MCP_OAUTH_KIND_HTTP:
        json_object_object_add(shown, "http", http(step));
        break;
    case MCP_OAUTH_KIND_BIND_REDIRECT:
        json_object_object_add(shown, "bind_redirect", json_text(step->redirect_uri));
        break;
    case MCP_OAUTH_KIND_OPEN_URL:
        json_object_object_add(shown, "open_url", open_url(step));
        break;
    case MCP_OAUTH_KIND_LOAD:
        json_object_object_add(shown, "load", json_text(step->key));
        break;
    case MCP_OAUTH_KIND_SAVE:
        json_object_object_add(shown, "save", save(step));
        break;
    case MCP_OAUTH_KIND_DELETE:
        json_object_object_add(shown, "delete", removal(step));
        break;
    case MCP_OAUTH_KIND_ASK_FOR_CLIENT:
        json_object_object_add(shown, "ask_for_client", ask_for_client(step));
        break;
    case MCP_OAUTH_KIND_WAIT:
        json_object_object_add(shown, "wait", json_object_new_uint64(step->deadline_ms));
        break;
    case MCP_OAUTH_KIND_SIGN:
        json_object_object_add(shown, "sign", sign(step));
        break;
    case MCP_OAUTH_KIND_FETCH_ASSERTION:
        json_object_object_add(shown, "fetch_assertion", fetch_assertion(step));
        break;
    case MCP_OAUTH_KIND_SHOW_CODE:
        json_object_object_add(shown, "show_code", show_code(step));
        break;
    case MCP_OAUTH_KIND_IDLE:
        json_object_object_add(shown, "rest", json_object_new_string("idle"));
        break;
    case MCP_OAUTH_KIND_AUTHORIZED:
        json_object_object_add(shown, "rest", json_object_new_string("authorized"));
        break;
    case MCP_OAUTH_KIND_SIGNED_OUT:
        json_object_object_add(shown, "rest", json_object_new_string("signed_out"));
        break;
    case MCP_OAUTH_KIND_FAILED:
        json_object_object_add(shown, "rest", failed(step));
        break;
    default:
        json_object_object_add(shown, "unknown", json_object_new_int(step->kind));
    }
    if (step->id != 0)
        json_object_object_add(shown, "id", json_object_new_uint64(step->id));
    return shown;
}

#define AT(name) offsetof(mcp_oauth_step, name)
static const size_t SLICES[] = {
    AT(phase),  AT(method),     AT(url),         AT(purpose),     AT(body),      AT(redirect_uri),
    AT(issuer), AT(state),      AT(scopes),      AT(new_scopes),  AT(key),       AT(record),
    AT(input),  AT(thumbprint), AT(key_id),      AT(audience),    AT(user_code), AT(verification_uri),
    AT(code),   AT(stage),      AT(clause),      AT(text),        AT(subject),   AT(verification_uri_complete),
    AT(wanted), AT(received),   AT(server_code), AT(server_text),
};

static mcp_oauth_slice slice_at(const mcp_oauth_step *step, size_t offset)
{
    return *(const mcp_oauth_slice *)((const char *)step + offset);
}

bool same_next(const mcp_oauth_step *one, const mcp_oauth_step *other)
{
    bool same =
        one->id == other->id && one->deadline_ms == other->deadline_ms && one->timeout_ms == other->timeout_ms &&
        one->max_body_bytes == other->max_body_bytes && one->expected == other->expected &&
        one->generation == other->generation && one->expires_at_ms == other->expires_at_ms &&
        one->retry_after_ms == other->retry_after_ms && one->header_count == other->header_count &&
        one->kind == other->kind && one->awaits_redirect == other->awaits_redirect && one->reach == other->reach &&
        one->slot == other->slot && one->fault == other->fault && one->advice == other->advice &&
        one->http_status == other->http_status && one->algorithm == other->algorithm && one->renew == other->renew;
    for (size_t i = 0; same && i < sizeof SLICES / sizeof *SLICES; i++)
        same = same_bytes(slice_at(one, SLICES[i]), slice_at(other, SLICES[i]));
    for (size_t i = 0; same && i < one->header_count; i++)
        same = same_bytes(one->headers[i].name, other->headers[i].name) &&
               same_bytes(one->headers[i].value, other->headers[i].value);
    return same;
}
