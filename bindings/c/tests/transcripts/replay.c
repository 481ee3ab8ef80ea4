/* How is one transcript replayed? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcript.h"

static const uint64_t START = 1800000000000;

/* Replaces `{state}` in every string. */
static json_object *with_state(json_object *value, const char *state)
{
    static const char PLACE[] = "{state}";
    const size_t place = sizeof PLACE - 1, length = strlen(state);
    switch (json_object_get_type(value)) {
    case json_type_string: {
        mcp_oauth_slice text = json_slice(value);
        char *out = malloc(text.len * (length + 1) + 1);
        size_t used = 0;
        for (size_t i = 0; i < text.len;) {
            if (text.len - i >= place && memcmp(text.data + i, PLACE, place) == 0) {
                memcpy(out + used, state, length);
                used += length;
                i += place;
            } else {
                out[used++] = (char)text.data[i++];
            }
        }
        json_object *replaced = json_object_new_string_len(out, (int)used);
        free(out);
        return replaced;
    }
    case json_type_array: {
        json_object *list = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(value); i++)
            json_object_array_add(list, with_state(json_object_array_get_idx(value, i), state));
        return list;
    }
    case json_type_object: {
        json_object *object = json_object_new_object();
        json_object_object_foreach(value, name, item)
        {
            json_object_object_add(object, name, with_state(item, state));
        }
        return object;
    }
    default:
        return json_object_get(value);
    }
}

/* Puts a new machine into the place of the one before; the randomness goes on. */
static bool replace(struct replay *replay, mcp_oauth_status status, mcp_oauth_machine *machine)
{
    if (status != MCP_OAUTH_STATUS_OK)
        return fail(replay, "no machine: status %d", status);
    mcp_oauth_machine_inherit_seed(machine, replay->machine);
    mcp_oauth_machine_free(&replay->machine);
    replay->machine = machine;
    return true;
}

static void keep(mcp_oauth_buffer *place, mcp_oauth_slice record)
{
    free(place->data);
    place->data = malloc(record.len + 1);
    place->len = record.len;
    memcpy(place->data, record.data, record.len);
}

/* Keeps what a later step may refer to. */
static void remember(struct replay *replay, const mcp_oauth_step *step)
{
    if (step->kind == MCP_OAUTH_KIND_OPEN_URL) {
        free(replay->state);
        replay->state = strndup((const char *)step->state.data, step->state.len);
    } else if (step->kind == MCP_OAUTH_KIND_SAVE) {
        keep(step->slot == MCP_OAUTH_SLOT_GRANT ? &replay->grant : &replay->flow, step->record);
    }
}

static mcp_oauth_slice grant_key(const struct replay *replay)
{
    mcp_oauth_slice key;
    mcp_oauth_machine_grant_key(replay->machine, &key);
    return key;
}

static bool holds(mcp_oauth_slice bytes, mcp_oauth_slice part)
{
    return part.len > 0 && memmem(bytes.data, bytes.len, part.data, part.len) != NULL;
}

/* Whether the request that is to be sent carries what may be sent once: an assertion or a proof. */
static bool is_fleeting(const mcp_oauth_step *step, const mcp_oauth_step *resumed)
{
    static const char *const ONCE[] = {"assertion=", "client_assertion=", "subject_token="};
    if (step->kind == MCP_OAUTH_KIND_SIGN)
        /* The request that it is for has an assertion already. */
        return resumed->kind == MCP_OAUTH_KIND_FAILED;
    if (step->kind != MCP_OAUTH_KIND_HTTP || same_bytes(step->phase, slice_of("Polling")))
        return false;
    for (size_t i = 0; i < step->header_count; i++)
        if (same_bytes(step->headers[i].name, slice_of("dpop")))
            return true;
    for (size_t i = 0; i < sizeof ONCE / sizeof *ONCE; i++) {
        mcp_oauth_slice body = step->body, name = slice_of(ONCE[i]);
        while (body.len >= name.len) {
            if (memcmp(body.data, name.data, name.len) == 0)
                return true;
            const uint8_t *next = memchr(body.data, '&', body.len);
            size_t passed = next == NULL ? body.len : (size_t)(next - body.data) + 1;
            body = (mcp_oauth_slice){body.data + passed, body.len - passed};
        }
    }
    return false;
}

/* How the machine of a snapshot goes on. */
static bool goes_on(const struct replay *replay, const mcp_oauth_step *step, const mcp_oauth_step *next)
{
    mcp_oauth_slice phase = step->phase;
    if (same_bytes(phase, slice_of("Exchanging")))
        /* Nobody can tell whether the code was sent. */
        return next->kind == MCP_OAUTH_KIND_FAILED && same_bytes(next->code, slice_of("outcome_unknown"));
    bool loads = next->kind == MCP_OAUTH_KIND_LOAD && same_bytes(next->key, grant_key(replay));
    if (same_bytes(phase, slice_of("Refreshing")))
        /* Another process may have refreshed by then. */
        return loads;
    if (step->kind == MCP_OAUTH_KIND_SIGN && loads)
        /* For a refresh. */
        return true;
    if (is_fleeting(step, next)) {
        if (same_bytes(phase, slice_of("Revoking")))
            return next->kind == MCP_OAUTH_KIND_SIGNED_OUT;
        return next->kind == MCP_OAUTH_KIND_FAILED && (same_bytes(next->code, slice_of("grant_unavailable")) ||
                                                       same_bytes(next->code, slice_of("authorization_unavailable")) ||
                                                       same_bytes(next->code, slice_of("outcome_unknown")));
    }
    bool polls = step->kind == MCP_OAUTH_KIND_SIGN && next->kind == MCP_OAUTH_KIND_SHOW_CODE;
    if (polls || same_bytes(phase, slice_of("Polling")))
        return next->kind == MCP_OAUTH_KIND_SHOW_CODE;
    return same_next(step, next);
}

/* Snapshot → resume → the same `next`. */
static bool resume_and_compare(struct replay *replay, const mcp_oauth_step *step)
{
    mcp_oauth_buffer snapshot, again = {NULL, 0};
    mcp_oauth_machine *resumed = NULL;
    mcp_oauth_step next;
    mcp_oauth_machine_snapshot(replay->machine, &snapshot);
    for (size_t i = 0; i < json_object_array_length(replay->fleeting); i++)
        if (holds(contents(snapshot), json_slice(json_object_array_get_idx(replay->fleeting, i))))
            fail(replay, "the snapshot holds an assertion or a signature");
    bool good =
        mcp_oauth_machine_resume(replay->config, replay->account, contents(snapshot), &resumed) == MCP_OAUTH_STATUS_OK;
    if (!good) {
        fail(replay, "the snapshot cannot be resumed");
    } else {
        mcp_oauth_machine_next(resumed, &next);
        mcp_oauth_machine_snapshot(resumed, &again);
        bool changes = same_bytes(step->phase, slice_of("Exchanging")) ||
                       (next.kind == MCP_OAUTH_KIND_LOAD && step->kind != MCP_OAUTH_KIND_LOAD);
        good = goes_on(replay, step, &next) && (changes || same_bytes(contents(snapshot), contents(again)));
        if (!good)
            fail(replay, "resumed as another machine, of kind %d", next.kind);
    }
    mcp_oauth_machine_free(&resumed);
    mcp_oauth_buffer_free(&snapshot);
    mcp_oauth_buffer_free(&again);
    return good;
}

static json_object *trace_names(struct replay *replay)
{
    const mcp_oauth_trace_entry *entries;
    size_t count;
    mcp_oauth_machine_take_trace(replay->machine, &entries, &count);
    if (count == 0)
        return NULL;
    json_object *names = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        json_object_array_add(names, json_text(entries[i].name));
        if (entries[i].clause.len == 0 || entries[i].text.len == 0 || entries[i].at_ms < START)
            fail(replay, "a trace entry says nothing");
    }
    return names;
}

/* Makes what the event asks for and notes what came of it. */
static bool act(struct replay *replay, json_object *step, json_object *event, json_object *observed)
{
    mcp_oauth_machine *machine = NULL;
    mcp_oauth_step next;
    if (member(event, "request_headers") != NULL) {
        json_object *question = member(event, "request_headers");
        json_object_object_add(observed, "next", request_headers(replay, question));
        return true;
    }
    if (member(event, "nonce") != NULL) {
        mcp_oauth_machine_take_nonce(replay->machine, json_slice(member(event, "nonce")));
        mcp_oauth_machine_next(replay->machine, &next);
        json_object_object_add(observed, "next", render(&next));
        return true;
    }
    if (member(event, "deadline") != NULL) {
        mcp_oauth_machine_next(replay->machine, &next);
        json_object *deadline = next.deadline_ms == 0 ? NULL : json_object_new_uint64(next.deadline_ms);
        json_object_object_add(observed, "next", deadline);
        return true;
    }
    if (member(event, "restart") != NULL) {
        mcp_oauth_status status = mcp_oauth_machine_new(replay->config, replay->account, &machine);
        if (!replace(replay, status, machine))
            return false;
    } else if (member(event, "resume") != NULL) {
        mcp_oauth_status status =
            mcp_oauth_machine_resume(replay->config, replay->account, contents(replay->flow), &machine);
        if (!replace(replay, status, machine))
            return false;
    } else if (!same_bytes(json_slice(event), slice_of("start"))) {
        json_object *outcome = feed(replay, event, member(step, "id"));
        json_object_object_add(observed, "outcome", outcome);
        json_object *names = trace_names(replay);
        if (names != NULL)
            json_object_object_add(observed, "trace", names);
    }
    mcp_oauth_machine_next(replay->machine, &next);
    remember(replay, &next);
    json_object_object_add(observed, "next", render(&next));
    return resume_and_compare(replay, &next);
}

static bool compare(struct replay *replay, json_object *step, json_object *observed)
{
    static const char *const MEMBERS[] = {"outcome", "trace", "next"};
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++) {
        json_object *wanted = NULL, *got = NULL;
        bool has_wanted = json_object_object_get_ex(step, MEMBERS[i], &wanted);
        bool has_got = json_object_object_get_ex(observed, MEMBERS[i], &got);
        if (has_wanted != has_got || !json_object_equal(wanted, got))
            return fail(replay, "%s\n%s should be\n%s\nbut is\n%s", json_object_to_json_string(member(step, "event")),
                        MEMBERS[i], has_wanted ? json_object_to_json_string(wanted) : "(nothing)",
                        has_got ? json_object_to_json_string(got) : "(nothing)");
    }
    return true;
}

static bool run_step(struct replay *replay, json_object *step)
{
    uint64_t after = json_object_get_uint64(member(step, "after"));
    replay->now = after > UINT64_MAX - replay->now ? UINT64_MAX : replay->now + after;
    json_object *event = with_state(member(step, "event"), replay->state == NULL ? "" : replay->state);
    json_object *observed = json_object_new_object();
    bool good = act(replay, step, event, observed) && compare(replay, step, observed) && replay->problem[0] == '\0';
    json_object_put(event);
    json_object_put(observed);
    return good;
}

/* A transcript about settings that are refused has no steps but `"refused": "…"`. */
static bool refused(struct replay *replay, json_object *file, const mcp_oauth_config_error *error)
{
    char text[512];
    snprintf(text, sizeof text, "%.*s: %.*s", (int)error->field.len, (const char *)error->field.data,
             (int)error->problem.len, (const char *)error->problem.data);
    if (same_bytes(json_slice(member(file, "refused")), slice_of(text)))
        return true;
    return fail(replay, "the settings are refused: %s", text);
}

static bool run(struct replay *replay, json_object *file)
{
    static const char *const MEMBERS[] = {"proves", "requirements", "settings", "steps"};
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++)
        if (member(file, MEMBERS[i]) == NULL)
            return fail(replay, "has no %s", MEMBERS[i]);
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_settings_new(&settings);
    mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_USER_AGENT, slice_of("transcript"));
    bool written = write_settings(member(file, "settings"), settings, replay);
    mcp_oauth_config_error error;
    mcp_oauth_status status = mcp_oauth_config_new(settings, &error, &replay->config);
    mcp_oauth_settings_free(&settings);
    if (!written)
        return false;
    if (status == MCP_OAUTH_STATUS_CONFIG)
        return refused(replay, file, &error);
    if (member(file, "refused") != NULL)
        return fail(replay, "the settings are accepted");
    replay->account = json_slice(member(file, "account"));
    replay->now = START;
    mcp_oauth_machine_new(replay->config, replay->account, &replay->machine);
    mcp_oauth_machine_seed(replay->machine, json_slice(member(file, "seed")));
    json_object *steps = member(file, "steps");
    for (size_t i = 0; i < json_object_array_length(steps); i++) {
        replay->step = i + 1;
        if (!run_step(replay, json_object_array_get_idx(steps, i)))
            return false;
    }
    return true;
}

bool replay_file(const char *path, struct replay *replay)
{
    *replay = (struct replay){.problem = "", .fleeting = json_object_new_array()};
    /* Of whatever was signed. */
    json_object_array_add(replay->fleeting, json_object_new_string(SIGNATURE));
    json_object *file = json_object_from_file(path);
    bool good = file != NULL ? run(replay, file) : fail(replay, "is no JSON");
    json_object_put(file);
    json_object_put(replay->fleeting);
    mcp_oauth_machine_free(&replay->machine);
    mcp_oauth_config_free(&replay->config);
    free(replay->state);
    free(replay->flow.data);
    free(replay->grant.data);
    return good;
}
