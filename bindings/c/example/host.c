/* How is a machine driven, from an event to where it comes to rest? */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "browser.h"
#include "bytes.h"
#include "listener.h"

struct host {
    mcp_oauth_machine *machine;
    /* What it wants now. */
    mcp_oauth_step step;
    struct store *store;
    enum host_user user;
    /* While it is needed. */
    struct listener *listener;
    /* Of the configuration. */
    int32_t reach;
    host_observer *observer;
    void *observer_state;
    struct secrets secrets;
    /* When the code is worth nothing any more that was shown last. */
    uint64_t shown_until;
};

/* Everything beyond would be a server that is never content. */
enum { MAX_TRIES = 5 };

static struct host *host_with(const mcp_oauth_config *config, mcp_oauth_machine *machine, struct store *store,
                              enum host_user user)
{
    struct host *host = calloc(1, sizeof *host);
    if (host == NULL) {
        mcp_oauth_machine_free(&machine);
        return NULL;
    }
    *host = (struct host){.machine = machine, .store = store, .user = user};
    mcp_oauth_config_reach(config, &host->reach);
    mcp_oauth_machine_next(machine, &host->step);
    return host;
}

struct host *host_new(const mcp_oauth_config *config, const char *account, struct store *store, enum host_user user)
{
    mcp_oauth_machine *machine = NULL;
    if (mcp_oauth_machine_new(config, slice(account), &machine) != MCP_OAUTH_STATUS_OK)
        return NULL;
    return host_with(config, machine, store, user);
}

struct host *host_of_callback(const mcp_oauth_config *config, const char *account, struct store *store,
                              const char *callback_url)
{
    mcp_oauth_buffer key;
    mcp_oauth_machine *machine = NULL;
    uint8_t *record = NULL;
    size_t length = 0;
    mcp_oauth_status status = mcp_oauth_key_of_callback(MCP_OAUTH_CALLBACK_FORM_URL, slice(callback_url), &key);
    if (status != MCP_OAUTH_STATUS_OK || key.data == NULL)
        return NULL;
    int32_t result = store->load(store, (mcp_oauth_slice){key.data, key.len}, &record, &length);
    mcp_oauth_buffer_free(&key);
    if (result == MCP_OAUTH_STORE_RESULT_LOADED) {
        mcp_oauth_machine_resume(config, slice(account), (mcp_oauth_slice){record, length}, &machine);
        explicit_bzero(record, length);
        free(record);
    }
    return machine == NULL ? NULL : host_with(config, machine, store, HOST_ELSEWHERE);
}

void host_observe(struct host *host, host_observer *observer, void *state)
{
    host->observer = observer;
    host->observer_state = state;
}

void host_entrust(struct host *host, const struct secrets *secrets)
{
    host->secrets = *secrets;
}

void host_free(struct host **freed)
{
    if (*freed == NULL)
        return;
    listener_close(&(*freed)->listener);
    mcp_oauth_machine_free(&(*freed)->machine);
    free(*freed);
    *freed = NULL;
}

const mcp_oauth_step *host_step(const struct host *host)
{
    return &host->step;
}

int32_t host_reach(const struct host *host)
{
    return host->reach;
}

/* After each event: shows what was decided, and closes the listener as soon as it is not needed (RFC 8252 §8.3). A call
 * that failed was none that the machine could take: it wants what it wanted before. */
static bool told(struct host *host, mcp_oauth_status status)
{
    const mcp_oauth_trace_entry *entries = NULL;
    size_t count = 0;
    if (status != MCP_OAUTH_STATUS_OK)
        mcp_oauth_machine_next(host->machine, &host->step);
    mcp_oauth_machine_take_trace(host->machine, &entries, &count);
    for (size_t i = 0; host->observer != NULL && i < count; i++)
        host->observer(&entries[i], host->observer_state);
    if (!host->step.awaits_redirect)
        listener_close(&host->listener);
    return status == MCP_OAUTH_STATUS_OK;
}

static void decline(struct host *host, uint64_t id, int32_t refusal)
{
    told(host, mcp_oauth_machine_declined(host->machine, id, refusal, now_ms(), &host->step));
}

static void send_request(struct host *host, const mcp_oauth_step *wanted)
{
    struct http_reply reply;
    struct http_request request = {
        .method = wanted->method,
        .url = wanted->url,
        .headers = wanted->headers,
        .header_count = wanted->header_count,
        .body = wanted->body,
        .timeout_ms = wanted->timeout_ms,
        .max_body_bytes = wanted->max_body_bytes,
        .reach = wanted->reach,
    };
    int32_t cause = http_exchange(&request, &reply);
    if (cause != 0) {
        told(host, mcp_oauth_machine_unreachable(host->machine, wanted->id, cause, now_ms(), &host->step));
        return;
    }
    mcp_oauth_status status = mcp_oauth_machine_reply(host->machine, wanted->id, reply.status, reply.headers,
                                                      reply.header_count, reply.body, now_ms(), &host->step);
    http_reply_free(&reply);
    told(host, status);
}

static void bind_redirect(struct host *host, const mcp_oauth_step *wanted)
{
    mcp_oauth_slice uri = wanted->redirect_uri;
    if (host->user != HOST_ELSEWHERE) {
        listener_close(&host->listener);
        host->listener = listener_open(uri);
        if (host->listener == NULL) {
            decline(host, wanted->id, MCP_OAUTH_REFUSAL_UNABLE);
            return;
        }
        uri = slice(listener_uri(host->listener));
    }
    mcp_oauth_status status = mcp_oauth_machine_redirect_bound(host->machine, wanted->id, uri, now_ms(), &host->step);
    /* One that this client may not use: there is no other. */
    if (!told(host, status))
        decline(host, wanted->id, MCP_OAUTH_REFUSAL_UNABLE);
}

static bool call_back(struct host *host, int32_t form, const char *text)
{
    return told(host, mcp_oauth_machine_callback(host->machine, form, slice(text), now_ms(), &host->step));
}

static void follow(struct host *host, const mcp_oauth_step *wanted)
{
    char *callback = NULL;
    int32_t refusal = browser_follow(wanted, host->reach, &callback);
    if (refusal == 0) {
        call_back(host, MCP_OAUTH_CALLBACK_FORM_URL, callback);
        forget(callback);
        /* No other callback will come, since nobody was sent anywhere. */
        refusal = MCP_OAUTH_REFUSAL_UNABLE;
    }
    if (host->step.id == wanted->id)
        decline(host, wanted->id, refusal);
}

static void browse(struct host *host, const mcp_oauth_step *wanted)
{
    if (host->listener == NULL) {
        /* Nobody would hear of the callback. */
        decline(host, wanted->id, MCP_OAUTH_REFUSAL_UNABLE);
        return;
    }
    if (!browser_open(wanted->url))
        /* For the eyes of the person: it carries `state` and belongs into no log. */
        fprintf(stderr, "Open this page in your browser:\n%.*s\n", (int)wanted->url.len,
                (const char *)wanted->url.data);
    uint64_t id = wanted->id;
    while (host->step.id == id) {
        uint64_t now = now_ms(), deadline = host->step.deadline_ms;
        char *query = NULL;
        if (deadline > now)
            query = listener_wait(host->listener, deadline - now < 1000 ? deadline - now : 1000);
        if (query != NULL)
            /* Anybody can send one; one that is not ours changes nothing. */
            call_back(host, MCP_OAUTH_CALLBACK_FORM_QUERY, query);
        else if (deadline <= now)
            told(host, mcp_oauth_machine_tick(host->machine, now, &host->step));
        forget(query);
    }
}

static bool answered(struct host *host, uint64_t id, int32_t result, mcp_oauth_slice record)
{
    return told(host, mcp_oauth_machine_stored(host->machine, id, result, record, now_ms(), &host->step));
}

static void keep(struct host *host, const mcp_oauth_step *wanted)
{
    uint8_t *record = NULL;
    size_t length = 0;
    int32_t result;
    if (wanted->kind == MCP_OAUTH_KIND_LOAD)
        result = host->store->load(host->store, wanted->key, &record, &length);
    else if (wanted->kind == MCP_OAUTH_KIND_SAVE)
        result = host->store->save(host->store, wanted);
    else
        result = host->store->remove(host->store, wanted);
    if (!answered(host, wanted->id, result, (mcp_oauth_slice){record, length}))
        /* No answer to what was asked: a store of somebody's own that does not know what it did. */
        answered(host, wanted->id, MCP_OAUTH_STORE_RESULT_FAILED, (mcp_oauth_slice){NULL, 0});
    if (record != NULL)
        explicit_bzero(record, length);
    free(record);
}

static void sign(struct host *host, const mcp_oauth_step *wanted)
{
    const struct signing signing = {wanted->algorithm, wanted->thumbprint, wanted->input};
    uint8_t signature[SIGNATURE_MAX];
    mcp_oauth_slice made = {signature, secrets_sign(&host->secrets, &signing, signature)};
    if (made.len == 0 || !told(host, mcp_oauth_machine_signed(host->machine, wanted->id, made, now_ms(), &host->step)))
        decline(host, wanted->id, MCP_OAUTH_REFUSAL_UNABLE);
}

static void fetch_assertion(struct host *host, const mcp_oauth_step *wanted)
{
    int32_t kind = 0;
    char *assertion = secrets_fetch(&host->secrets, wanted, &kind);
    if (assertion == NULL || !told(host, mcp_oauth_machine_assertion_provided(host->machine, wanted->id, kind,
                                                                              slice(assertion), now_ms(), &host->step)))
        decline(host, wanted->id, MCP_OAUTH_REFUSAL_UNABLE);
    forget(assertion);
}

/* Until it is time, another process is refreshing the tokens, or the person enters a code elsewhere. */
static void wait_until_due(struct host *host, const mcp_oauth_step *wanted)
{
    uint64_t now = now_ms();
    while (now < wanted->deadline_ms) {
        uint64_t left = wanted->deadline_ms - now;
        nanosleep(&(struct timespec){(time_t)(left / 1000), (long)(left % 1000) * 1000000}, NULL);
        now = now_ms();
    }
    told(host, mcp_oauth_machine_tick(host->machine, now, &host->step));
}

static void show_code(struct host *host, const mcp_oauth_step *wanted)
{
    if (host->user != HOST_BROWSER) {
        decline(host, wanted->id, MCP_OAUTH_REFUSAL_NEEDS_USER);
        return;
    }
    /* The same code comes again after each poll: the machine has it as long as it is worth something. */
    if (host->shown_until != wanted->expires_at_ms)
        fprintf(stderr, "Open %.*s on any device and enter the code %.*s\n", (int)wanted->verification_uri.len,
                (const char *)wanted->verification_uri.data, (int)wanted->user_code.len,
                (const char *)wanted->user_code.data);
    host->shown_until = wanted->expires_at_ms;
    wait_until_due(host, wanted);
}

/* Carries out one action. */
static void carry_out(struct host *host)
{
    /* Its slices live until the machine is told what came of it. */
    const mcp_oauth_step wanted = host->step;
    switch (wanted.kind) {
    case MCP_OAUTH_KIND_HTTP:
        send_request(host, &wanted);
        break;
    case MCP_OAUTH_KIND_BIND_REDIRECT:
        bind_redirect(host, &wanted);
        break;
    case MCP_OAUTH_KIND_OPEN_URL:
        if (host->user == HOST_HEADLESS)
            follow(host, &wanted);
        else
            browse(host, &wanted);
        break;
    case MCP_OAUTH_KIND_LOAD:
    case MCP_OAUTH_KIND_SAVE:
    case MCP_OAUTH_KIND_DELETE:
        keep(host, &wanted);
        break;
    case MCP_OAUTH_KIND_WAIT:
        wait_until_due(host, &wanted);
        break;
    case MCP_OAUTH_KIND_SIGN:
        sign(host, &wanted);
        break;
    case MCP_OAUTH_KIND_FETCH_ASSERTION:
        fetch_assertion(host, &wanted);
        break;
    case MCP_OAUTH_KIND_SHOW_CODE:
        show_code(host, &wanted);
        break;
    default:
        /* MCP_OAUTH_KIND_ASK_FOR_CLIENT, which the settings of this example never lead to, and what a later library may
         * add. */
        decline(host, wanted.id, MCP_OAUTH_REFUSAL_UNABLE);
    }
}

/* Until the machine rests, or until somebody elsewhere has to do something. */
static bool run(struct host *host)
{
    while (host->step.kind < MCP_OAUTH_KIND_IDLE) {
        uint64_t id = host->step.id;
        if (host->step.kind == MCP_OAUTH_KIND_OPEN_URL && host->user == HOST_ELSEWHERE)
            return false;
        carry_out(host);
        if (host->step.id == id)
            /* The machine took no answer, and there is no other. */
            told(host, mcp_oauth_machine_cancel(host->machine, now_ms(), &host->step));
        if (host->step.id == id)
            return false;
    }
    return host->step.kind == MCP_OAUTH_KIND_AUTHORIZED;
}

bool host_sign_in(struct host *host)
{
    run(host);
    return told(host, mcp_oauth_machine_connect(host->machine, now_ms(), &host->step)) && run(host);
}

bool host_finish(struct host *host, const char *callback_url)
{
    return call_back(host, MCP_OAUTH_CALLBACK_FORM_URL, callback_url) && run(host);
}

bool host_sign_out(struct host *host, bool forget_client)
{
    mcp_oauth_status status = mcp_oauth_machine_sign_out(host->machine, forget_client, now_ms(), &host->step);
    told(host, status);
    run(host);
    return host->step.kind == MCP_OAUTH_KIND_SIGNED_OUT;
}

/* What the request carries, by a token that is good for now. */
static mcp_oauth_request_headers credentials_for(struct host *host, const struct http_request *request)
{
    mcp_oauth_request_headers credentials;
    mcp_oauth_machine_request_headers(host->machine, request->method, request->url, now_ms(), &credentials);
    if (credentials.credentials == MCP_OAUTH_CREDENTIALS_REFRESH_DUE) {
        told(host, mcp_oauth_machine_refresh(host->machine, now_ms(), &host->step));
        run(host);
        mcp_oauth_machine_request_headers(host->machine, request->method, request->url, now_ms(), &credentials);
    }
    return credentials;
}

/* One try, with the token if there is one. */
static bool try_once(struct host *host, const struct http_request *request, uint64_t *generation,
                     struct http_reply *reply)
{
    enum { ROOM = 32 };
    mcp_oauth_header headers[ROOM];
    mcp_oauth_buffer proof = {NULL, 0};
    struct http_request authorized = *request;
    mcp_oauth_request_headers credentials = credentials_for(host, request);
    bool proved = credentials.credentials == MCP_OAUTH_CREDENTIALS_SIGN;
    if (proved)
        proof = secrets_prove(&host->secrets, &credentials);
    if ((proved && proof.data == NULL) || request->header_count > ROOM - 2)
        return false;
    *generation = credentials.generation;
    if (proved || credentials.credentials == MCP_OAUTH_CREDENTIALS_READY) {
        for (size_t i = 0; i < request->header_count; i++)
            headers[i] = request->headers[i];
        headers[authorized.header_count++] = (mcp_oauth_header){slice("authorization"), credentials.authorization};
        if (proved)
            headers[authorized.header_count++] =
                (mcp_oauth_header){slice("dpop"), (mcp_oauth_slice){proof.data, proof.len}};
        authorized.headers = headers;
    }
    bool answered = http_exchange(&authorized, reply) == 0;
    mcp_oauth_buffer_free(&proof);
    if (answered && http_header(reply, "dpop-nonce").data != NULL)
        mcp_oauth_machine_take_nonce(host->machine, http_header(reply, "dpop-nonce"));
    return answered;
}

/* Tells the machine of a 401 or 403. True if the request may be repeated. */
static bool challenge(struct host *host, const struct http_reply *reply, uint64_t generation)
{
    mcp_oauth_slice *lines = calloc(reply->header_count + 1, sizeof *lines);
    size_t count = 0;
    for (size_t i = 0; lines != NULL && i < reply->header_count; i++) {
        char *name = text_of(reply->headers[i].name);
        if (name != NULL && strcasecmp(name, "www-authenticate") == 0)
            lines[count++] = reply->headers[i].value;
        free(name);
    }
    bool good = told(host, mcp_oauth_machine_challenge(host->machine, reply->status, lines, count, generation, now_ms(),
                                                       &host->step));
    free(lines);
    if (!good || host->step.ignored == MCP_OAUTH_IGNORED_NOT_AUTHORIZATION)
        return false;
    return host->step.ignored == MCP_OAUTH_IGNORED_SUPERSEDED || run(host);
}

bool host_send(struct host *host, const struct http_request *request, struct http_reply *reply)
{
    run(host);
    for (int tries = 1;; tries++) {
        uint64_t generation = 0;
        if (!try_once(host, request, &generation, reply))
            return false;
        if ((reply->status != 401 && reply->status != 403) || tries == MAX_TRIES)
            return true;
        if (!challenge(host, reply, generation))
            return true;
        http_reply_free(reply);
    }
}
