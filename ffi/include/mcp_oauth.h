/*
 * mcp-oauth-core: the client half of MCP authorization as a state machine that does no input or output. You feed it events
 * and carry out the one action that each call hands back; docs/driving.md tells how, the README of bindings/c shows it.
 *
 * WHO OWNS WHAT
 *
 * Handles   mcp_oauth_settings, mcp_oauth_config, mcp_oauth_machine, mcp_oauth_pending, mcp_oauth_grant and
 *           mcp_oauth_flow come from a function with an out-pointer and are yours. Each has one free function, which takes
 *           the address of your pointer and sets it to NULL; freeing NULL is fine, freeing a copy of a freed pointer is not.
 *           A machine keeps what it needs of its configuration alive, so the order in which you free does not matter.
 * Buffers   A mcp_oauth_buffer is yours; mcp_oauth_buffer_free overwrites it with zeros first.
 * Slices    Going in, a mcp_oauth_slice (and an array of them) is yours and is read during the call alone: what is kept is
 *           copied. Coming out, it is borrowed, and stays valid
 *             - in a mcp_oauth_step, and `authorization` in mcp_oauth_request_headers: until the next event function on that
 *               machine, or its end;
 *             - what is to be signed, in mcp_oauth_request_headers: until the next mcp_oauth_machine_request_headers on that
 *               machine, or its end;
 *             - in a mcp_oauth_trace_entry: until the next mcp_oauth_machine_take_trace on that machine, or its end;
 *             - from a configuration, from mcp_oauth_machine_grant_key, in a mcp_oauth_grant or mcp_oauth_flow: until that
 *               is freed;
 *             - in a mcp_oauth_config_error, from mcp_oauth_status_text and mcp_oauth_version, and the member that
 *               mcp_oauth_machine_tokens_provided names: for ever.
 *           Event functions are those that take the time and a mcp_oauth_step. Do not give slices of a step back to an
 *           event function of the same machine, except `redirect_uri`: copy them.
 * Text      UTF-8, counted, without a NUL at the end: print it with "%.*s".
 * Secrets   What is marked as secret belongs into no log. Texts, codes and trace entries hold none.
 *
 * HOW A CALL GOES
 *
 * Status    Every function that can fail returns a mcp_oauth_status. Results are written through out-pointers: complete on
 *           MCP_OAUTH_STATUS_OK, cleared on everything else. A call that fails changes nothing, except that a handle whose
 *           call returned MCP_OAUTH_STATUS_PANICKED is good for nothing but freeing.
 * Numbers   Parameters that are an enumeration come in as int32_t and are checked; 0 in a result means "does not apply".
 *           Later versions may add numbers: have a default case.
 * Threads   A configuration may be used by any number of threads at once. Of the other handles, each may be used by any
 *           thread, but by one at a time: a second one gets MCP_OAUTH_STATUS_BUSY at once. Have a lock of your own, and hold
 *           it until you are done with what you borrowed; do not hold it while you carry out an action.
 * Time      Milliseconds since the Unix epoch by the wall clock, with every event.
 */


#ifndef MCP_OAUTH_H
#define MCP_OAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The version of this interface that the header describes. It grows whenever a function, a number or a structure changes
 * in a way that a program compiled before would not survive.
 */
#define MCP_OAUTH_ABI_VERSION 2

/**
 * How a call went: the return value of every function that can fail.
 */
enum mcp_oauth_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It did what it says.
     */
    MCP_OAUTH_STATUS_OK = 0,
    /**
     * A pointer is NULL that must not be, a freed handle for instance.
     */
    MCP_OAUTH_STATUS_NULL = 1,
    /**
     * An argument is out of range, misaligned, or text that is not UTF-8.
     */
    MCP_OAUTH_STATUS_BAD_ARGUMENT = 2,
    /**
     * Another thread is inside a call with this handle. Nothing happened: one call at a time.
     */
    MCP_OAUTH_STATUS_BUSY = 3,
    /**
     * A defect of this library; the handle can only be freed now.
     */
    MCP_OAUTH_STATUS_PANICKED = 4,
    /**
     * The settings cannot work; `mcp_oauth_config_error` says which and why.
     */
    MCP_OAUTH_STATUS_CONFIG = 5,
    /**
     * There are as many sign-ins as may wait at once.
     */
    MCP_OAUTH_STATUS_FULL = 6,
    /**
     * The operating system gives no randomness, without which a proof could be guessed.
     */
    MCP_OAUTH_STATUS_ENTROPY = 7,
    /**
     * The answer names an action that was never given out.
     */
    MCP_OAUTH_STATUS_MISUSE_UNKNOWN_ACTION = 16,
    /**
     * The answer is of the wrong kind for the action that it names.
     */
    MCP_OAUTH_STATUS_MISUSE_WRONG_ANSWER = 17,
    /**
     * The redirect URI is not https, loopback http or an allowed private-use scheme (RFC 8252 §7).
     */
    MCP_OAUTH_STATUS_MISUSE_REDIRECT_URI = 18,
    /**
     * The redirect URI is not listed in the client ID metadata document.
     */
    MCP_OAUTH_STATUS_MISUSE_REDIRECT_NOT_IN_DOCUMENT = 19,
    /**
     * The client identifier is empty or not printable ASCII.
     */
    MCP_OAUTH_STATUS_MISUSE_CLIENT_ID = 20,
    /**
     * The client has no secret, but its authentication method needs one.
     */
    MCP_OAUTH_STATUS_MISUSE_CLIENT_SECRET = 21,
    /**
     * A member of the tokens that were brought cannot be used; the call says which.
     */
    MCP_OAUTH_STATUS_MISUSE_TOKENS = 22,
    /**
     * The signature has a length that the algorithm cannot give (RFC 7518 §3): for ES256 it is R and S, 32 bytes each.
     */
    MCP_OAUTH_STATUS_MISUSE_SIGNATURE = 23,
    /**
     * The assertion is empty, too long or not printable ASCII.
     */
    MCP_OAUTH_STATUS_MISUSE_ASSERTION = 24,
    /**
     * The bytes are no record of this library.
     */
    MCP_OAUTH_STATUS_RECORD_MALFORMED = 32,
    /**
     * The record was written by a newer version of this library. Do not overwrite it.
     */
    MCP_OAUTH_STATUS_RECORD_TOO_NEW = 33,
    /**
     * The record is of another account or server, or was tampered with.
     */
    MCP_OAUTH_STATUS_RECORD_FOREIGN = 34,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_status mcp_oauth_status;
#else
typedef int32_t mcp_oauth_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What became of an event.
 */
enum mcp_oauth_outcome
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * There was no event.
     */
    MCP_OAUTH_OUTCOME_NONE = 0,
    /**
     * The machine moved on: `kind` is news.
     */
    MCP_OAUTH_OUTCOME_ADVANCED = 1,
    /**
     * A flow that serves the same need is under way: wait for it.
     */
    MCP_OAUTH_OUTCOME_JOINED = 2,
    /**
     * Nothing changed; `ignored` says why.
     */
    MCP_OAUTH_OUTCOME_IGNORED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_outcome mcp_oauth_outcome;
#else
typedef int32_t mcp_oauth_outcome;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why an event changed nothing.
 */
enum mcp_oauth_ignored
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It was not ignored.
     */
    MCP_OAUTH_IGNORED_NONE = 0,
    /**
     * An answer to an action that was already answered or given up.
     */
    MCP_OAUTH_IGNORED_STALE = 1,
    /**
     * No sign-in waits for a callback.
     */
    MCP_OAUTH_IGNORED_NO_PENDING_SIGN_IN = 2,
    /**
     * The callback belongs to another sign-in, or is forged.
     */
    MCP_OAUTH_IGNORED_OTHER_STATE = 3,
    /**
     * The request carried an older token, or none: repeat it with the current one.
     */
    MCP_OAUTH_IGNORED_SUPERSEDED = 4,
    /**
     * The answer of the MCP server is nothing that authorization could mend: hand it to the caller.
     */
    MCP_OAUTH_IGNORED_NOT_AUTHORIZATION = 5,
    /**
     * It is not time yet.
     */
    MCP_OAUTH_IGNORED_NOT_DUE = 6,
    /**
     * There is nothing to refresh or cancel.
     */
    MCP_OAUTH_IGNORED_NOTHING_TO_DO = 7,
    /**
     * Credentials are being written or exchanged: finishing is quick and loses nothing.
     */
    MCP_OAUTH_IGNORED_TOO_LATE = 8,
    /**
     * A flow is under way: cancel it first, or wait for its end.
     */
    MCP_OAUTH_IGNORED_FLOW_UNDER_WAY = 9,
    /**
     * The machine knows a newer grant than the one it is told of.
     */
    MCP_OAUTH_IGNORED_OUTDATED = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_ignored mcp_oauth_ignored;
#else
typedef int32_t mcp_oauth_ignored;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What to do now, or where the machine came to rest.
 */
enum mcp_oauth_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The call failed: look at its status.
     */
    MCP_OAUTH_KIND_NONE = 0,
    /**
     * Send one HTTP request, within its limits, and follow no redirect. Answer: `mcp_oauth_machine_reply` or
     * `mcp_oauth_machine_unreachable`.
     */
    MCP_OAUTH_KIND_HTTP = 1,
    /**
     * Make ready to receive the redirect and tell its exact URI. Answer: `mcp_oauth_machine_redirect_bound` or
     * `mcp_oauth_machine_declined`. Stop listening once `awaits_redirect` is 0.
     */
    MCP_OAUTH_KIND_BIND_REDIRECT = 2,
    /**
     * Open `url` in the user's own browser, never through a shell. Answer: `mcp_oauth_machine_callback` when the user
     * comes back, or `mcp_oauth_machine_declined`.
     */
    MCP_OAUTH_KIND_OPEN_URL = 3,
    /**
     * Read the record of `key`. Answer: `mcp_oauth_machine_stored`.
     */
    MCP_OAUTH_KIND_LOAD = 4,
    /**
     * Write `record` under `key`, if the store holds the generation `expected`. Answer: `mcp_oauth_machine_stored`, once
     * it is durable.
     */
    MCP_OAUTH_KIND_SAVE = 5,
    /**
     * Remove the record of `key`, if the store holds the generation `expected`. Answer: `mcp_oauth_machine_stored`.
     */
    MCP_OAUTH_KIND_DELETE = 6,
    /**
     * Ask the person or the configuration for a client registered with `issuer`. Answer:
     * `mcp_oauth_machine_client_provided` or `mcp_oauth_machine_declined`.
     */
    MCP_OAUTH_KIND_ASK_FOR_CLIENT = 7,
    /**
     * Do nothing until `deadline_ms`, since another process is refreshing the tokens. Answer: `mcp_oauth_machine_tick`, not
     * before then; or `mcp_oauth_machine_store_changed`, if you learn of it earlier.
     */
    MCP_OAUTH_KIND_WAIT = 8,
    /**
     * Sign `input`, with a key that you keep. Answer: `mcp_oauth_machine_signed` or `mcp_oauth_machine_declined`.
     */
    MCP_OAUTH_KIND_SIGN = 9,
    /**
     * Give an assertion that somebody else has issued. Answer: `mcp_oauth_machine_assertion_provided` or
     * `mcp_oauth_machine_declined`.
     */
    MCP_OAUTH_KIND_FETCH_ASSERTION = 10,
    /**
     * Show the person `user_code` and where to enter it, on any device (RFC 8628 §3.3). Answer: `mcp_oauth_machine_tick`, not
     * before `deadline_ms`; or `mcp_oauth_machine_declined`. The same code may be shown again: the person needs no new one.
     */
    MCP_OAUTH_KIND_SHOW_CODE = 11,
    /**
     * At rest: no tokens are held, and nobody has asked for any. This number and all above are rests.
     */
    MCP_OAUTH_KIND_IDLE = 32,
    /**
     * At rest: tokens are held.
     */
    MCP_OAUTH_KIND_AUTHORIZED = 33,
    /**
     * At rest: the credentials were forgotten.
     */
    MCP_OAUTH_KIND_SIGNED_OUT = 34,
    /**
     * At rest: the last flow ended without new tokens. Tokens held before may still be good:
     * `mcp_oauth_machine_request_headers` knows.
     */
    MCP_OAUTH_KIND_FAILED = 35,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_kind mcp_oauth_kind;
#else
typedef int32_t mcp_oauth_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which addresses requests may reach, from narrow to wide.
 */
enum mcp_oauth_reach
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No request.
     */
    MCP_OAUTH_REACH_NONE = 0,
    /**
     * Public addresses only.
     */
    MCP_OAUTH_REACH_PUBLIC = 1,
    /**
     * Private networks and shared (carrier-grade NAT) space too.
     */
    MCP_OAUTH_REACH_PRIVATE = 2,
    /**
     * Loopback too; the only reach at which plain http is possible.
     */
    MCP_OAUTH_REACH_LOOPBACK = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_reach mcp_oauth_reach;
#else
typedef int32_t mcp_oauth_reach;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The two kinds of record.
 */
enum mcp_oauth_slot
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No record.
     */
    MCP_OAUTH_SLOT_NONE = 0,
    /**
     * A half-finished sign-in, found by the `state` of its callback.
     */
    MCP_OAUTH_SLOT_FLOW = 1,
    /**
     * Client credentials, tokens and scopes of one account at one MCP server.
     */
    MCP_OAUTH_SLOT_GRANT = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_slot mcp_oauth_slot;
#else
typedef int32_t mcp_oauth_slot;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whose fault a failure is.
 */
enum mcp_oauth_fault
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No failure.
     */
    MCP_OAUTH_FAULT_NONE = 0,
    /**
     * The MCP server or its authorization server broke the rules, or refused.
     */
    MCP_OAUTH_FAULT_SERVER = 1,
    /**
     * The configuration of this client does not fit the server.
     */
    MCP_OAUTH_FAULT_CONFIGURATION = 2,
    /**
     * A person is needed, or said no.
     */
    MCP_OAUTH_FAULT_USER = 3,
    /**
     * The network, or a passing fault of a server.
     */
    MCP_OAUTH_FAULT_NETWORK = 4,
    /**
     * The host's store, randomness or clock.
     */
    MCP_OAUTH_FAULT_HOST = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_fault mcp_oauth_fault;
#else
typedef int32_t mcp_oauth_fault;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What to do about a failure.
 */
enum mcp_oauth_advice
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No failure.
     */
    MCP_OAUTH_ADVICE_NONE = 0,
    /**
     * Try again, not before `retry_after_ms` milliseconds have passed.
     */
    MCP_OAUTH_ADVICE_RETRY_AFTER = 1,
    /**
     * Begin a new sign-in; nothing else is lost.
     */
    MCP_OAUTH_ADVICE_RESTART = 2,
    /**
     * Change the configuration: trying again as it is will fail again.
     */
    MCP_OAUTH_ADVICE_RECONFIGURE = 3,
    /**
     * Bring a person: they must sign in, or decide.
     */
    MCP_OAUTH_ADVICE_ASK_USER = 4,
    /**
     * Give up on this server: it is wrong or hostile.
     */
    MCP_OAUTH_ADVICE_STOP = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_advice mcp_oauth_advice;
#else
typedef int32_t mcp_oauth_advice;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How to sign (RFC 7518 §3.1, RFC 8037 §3.1).
 */
enum mcp_oauth_algorithm
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing is to be signed.
     */
    MCP_OAUTH_ALGORITHM_NONE = 0,
    /**
     * `ES256`: ECDSA with P-256 and SHA-256. The signature is R and S, 32 bytes each, and no DER.
     */
    MCP_OAUTH_ALGORITHM_ES256 = 1,
    /**
     * `RS256`: RSASSA-PKCS1-v1_5 with SHA-256.
     */
    MCP_OAUTH_ALGORITHM_RS256 = 2,
    /**
     * `PS256`: RSASSA-PSS with SHA-256.
     */
    MCP_OAUTH_ALGORITHM_PS256 = 3,
    /**
     * `EdDSA`: Ed25519.
     */
    MCP_OAUTH_ALGORITHM_ED_DSA = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_algorithm mcp_oauth_algorithm;
#else
typedef int32_t mcp_oauth_algorithm;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a request to the MCP server should carry.
 */
enum mcp_oauth_credentials
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The call failed: look at its status.
     */
    MCP_OAUTH_CREDENTIALS_NONE = 0,
    /**
     * Send `authorization`.
     */
    MCP_OAUTH_CREDENTIALS_READY = 1,
    /**
     * The token has expired or soon will: give the machine `mcp_oauth_machine_refresh`, run it, and ask again.
     */
    MCP_OAUTH_CREDENTIALS_REFRESH_DUE = 2,
    /**
     * Nothing: no token is held, or none for this URL. Send the request without.
     */
    MCP_OAUTH_CREDENTIALS_ABSENT = 3,
    /**
     * Send `authorization`, and the `DPoP` header field that `mcp_oauth_dpop_proof` makes of `input` and its signature: for
     * this request alone. Ask again for a repetition.
     */
    MCP_OAUTH_CREDENTIALS_SIGN = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_credentials mcp_oauth_credentials;
#else
typedef int32_t mcp_oauth_credentials;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What an assertion is (RFC 8693 §3).
 */
enum mcp_oauth_assertion_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A JWT of a workload's platform.
     */
    MCP_OAUTH_ASSERTION_KIND_JWT = 1,
    /**
     * An OpenID Connect ID token.
     */
    MCP_OAUTH_ASSERTION_KIND_ID_TOKEN = 2,
    /**
     * A refresh token of the identity provider, to be taken in place of an ID token.
     */
    MCP_OAUTH_ASSERTION_KIND_REFRESH_TOKEN = 3,
    /**
     * A SAML 2.0 assertion, in base64url.
     */
    MCP_OAUTH_ASSERTION_KIND_SAML2 = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_assertion_kind mcp_oauth_assertion_kind;
#else
typedef int32_t mcp_oauth_assertion_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A way to authenticate the client at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`).
 */
enum mcp_oauth_auth_method
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Chosen by what the server supports.
     */
    MCP_OAUTH_AUTH_METHOD_UNSAID = 0,
    /**
     * `none`: a public client.
     */
    MCP_OAUTH_AUTH_METHOD_NONE = 1,
    /**
     * `client_secret_basic`.
     */
    MCP_OAUTH_AUTH_METHOD_CLIENT_SECRET_BASIC = 2,
    /**
     * `client_secret_post`.
     */
    MCP_OAUTH_AUTH_METHOD_CLIENT_SECRET_POST = 3,
    /**
     * `private_key_jwt`: an assertion signed with the client key (RFC 7523 §2.2).
     */
    MCP_OAUTH_AUTH_METHOD_PRIVATE_KEY_JWT = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_auth_method mcp_oauth_auth_method;
#else
typedef int32_t mcp_oauth_auth_method;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a callback reached the host.
 */
enum mcp_oauth_callback_form
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * What a listener that already checked the path received after the `?`.
     */
    MCP_OAUTH_CALLBACK_FORM_QUERY = 1,
    /**
     * The whole URL that the browser or the operating system handed over.
     */
    MCP_OAUTH_CALLBACK_FORM_URL = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_callback_form mcp_oauth_callback_form;
#else
typedef int32_t mcp_oauth_callback_form;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a request got no answer.
 */
enum mcp_oauth_cause
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The name did not resolve.
     */
    MCP_OAUTH_CAUSE_DNS = 1,
    /**
     * No connection.
     */
    MCP_OAUTH_CAUSE_CONNECT = 2,
    /**
     * The TLS handshake or the certificate failed.
     */
    MCP_OAUTH_CAUSE_TLS = 3,
    /**
     * The resolved address lies outside the request's reach.
     */
    MCP_OAUTH_CAUSE_BLOCKED = 4,
    /**
     * The time limit passed; the server may have acted.
     */
    MCP_OAUTH_CAUSE_TIMEOUT = 5,
    /**
     * The connection broke after the request went out; the server may have acted.
     */
    MCP_OAUTH_CAUSE_INTERRUPTED = 6,
    /**
     * The answer was larger than the limit; the server has acted.
     */
    MCP_OAUTH_CAUSE_TOO_LARGE = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_cause mcp_oauth_cause;
#else
typedef int32_t mcp_oauth_cause;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whether tokens are bound to a key of yours, so that a thief cannot use them (RFC 9449).
 */
enum mcp_oauth_dpop_use
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No.
     */
    MCP_OAUTH_DPOP_USE_NEVER = 1,
    /**
     * Where the authorization server says that it can, or the resource demands it.
     */
    MCP_OAUTH_DPOP_USE_WHEN_SUPPORTED = 2,
    /**
     * Always: a token that is not bound is refused.
     */
    MCP_OAUTH_DPOP_USE_ALWAYS = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_dpop_use mcp_oauth_dpop_use;
#else
typedef int32_t mcp_oauth_dpop_use;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Settings that are on or off.
 */
enum mcp_oauth_flag_setting
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Whether to register dynamically where the server offers it. Default: on.
     */
    MCP_OAUTH_FLAG_SETTING_DYNAMIC_REGISTRATION = 1,
    /**
     * Whether to ask the host for a client when nothing else is left. Default: off.
     */
    MCP_OAUTH_FLAG_SETTING_ASK_FOR_CLIENT = 2,
    /**
     * Whether a private-use URI scheme may be the redirect URI (RFC 8252 §7.1). Default: off.
     */
    MCP_OAUTH_FLAG_SETTING_PRIVATE_SCHEME_REDIRECT = 3,
    /**
     * Whether to add `offline_access` where the authorization server lists it. Default: on.
     */
    MCP_OAUTH_FLAG_SETTING_OFFLINE_ACCESS = 4,
    /**
     * Whether to refuse authorization servers that do not identify themselves in responses (RFC 9207). Default: off.
     */
    MCP_OAUTH_FLAG_SETTING_REQUIRE_ISSUER_IDENTIFICATION = 5,
    /**
     * Deviation, stricter: ignore a challenge's metadata URL on another origin. Default: off, like the following ones.
     */
    MCP_OAUTH_FLAG_SETTING_SAME_ORIGIN_METADATA = 6,
    /**
     * Deviation: go on where the server does not say which PKCE methods it supports.
     */
    MCP_OAUTH_FLAG_SETTING_ASSUME_S256 = 7,
    /**
     * Deviation: send no `resource` parameter at all.
     */
    MCP_OAUTH_FLAG_SETTING_OMIT_RESOURCE = 8,
    /**
     * Deviation: when a refresh is refused with `invalid_request` or `invalid_target`, try once more without `resource`.
     */
    MCP_OAUTH_FLAG_SETTING_RETRY_REFRESH_WITHOUT_RESOURCE = 9,
    /**
     * Deviation: use `/authorize`, `/token` and `/register` of a server that publishes no metadata (2025-03-26).
     */
    MCP_OAUTH_FLAG_SETTING_DEFAULT_ENDPOINTS = 10,
    /**
     * Deviation, stricter: refuse endpoints on another origin than the issuer.
     */
    MCP_OAUTH_FLAG_SETTING_SAME_ORIGIN_ENDPOINTS = 11,
    /**
     * Deviation: use the grant `MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED` though the server does not list the profile of it.
     */
    MCP_OAUTH_FLAG_SETTING_ASSUME_ID_JAG = 12,
    /**
     * Whether to hand the authorization request over beforehand where the server offers that (RFC 9126). Where it demands
     * that, it is done in any case. Default: off.
     */
    MCP_OAUTH_FLAG_SETTING_PUSHED_AUTHORIZATION = 13,
    /**
     * Whether a sign-out tells the authorization server (RFC 7009). Default: on.
     */
    MCP_OAUTH_FLAG_SETTING_REVOKE_ON_SIGN_OUT = 14,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_flag_setting mcp_oauth_flag_setting;
#else
typedef int32_t mcp_oauth_flag_setting;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How tokens are got (RFC 6749 §1.3).
 */
enum mcp_oauth_grant_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A user signs in, in a browser (RFC 6749 §4.1).
     */
    MCP_OAUTH_GRANT_TYPE_AUTHORIZATION_CODE = 1,
    /**
     * A user signs in, in the browser of another device (RFC 8628).
     */
    MCP_OAUTH_GRANT_TYPE_DEVICE_CODE = 2,
    /**
     * The client itself is authorized (SEP-1046, RFC 6749 §4.4). Needs a client registered beforehand, with a secret or the
     * client key.
     */
    MCP_OAUTH_GRANT_TYPE_CLIENT_CREDENTIALS = 3,
    /**
     * The workload is known to its platform (SEP-1933, RFC 7523 §2.1). Needs the authorization server or a client registered
     * beforehand.
     */
    MCP_OAUTH_GRANT_TYPE_WORKLOAD_IDENTITY = 4,
    /**
     * The user is known to the identity provider of their enterprise (SEP-990, RFC 8693). Needs that, and a client registered
     * beforehand or a client ID metadata document.
     */
    MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_grant_type mcp_oauth_grant_type;
#else
typedef int32_t mcp_oauth_grant_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Settings that are lists of text.
 */
enum mcp_oauth_list_setting
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Scopes to ask for instead of those that the server names.
     */
    MCP_OAUTH_LIST_SETTING_SCOPES = 1,
    /**
     * The redirect URIs that the client ID metadata document lists.
     */
    MCP_OAUTH_LIST_SETTING_CLIENT_DOCUMENT_REDIRECT_URIS = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_list_setting mcp_oauth_list_setting;
#else
typedef int32_t mcp_oauth_list_setting;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Settings that are numbers.
 */
enum mcp_oauth_number_setting
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A `mcp_oauth_reach`: which addresses requests may reach. Default: what the server URL itself is.
     */
    MCP_OAUTH_NUMBER_SETTING_REACH = 1,
    /**
     * How long before expiry a token counts as due for refresh, in milliseconds. Default: 60000.
     */
    MCP_OAUTH_NUMBER_SETTING_REFRESH_SKEW_MS = 2,
    /**
     * How long a sign-in may take before it is given up, in milliseconds. Default: 600000.
     */
    MCP_OAUTH_NUMBER_SETTING_SIGN_IN_TIMEOUT_MS = 3,
    /**
     * A client registered beforehand: a `mcp_oauth_auth_method`. Default: what the server supports.
     */
    MCP_OAUTH_NUMBER_SETTING_PREREGISTERED_AUTH_METHOD = 4,
    /**
     * A `mcp_oauth_grant_type`: how tokens are got. Default: a user signs in, in a browser.
     */
    MCP_OAUTH_NUMBER_SETTING_GRANT = 5,
    /**
     * A `mcp_oauth_dpop_use`: whether tokens are bound to a key of yours (RFC 9449). Default: never.
     */
    MCP_OAUTH_NUMBER_SETTING_DPOP = 6,
    /**
     * The client ID metadata document: `MCP_OAUTH_AUTH_METHOD_NONE`, or `_PRIVATE_KEY_JWT` with the client key, which the
     * document names too. Default: none.
     */
    MCP_OAUTH_NUMBER_SETTING_CLIENT_DOCUMENT_AUTH_METHOD = 7,
    /**
     * Who knows the user: a `mcp_oauth_auth_method` of the client there. Default: its secret, if there is one.
     */
    MCP_OAUTH_NUMBER_SETTING_IDENTITY_PROVIDER_AUTH_METHOD = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_number_setting mcp_oauth_number_setting;
#else
typedef int32_t mcp_oauth_number_setting;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Settings that are pairs of texts.
 */
enum mcp_oauth_pair_setting
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A further parameter of the authorization request: name and value. Each call adds one.
     */
    MCP_OAUTH_PAIR_SETTING_AUTHORIZE_PARAMETER = 1,
    /**
     * A further parameter of token requests: name and value. Each call adds one.
     */
    MCP_OAUTH_PAIR_SETTING_TOKEN_PARAMETER = 2,
    /**
     * Deviation `pinned_issuer`: the issuer asked for, and the issuer that its metadata publishes instead.
     */
    MCP_OAUTH_PAIR_SETTING_PINNED_ISSUER = 3,
    /**
     * The public half of a key that tokens are bound to: the authorization server that it is for, or empty for all for which
     * no other key is; and the key as a JWK. The private one stays with you. Each call adds one. `mcp_oauth_config_new` tells
     * of a key that it cannot use, and of one that should have stayed private.
     */
    MCP_OAUTH_PAIR_SETTING_DPOP_KEY = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_pair_setting mcp_oauth_pair_setting;
#else
typedef int32_t mcp_oauth_pair_setting;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a host declined an action.
 */
enum mcp_oauth_refusal
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A person is needed and none is there (headless host).
     */
    MCP_OAUTH_REFUSAL_NEEDS_USER = 1,
    /**
     * The person said no.
     */
    MCP_OAUTH_REFUSAL_DENIED = 2,
    /**
     * The host tried and could not.
     */
    MCP_OAUTH_REFUSAL_UNABLE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_refusal mcp_oauth_refusal;
#else
typedef int32_t mcp_oauth_refusal;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the host's store did.
 */
enum mcp_oauth_store_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Answer to LOAD: the record's bytes as they were saved.
     */
    MCP_OAUTH_STORE_RESULT_LOADED = 1,
    /**
     * Answer to LOAD: there is no record.
     */
    MCP_OAUTH_STORE_RESULT_NOTHING = 2,
    /**
     * Answer to Save and DELETE: done, durably.
     */
    MCP_OAUTH_STORE_RESULT_DONE = 3,
    /**
     * Answer to Save and DELETE: the store holds another generation than expected; nothing was changed.
     */
    MCP_OAUTH_STORE_RESULT_CONFLICT = 4,
    /**
     * The store could not be read or written.
     */
    MCP_OAUTH_STORE_RESULT_FAILED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_store_result mcp_oauth_store_result;
#else
typedef int32_t mcp_oauth_store_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Settings that are text. Each is described where the value goes; what is not set has the default said there.
 */
enum mcp_oauth_text_setting
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The MCP server's URL, as the user gave it. The one setting without a default.
     */
    MCP_OAUTH_TEXT_SETTING_SERVER_URL = 1,
    /**
     * `client_name` of a dynamic registration: plain, and without the brand of any server. Default: `MCP client`.
     */
    MCP_OAUTH_TEXT_SETTING_CLIENT_NAME = 2,
    /**
     * `client_uri` of a dynamic registration.
     */
    MCP_OAUTH_TEXT_SETTING_CLIENT_URI = 3,
    /**
     * `logo_uri` of a dynamic registration.
     */
    MCP_OAUTH_TEXT_SETTING_LOGO_URI = 4,
    /**
     * `software_id` of a dynamic registration.
     */
    MCP_OAUTH_TEXT_SETTING_SOFTWARE_ID = 5,
    /**
     * `software_version` of a dynamic registration.
     */
    MCP_OAUTH_TEXT_SETTING_SOFTWARE_VERSION = 6,
    /**
     * Signed statement about the client software (RFC 7591 §2.3). Needs the authorization server. Secret.
     */
    MCP_OAUTH_TEXT_SETTING_SOFTWARE_STATEMENT = 7,
    /**
     * Bearer token for a protected registration endpoint (RFC 7591 §1.2). Needs the authorization server. Secret.
     */
    MCP_OAUTH_TEXT_SETTING_INITIAL_ACCESS_TOKEN = 8,
    /**
     * The redirect URI to listen on; port 0 stands for any free port. Default: `http://127.0.0.1:0/callback`.
     */
    MCP_OAUTH_TEXT_SETTING_REDIRECT_URI = 9,
    /**
     * Which of several authorization servers to use.
     */
    MCP_OAUTH_TEXT_SETTING_AUTHORIZATION_SERVER = 10,
    /**
     * `MCP-Protocol-Version` to send with discovery requests. Default: `2026-07-28`.
     */
    MCP_OAUTH_TEXT_SETTING_PROTOCOL_VERSION = 11,
    /**
     * `User-Agent` to send. Default: the name and version of this library.
     */
    MCP_OAUTH_TEXT_SETTING_USER_AGENT = 12,
    /**
     * A client registered beforehand: the issuer that it is registered with. Needs the client identifier too.
     */
    MCP_OAUTH_TEXT_SETTING_PREREGISTERED_ISSUER = 13,
    /**
     * A client registered beforehand: its identifier. Needs the issuer too.
     */
    MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_ID = 14,
    /**
     * A client registered beforehand: its secret, if there is one. Secret.
     */
    MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_SECRET = 15,
    /**
     * A client registered beforehand: where the user signs in, if known. Needs the token endpoint too; then no discovery
     * happens.
     */
    MCP_OAUTH_TEXT_SETTING_PREREGISTERED_AUTHORIZATION_ENDPOINT = 16,
    /**
     * A client registered beforehand: where codes and refresh tokens are redeemed, if known.
     */
    MCP_OAUTH_TEXT_SETTING_PREREGISTERED_TOKEN_ENDPOINT = 17,
    /**
     * With endpoints: the resource to ask tokens for. Default: the server URL without its query.
     */
    MCP_OAUTH_TEXT_SETTING_PREREGISTERED_RESOURCE = 18,
    /**
     * The URL of a client ID metadata document that you publish, which is the client identifier. Needs its redirect URIs.
     */
    MCP_OAUTH_TEXT_SETTING_CLIENT_DOCUMENT_URL = 19,
    /**
     * Deviation `allow_resource`: a `resource` of the metadata to accept although it does not cover the server URL.
     */
    MCP_OAUTH_TEXT_SETTING_ALLOW_RESOURCE = 20,
    /**
     * Deviation `extra_iss`: a further `iss` to accept in the authorization response.
     */
    MCP_OAUTH_TEXT_SETTING_EXTRA_ISS = 21,
    /**
     * The public half of the key that signs client assertions (`private_key_jwt`), as a JWK; the private one stays with you.
     * `mcp_oauth_config_new` tells of a key that it cannot use, and of one that should have stayed private.
     */
    MCP_OAUTH_TEXT_SETTING_CLIENT_KEY = 22,
    /**
     * `typ` of client assertions: `JWT`, or `client-authentication+jwt` where the server is known to want that. Default:
     * `JWT`.
     */
    MCP_OAUTH_TEXT_SETTING_ASSERTION_TYP = 23,
    /**
     * For `MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED`, who knows the user: its identifier. Needs the next two as well.
     */
    MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_ISSUER = 24,
    /**
     * Who knows the user: where an identity is exchanged.
     */
    MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_TOKEN_ENDPOINT = 25,
    /**
     * Who knows the user: the client that the user has signed in to there.
     */
    MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_ID = 26,
    /**
     * Who knows the user: that client's secret, if there is one. Secret.
     */
    MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_SECRET = 27,
    /**
     * For `MCP_OAUTH_GRANT_TYPE_WORKLOAD_IDENTITY`: the audience of the assertion. Default: the token endpoint.
     */
    MCP_OAUTH_TEXT_SETTING_WORKLOAD_AUDIENCE = 28,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mcp_oauth_text_setting mcp_oauth_text_setting;
#else
typedef int32_t mcp_oauth_text_setting;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Settings that were checked: immutable, for any number of machines and threads at once. Machines share it by a count of
 * references, so you may free yours as soon as you have made them.
 */
typedef struct mcp_oauth_config mcp_oauth_config;

/**
 * The client half of MCP authorization for one account at one MCP server.
 */
typedef struct mcp_oauth_machine mcp_oauth_machine;

/**
 * The sign-ins that wait for a callback in this process, each found by its `state`, once: for a listener that serves several,
 * a deep-link handler or a gateway. What it answers to a state that it does not know, to one that was used before and to one
 * that has expired is the same: nothing.
 *
 * With each of them it keeps a number of yours, the place of the sign-in in a table for instance.
 */
typedef struct mcp_oauth_pending mcp_oauth_pending;

/**
 * Settings that are being written down. `mcp_oauth_config_new` checks them.
 */
typedef struct mcp_oauth_settings mcp_oauth_settings;

/**
 * Bytes that somebody else owns: text is UTF-8, without a NUL at its end. `data` is NULL for what is absent; what is there
 * but empty has a `data` that is not NULL. Going in, both mean empty unless a function says otherwise.
 */
typedef struct {
    /**
     * The first byte.
     */
    const uint8_t *data;
    /**
     * How many there are.
     */
    size_t len;
} mcp_oauth_slice;

/**
 * Bytes that you own, and give back with `mcp_oauth_buffer_free`. Secret, unless a function says otherwise.
 */
typedef struct {
    /**
     * The first byte; NULL if there is nothing.
     */
    uint8_t *data;
    /**
     * How many there are. Leave it as it is.
     */
    size_t len;
} mcp_oauth_buffer;

/**
 * What is wrong with settings. Static text.
 */
typedef struct {
    /**
     * The setting at fault.
     */
    mcp_oauth_slice field;
    /**
     * What is wrong with it.
     */
    mcp_oauth_slice problem;
} mcp_oauth_config_error;

/**
 * A header field. Values going out may be credentials: keep them out of logs.
 */
typedef struct {
    /**
     * Field name: going out in lower case, coming in in any case.
     */
    mcp_oauth_slice name;
    /**
     * Field value.
     */
    mcp_oauth_slice value;
} mcp_oauth_header;

/**
 * What became of an event and what to do now. Every slice is borrowed from the machine and valid until its next event
 * function or its end. What does not apply is zero.
 */
typedef struct {
    /**
     * Of the action: goes back with its answer. 0 at rest.
     */
    uint64_t id;
    /**
     * When `mcp_oauth_machine_tick` is due, in milliseconds since the Unix epoch; 0 for never.
     */
    uint64_t deadline_ms;
    /**
     * HTTP: milliseconds for the whole exchange, name resolution to last byte.
     */
    uint64_t timeout_ms;
    /**
     * HTTP: bytes of body to read at most; more are `MCP_OAUTH_CAUSE_TOO_LARGE`.
     */
    uint64_t max_body_bytes;
    /**
     * SAVE, DELETE: the generation that the store must hold now; 0 for no record.
     */
    uint64_t expected;
    /**
     * SAVE: the generation of the new record, also inside `record`.
     */
    uint64_t generation;
    /**
     * SAVE, SHOW_CODE: when the record or the code is worth nothing any more, in milliseconds since the Unix epoch; 0 for
     * never.
     */
    uint64_t expires_at_ms;
    /**
     * FAILED: how long to wait, where `advice` is to wait.
     */
    uint64_t retry_after_ms;
    /**
     * HTTP: all header fields to send. Add none that identify the user.
     */
    const mcp_oauth_header *headers;
    /**
     * HTTP: how many header fields there are.
     */
    size_t header_count;
    /**
     * What the machine is doing: a stable name.
     */
    mcp_oauth_slice phase;
    /**
     * HTTP: `GET` or `POST`.
     */
    mcp_oauth_slice method;
    /**
     * HTTP: where to. OPEN_URL: what to open; secret there, since it carries `state`.
     */
    mcp_oauth_slice url;
    /**
     * HTTP: what the request is for, a stable name. SIGN: what the signature is for, `client_assertion` or `dpop_proof`.
     * FETCH_ASSERTION: whom it must speak of, `workload` for this process or `identity` for the user.
     */
    mcp_oauth_slice purpose;
    /**
     * HTTP: the body. Secret.
     */
    mcp_oauth_slice body;
    /**
     * BIND_REDIRECT: the URI that would be best, where port 0 stands for any. OPEN_URL: where the callback will arrive.
     * ASK_FOR_CLIENT: what the client must have been registered with.
     */
    mcp_oauth_slice redirect_uri;
    /**
     * OPEN_URL, SHOW_CODE: whose page the user will see. ASK_FOR_CLIENT: whom the client must be registered with. SIGN: whom
     * the key is used with. FETCH_ASSERTION: who will get the assertion, and alone may have issued one of an identity.
     */
    mcp_oauth_slice issuer;
    /**
     * OPEN_URL: what the callback will carry as `state`. Secret.
     */
    mcp_oauth_slice state;
    /**
     * OPEN_URL, SHOW_CODE: all scopes asked for, separated by spaces.
     */
    mcp_oauth_slice scopes;
    /**
     * OPEN_URL: those of them that no earlier grant covered.
     */
    mcp_oauth_slice new_scopes;
    /**
     * LOAD, SAVE, DELETE: the name of the record, printable ASCII.
     */
    mcp_oauth_slice key;
    /**
     * SAVE: the bytes to keep. Secret.
     */
    mcp_oauth_slice record;
    /**
     * SIGN: the bytes to sign, ASCII. Secret.
     */
    mcp_oauth_slice input;
    /**
     * SIGN: which key, by the SHA-256 thumbprint of its public half in base64url (RFC 7638).
     */
    mcp_oauth_slice thumbprint;
    /**
     * SIGN: the key's own name; absent if it has none.
     */
    mcp_oauth_slice key_id;
    /**
     * FETCH_ASSERTION: the audience that it must name; for an identity, the client that the user has signed in to.
     */
    mcp_oauth_slice audience;
    /**
     * SHOW_CODE: what the person enters. Nobody else may see it.
     */
    mcp_oauth_slice user_code;
    /**
     * SHOW_CODE: where the person enters it: https, or http on loopback.
     */
    mcp_oauth_slice verification_uri;
    /**
     * SHOW_CODE: the same with the code in it, to be opened by a click or shown as a QR code; absent if there is none. Show
     * the code beside it all the same, so that the person can compare. Nobody else may see it.
     */
    mcp_oauth_slice verification_uri_complete;
    /**
     * FAILED: the stable name of what happened.
     */
    mcp_oauth_slice code;
    /**
     * FAILED: where in the flow it happened, a stable name.
     */
    mcp_oauth_slice stage;
    /**
     * FAILED: the clause that it rests on.
     */
    mcp_oauth_slice clause;
    /**
     * FAILED: all of it in words, safe to print.
     */
    mcp_oauth_slice text;
    /**
     * FAILED: the server's own error code, made safe to show.
     */
    mcp_oauth_slice server_code;
    /**
     * FAILED: the server's own words, made safe to show; untrusted.
     */
    mcp_oauth_slice server_text;
    /**
     * FAILED: what it is about, an issuer, a member of a document or a cause.
     */
    mcp_oauth_slice subject;
    /**
     * FAILED: what should have come, where two values were compared.
     */
    mcp_oauth_slice wanted;
    /**
     * FAILED: what came instead.
     */
    mcp_oauth_slice received;
    /**
     * What became of the event.
     */
    mcp_oauth_outcome outcome;
    /**
     * Why the event changed nothing.
     */
    mcp_oauth_ignored ignored;
    /**
     * What to do now, or where the machine came to rest.
     */
    mcp_oauth_kind kind;
    /**
     * Whether the redirect URI that was bound must be listened on: 1, or 0.
     */
    uint32_t awaits_redirect;
    /**
     * HTTP: which addresses the name may resolve to.
     */
    mcp_oauth_reach reach;
    /**
     * LOAD, SAVE, DELETE: which kind of record.
     */
    mcp_oauth_slot slot;
    /**
     * FAILED: whose fault it is.
     */
    mcp_oauth_fault fault;
    /**
     * FAILED: what to do about it.
     */
    mcp_oauth_advice advice;
    /**
     * FAILED: the HTTP status that the server answered with, if that matters.
     */
    uint32_t http_status;
    /**
     * SIGN: how to sign.
     */
    mcp_oauth_algorithm algorithm;
    /**
     * FETCH_ASSERTION: whether the last one was refused, so that only a newer one helps: 1, or 0.
     */
    uint32_t renew;
    /**
     * Always 0.
     */
    uint32_t reserved;
} mcp_oauth_step;

/**
 * A decision of the machine, and why it was made. Without secrets.
 */
typedef struct {
    /**
     * When, in milliseconds since the Unix epoch.
     */
    uint64_t at_ms;
    /**
     * Its stable name.
     */
    mcp_oauth_slice name;
    /**
     * The clause that it rests on.
     */
    mcp_oauth_slice clause;
    /**
     * Which deviation or rule of kindness relaxed a check; absent if none did.
     */
    mcp_oauth_slice deviation;
    /**
     * In words.
     */
    mcp_oauth_slice text;
} mcp_oauth_trace_entry;

/**
 * The answer of `mcp_oauth_machine_request_headers`. What does not apply is zero.
 */
typedef struct {
    /**
     * READY, SIGN: the token's generation, to be given back with `mcp_oauth_machine_challenge`.
     */
    uint64_t generation;
    /**
     * READY, SIGN: the value of the `Authorization` header field. Secret. Borrowed from the machine until its next event
     * function.
     */
    mcp_oauth_slice authorization;
    /**
     * SIGN: the bytes to sign, ASCII. Secret. Borrowed like the following ones from the machine until the next call of
     * `mcp_oauth_machine_request_headers`, or its end; event functions leave them as they are.
     */
    mcp_oauth_slice input;
    /**
     * SIGN: which key, by the SHA-256 thumbprint of its public half in base64url (RFC 7638).
     */
    mcp_oauth_slice thumbprint;
    /**
     * SIGN: the key's own name; absent if it has none.
     */
    mcp_oauth_slice key_id;
    /**
     * SIGN: the authorization server whose token it is.
     */
    mcp_oauth_slice issuer;
    /**
     * What to send.
     */
    mcp_oauth_credentials credentials;
    /**
     * SIGN: how to sign.
     */
    mcp_oauth_algorithm algorithm;
} mcp_oauth_request_headers;

/**
 * Tokens that you got by yourself, with everything that they must not be parted from: you vouch for it. Its slices are read
 * during the call alone.
 */
typedef struct {
    /**
     * When the access token expires, in milliseconds since the Unix epoch; 0 if that is not known.
     */
    uint64_t expires_at_ms;
    /**
     * Who issued them.
     */
    mcp_oauth_slice issuer;
    /**
     * Where they are refreshed.
     */
    mcp_oauth_slice token_endpoint;
    /**
     * The client that they were issued to.
     */
    mcp_oauth_slice client_id;
    /**
     * Its secret; absent if there is none. Secret.
     */
    mcp_oauth_slice client_secret;
    /**
     * The access token, of type Bearer. Secret.
     */
    mcp_oauth_slice access_token;
    /**
     * The refresh token; absent if there is none. Secret.
     */
    mcp_oauth_slice refresh_token;
    /**
     * The scopes granted, separated by spaces.
     */
    mcp_oauth_slice scope;
    /**
     * The resource that they are for; absent: the MCP server's own URL.
     */
    mcp_oauth_slice resource;
    /**
     * How the client authenticates: a `mcp_oauth_auth_method`.
     */
    int32_t auth_method;
    /**
     * Always 0.
     */
    uint32_t reserved;
} mcp_oauth_provided_tokens;

/**
 * What one authorization server gave.
 */
typedef struct {
    /**
     * When the access token expires, in milliseconds since the Unix epoch; 0 if the server did not say.
     */
    uint64_t expires_at_ms;
    /**
     * Its identifier.
     */
    mcp_oauth_slice issuer;
    /**
     * How the client came by its identifier: `preregistered`, `document` or `dynamic`; absent if there is none.
     */
    mcp_oauth_slice client_kind;
    /**
     * The scopes granted, separated by spaces.
     */
    mcp_oauth_slice scopes;
    /**
     * Whether tokens are held: 1, or 0.
     */
    uint32_t has_tokens;
    /**
     * Whether a refresh token is among them: 1, or 0.
     */
    uint32_t has_refresh_token;
    /**
     * Whether this is the authorization server in use: 1, or 0.
     */
    uint32_t current;
    /**
     * Always 0.
     */
    uint32_t reserved;
} mcp_oauth_grant_issuer;

/**
 * A stored grant without its secrets. Yours: give it back with `mcp_oauth_grant_free`; its slices go with it.
 */
typedef struct {
    /**
     * The MCP server's URL, as configured when the grant was stored.
     */
    mcp_oauth_slice server_url;
    /**
     * The account; empty for the only one.
     */
    mcp_oauth_slice account;
    /**
     * What each authorization server gave; the one in use first.
     */
    const mcp_oauth_grant_issuer *issuers;
    /**
     * How many authorization servers there are.
     */
    size_t issuer_count;
} mcp_oauth_grant;

/**
 * A pending sign-in without its secrets: what a process that receives a callback needs to know to resume it. Yours: give it
 * back with `mcp_oauth_flow_free`; its slices go with it.
 */
typedef struct {
    /**
     * When the sign-in is given up, in milliseconds since the Unix epoch.
     */
    uint64_t expires_at_ms;
    /**
     * The MCP server's URL, as configured when the sign-in began.
     */
    mcp_oauth_slice server_url;
    /**
     * The account; empty for the only one.
     */
    mcp_oauth_slice account;
} mcp_oauth_flow;

/**
 * A sign-in that waited.
 */
typedef struct {
    /**
     * Your number.
     */
    uint64_t value;
    /**
     * Whether there was one: 1, or 0.
     */
    uint32_t found;
    /**
     * Always 0.
     */
    uint32_t reserved;
} mcp_oauth_waiting;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the interface that the loaded library speaks: compare it with `MCP_OAUTH_ABI_VERSION`.
 */
uint32_t mcp_oauth_abi_version(void);

/**
 * The version of the library, as `1.2.3`. Static text.
 */
mcp_oauth_slice mcp_oauth_version(void);

/**
 * A status in words, for logs. Static text: yours to read for as long as the library is loaded. Empty for a number that is
 * no status.
 */
mcp_oauth_slice mcp_oauth_status_text(int32_t status);

/**
 * Overwrites a buffer of this library with zeros, frees it and clears the two members. An empty one and NULL are fine.
 */
void mcp_oauth_buffer_free(mcp_oauth_buffer *buffer);

/**
 * New settings, all with their defaults. Give them back with `mcp_oauth_settings_free`.
 */
mcp_oauth_status mcp_oauth_settings_new(mcp_oauth_settings **out);

/**
 * Frees settings and sets `*settings` to NULL. Configurations made from them live on.
 */
mcp_oauth_status mcp_oauth_settings_free(mcp_oauth_settings **settings);

/**
 * Sets a `mcp_oauth_text_setting`. The text is copied.
 */
mcp_oauth_status mcp_oauth_settings_text(mcp_oauth_settings *settings, int32_t setting, mcp_oauth_slice value);

/**
 * Turns a `mcp_oauth_flag_setting` on (anything but 0) or off (0).
 */
mcp_oauth_status mcp_oauth_settings_flag(mcp_oauth_settings *settings, int32_t setting, int32_t on);

/**
 * Sets a `mcp_oauth_number_setting`.
 */
mcp_oauth_status mcp_oauth_settings_number(mcp_oauth_settings *settings, int32_t setting, uint64_t value);

/**
 * Sets a `mcp_oauth_list_setting` to the empty list, which is not the same as leaving it alone: without scopes, none are
 * asked for.
 */
mcp_oauth_status mcp_oauth_settings_list(mcp_oauth_settings *settings,
                                         int32_t setting);

/**
 * Adds an item to a `mcp_oauth_list_setting`. The text is copied.
 */
mcp_oauth_status mcp_oauth_settings_item(mcp_oauth_settings *settings, int32_t setting, mcp_oauth_slice value);

/**
 * Sets or adds a `mcp_oauth_pair_setting`. The texts are copied.
 */
mcp_oauth_status mcp_oauth_settings_pair(mcp_oauth_settings *settings,
                                         int32_t setting,
                                         mcp_oauth_slice first,
                                         mcp_oauth_slice second);

/**
 * Checks settings; they stay yours and may be used again, unless they were given a key that is none: then begin anew. On
 * `MCP_OAUTH_STATUS_CONFIG`, `error` (which may be NULL) says what is wrong. Give the configuration back with `mcp_oauth_config_free`.
 */
mcp_oauth_status mcp_oauth_config_new(const mcp_oauth_settings *settings,
                                      mcp_oauth_config_error *error,
                                      mcp_oauth_config **out);

/**
 * Gives a configuration back and sets `*config` to NULL. Machines made with it live on.
 */
mcp_oauth_status mcp_oauth_config_free(mcp_oauth_config **config);

/**
 * The MCP server's URL, exactly as configured. Borrowed from the configuration.
 */
mcp_oauth_status mcp_oauth_config_server_url(const mcp_oauth_config *config, mcp_oauth_slice *out);

/**
 * Which addresses requests to the MCP server may reach: a `mcp_oauth_reach`, as configured or as the server URL vouches for.
 */
mcp_oauth_status mcp_oauth_config_reach(const mcp_oauth_config *config,
                                        int32_t *out);

/**
 * Whether a request of this `mcp_oauth_reach` may connect to an address: 4 bytes of IPv4 or 16 of IPv6, most significant
 * first. Check the address that a name resolved to, and connect to that very address.
 */
mcp_oauth_status mcp_oauth_reach_allows_address(int32_t reach,
                                                mcp_oauth_slice address,
                                                bool *out);

/**
 * The answer to `MCP_OAUTH_KIND_SIGN`: the bare signature over the bytes of `input`, as the `mcp_oauth_algorithm` has it.
 * `MCP_OAUTH_STATUS_MISUSE_SIGNATURE` for a length that the algorithm cannot give.
 */
mcp_oauth_status mcp_oauth_machine_signed(mcp_oauth_machine *machine,
                                          uint64_t id,
                                          mcp_oauth_slice signature,
                                          uint64_t now_ms,
                                          mcp_oauth_step *out);

/**
 * A machine that knows nothing yet: its first action reads the stored grant. `account` tells apart several accounts at one
 * server, and is empty for the only one. Give the machine back with `mcp_oauth_machine_free`.
 */
mcp_oauth_status mcp_oauth_machine_new(const mcp_oauth_config *config,
                                       mcp_oauth_slice account,
                                       mcp_oauth_machine **out);

/**
 * The machine that a snapshot describes, or the pending sign-in of a flow record. The bytes stay yours. Give the machine
 * back with `mcp_oauth_machine_free`.
 */
mcp_oauth_status mcp_oauth_machine_resume(const mcp_oauth_config *config,
                                          mcp_oauth_slice account,
                                          mcp_oauth_slice snapshot,
                                          mcp_oauth_machine **out);

/**
 * Frees a machine and sets `*machine` to NULL; what was borrowed from it is gone, its secrets are overwritten.
 * `MCP_OAUTH_STATUS_BUSY`, and nothing happens, if another thread is inside a call with it.
 */
mcp_oauth_status mcp_oauth_machine_free(mcp_oauth_machine **machine);

/**
 * What to do now, without an event: the same until an event advances the machine. Slices of earlier steps stay valid.
 */
mcp_oauth_status mcp_oauth_machine_next(const mcp_oauth_machine *machine, mcp_oauth_step *out);

/**
 * The key of the record in which the grant is kept: what you watch, to tell of a change with
 * `mcp_oauth_machine_store_changed`. Not secret. Borrowed from the machine until its end.
 */
mcp_oauth_status mcp_oauth_machine_grant_key(const mcp_oauth_machine *machine, mcp_oauth_slice *out);

/**
 * Everything, for `mcp_oauth_machine_resume` in this or another process. Yours: free the buffer.
 */
mcp_oauth_status mcp_oauth_machine_snapshot(const mcp_oauth_machine *machine, mcp_oauth_buffer *out);

/**
 * Takes the decisions made since the last call, oldest first. The array and its slices are borrowed from the machine until
 * the next call of this function; those of steps stay valid.
 */
mcp_oauth_status mcp_oauth_machine_take_trace(mcp_oauth_machine *machine,
                                              const mcp_oauth_trace_entry **entries,
                                              size_t *count);

#if defined(MCP_OAUTH_SEEDED)
/**
 * Makes the randomness of a machine that of the transcripts, from the beginning. Only in builds for tests.
 */
mcp_oauth_status mcp_oauth_machine_seed(mcp_oauth_machine *machine, mcp_oauth_slice seed);
#endif

#if defined(MCP_OAUTH_SEEDED)
/**
 * Hands the randomness of one machine on to the one that takes its place. Only in builds for tests.
 */
mcp_oauth_status mcp_oauth_machine_inherit_seed(mcp_oauth_machine *machine, mcp_oauth_machine *earlier);
#endif

/**
 * You want a token now, without waiting for a 401. At rest: refreshes or begins a sign-in if no usable token is held.
 * During a flow: joins it.
 */
mcp_oauth_status mcp_oauth_machine_connect(mcp_oauth_machine *machine, uint64_t now_ms, mcp_oauth_step *out);

/**
 * The MCP server answered a request with 401 or 403; all other statuses are ignored. `www_authenticate` points to the
 * values of all `WWW-Authenticate` lines as received, `generation` is that of the token that the request carried, or 0 if
 * it carried none. At rest: refreshes, steps up or begins a sign-in. During a flow: joins it.
 */
mcp_oauth_status mcp_oauth_machine_challenge(mcp_oauth_machine *machine,
                                             uint32_t status,
                                             const mcp_oauth_slice *www_authenticate,
                                             size_t count,
                                             uint64_t generation,
                                             uint64_t now_ms,
                                             mcp_oauth_step *out);

/**
 * The answer to `MCP_OAUTH_KIND_HTTP`: what the server sent, whatever it is. Of the header fields, the machine reads
 * `location`, `retry-after` and `dpop-nonce`; giving more does no harm. The body is decoded from any content encoding.
 */
mcp_oauth_status mcp_oauth_machine_reply(mcp_oauth_machine *machine,
                                         uint64_t id,
                                         uint32_t status,
                                         const mcp_oauth_header *headers,
                                         size_t header_count,
                                         mcp_oauth_slice body,
                                         uint64_t now_ms,
                                         mcp_oauth_step *out);

/**
 * The answer to `MCP_OAUTH_KIND_HTTP`: there is none, for a `mcp_oauth_cause`.
 */
mcp_oauth_status mcp_oauth_machine_unreachable(mcp_oauth_machine *machine,
                                               uint64_t id,
                                               int32_t cause,
                                               uint64_t now_ms,
                                               mcp_oauth_step *out);

/**
 * The answer to `MCP_OAUTH_KIND_BIND_REDIRECT`: the redirect URI, exactly as it is listened on, port included.
 */
mcp_oauth_status mcp_oauth_machine_redirect_bound(mcp_oauth_machine *machine,
                                                  uint64_t id,
                                                  mcp_oauth_slice uri,
                                                  uint64_t now_ms,
                                                  mcp_oauth_step *out);

/**
 * The user's browser came back, with a whole URL or its query as the `mcp_oauth_callback_form` says. Acts only while
 * `MCP_OAUTH_KIND_OPEN_URL` is outstanding. Anybody can send anything here: the machine checks it.
 */
mcp_oauth_status mcp_oauth_machine_callback(mcp_oauth_machine *machine,
                                            int32_t form,
                                            mcp_oauth_slice text,
                                            uint64_t now_ms,
                                            mcp_oauth_step *out);

/**
 * The answer to `MCP_OAUTH_KIND_ASK_FOR_CLIENT`: a client registered with the issuer that was named. `client_secret` is
 * absent (NULL) if there is none; `auth_method` is a `mcp_oauth_auth_method`.
 */
mcp_oauth_status mcp_oauth_machine_client_provided(mcp_oauth_machine *machine,
                                                   uint64_t id,
                                                   mcp_oauth_slice client_id,
                                                   mcp_oauth_slice client_secret,
                                                   int32_t auth_method,
                                                   uint64_t now_ms,
                                                   mcp_oauth_step *out);

/**
 * You cannot or will not do what you were asked, for a `mcp_oauth_refusal`. Answers `MCP_OAUTH_KIND_BIND_REDIRECT`,
 * `_OPEN_URL`, `_ASK_FOR_CLIENT`, `_SIGN`, `_FETCH_ASSERTION` and `_SHOW_CODE`.
 */
mcp_oauth_status mcp_oauth_machine_declined(mcp_oauth_machine *machine,
                                            uint64_t id,
                                            int32_t refusal,
                                            uint64_t now_ms,
                                            mcp_oauth_step *out);

/**
 * The answer to `MCP_OAUTH_KIND_LOAD`, `_SAVE` and `_DELETE`: a `mcp_oauth_store_result`, with the record if it is
 * `MCP_OAUTH_STORE_RESULT_LOADED`.
 */
mcp_oauth_status mcp_oauth_machine_stored(mcp_oauth_machine *machine,
                                          uint64_t id,
                                          int32_t result,
                                          mcp_oauth_slice record,
                                          uint64_t now_ms,
                                          mcp_oauth_step *out);

/**
 * The store holds another grant than the machine knows of: another process has signed in, refreshed or signed out. `record`
 * is that of `mcp_oauth_machine_grant_key` as you read it just now, absent if there is none. At rest and during
 * `MCP_OAUTH_KIND_WAIT`: adopts it. While a sign-in waits for its user: adopts tokens that serve it, so that the user need not
 * finish. Otherwise ignored: the next access to the store finds out.
 */
mcp_oauth_status mcp_oauth_machine_store_changed(mcp_oauth_machine *machine,
                                                 mcp_oauth_slice record,
                                                 uint64_t now_ms,
                                                 mcp_oauth_step *out);

/**
 * `mcp_oauth_machine_request_headers` said that a refresh is due. At rest with a refresh token: refreshes, if that still is
 * so. Otherwise: joins or ignored.
 */
mcp_oauth_status mcp_oauth_machine_refresh(mcp_oauth_machine *machine,
                                           uint64_t now_ms,
                                           mcp_oauth_step *out);

/**
 * Time has passed: at or after `deadline_ms` it ends a sign-in that nobody finished or a `MCP_OAUTH_KIND_WAIT`, asks whether a
 * `MCP_OAUTH_KIND_SHOW_CODE` has led to a sign-in, or refreshes ahead of expiry. Before it: ignored.
 */
mcp_oauth_status mcp_oauth_machine_tick(mcp_oauth_machine *machine,
                                        uint64_t now_ms,
                                        mcp_oauth_step *out);

/**
 * The person changed their mind: ends the flow under way. At rest: ignored.
 */
mcp_oauth_status mcp_oauth_machine_cancel(mcp_oauth_machine *machine, uint64_t now_ms, mcp_oauth_step *out);

/**
 * Forget the tokens of this account at this server, and unless `forget_client` is 0 the registrations too, so that the
 * next sign-in registers anew. Acts in every phase.
 */
mcp_oauth_status mcp_oauth_machine_sign_out(mcp_oauth_machine *machine,
                                            int32_t forget_client,
                                            uint64_t now_ms,
                                            mcp_oauth_step *out);

/**
 * What a request to the MCP server with this method and URL should carry: the call to make before each one, and before each
 * repetition of it, in any phase. `MCP_OAUTH_STATUS_ENTROPY` where a proof is due and the operating system gives no
 * randomness for it: send nothing.
 */
mcp_oauth_status mcp_oauth_machine_request_headers(mcp_oauth_machine *machine,
                                                   mcp_oauth_slice method,
                                                   mcp_oauth_slice url,
                                                   uint64_t now_ms,
                                                   mcp_oauth_request_headers *out);

/**
 * The value of the `DPoP` header field: the `input` that `mcp_oauth_machine_request_headers` gave, and the bare signature
 * over its bytes by its `mcp_oauth_algorithm`. Yours: free the buffer. Needs no machine, so that you need not hold your lock
 * while you sign. `MCP_OAUTH_STATUS_MISUSE_SIGNATURE` for a length that the algorithm cannot give.
 */
mcp_oauth_status mcp_oauth_dpop_proof(int32_t algorithm,
                                      mcp_oauth_slice input,
                                      mcp_oauth_slice signature,
                                      mcp_oauth_buffer *out);

/**
 * Takes the value of the `DPoP-Nonce` header field of an answer of the MCP server, whatever its status: the next proofs name
 * it (RFC 9449 §9). Give it before the challenge that it came with. One that is malformed is left out. Acts in every phase,
 * and leaves slices as they are.
 */
mcp_oauth_status mcp_oauth_machine_take_nonce(mcp_oauth_machine *machine,
                                              mcp_oauth_slice value);

/**
 * You have tokens that you got elsewhere. At rest: writes and uses them. During a flow: ignored, so cancel it first. On
 * `MCP_OAUTH_STATUS_MISUSE_TOKENS`, `member` (which may be NULL) names the member of `tokens` that cannot be used: static
 * text.
 */
mcp_oauth_status mcp_oauth_machine_tokens_provided(mcp_oauth_machine *machine,
                                                   const mcp_oauth_provided_tokens *tokens,
                                                   uint64_t now_ms,
                                                   mcp_oauth_slice *member,
                                                   mcp_oauth_step *out);

/**
 * The answer to `MCP_OAUTH_KIND_FETCH_ASSERTION`: an assertion, fresh each time, and which `mcp_oauth_assertion_kind` it is.
 * `MCP_OAUTH_STATUS_MISUSE_ASSERTION` if it is empty, too long or not printable ASCII.
 */
mcp_oauth_status mcp_oauth_machine_assertion_provided(mcp_oauth_machine *machine,
                                                      uint64_t id,
                                                      int32_t kind,
                                                      mcp_oauth_slice assertion,
                                                      uint64_t now_ms,
                                                      mcp_oauth_step *out);

/**
 * The key of the pending sign-in that a callback claims to belong to: load its record, and make the machine that takes the
 * callback with `mcp_oauth_machine_resume`, in whatever process it arrives. Yours: free the buffer, which stays empty if
 * the callback carries no `state`. Proves nothing: that machine checks the whole callback. Not secret.
 */
mcp_oauth_status mcp_oauth_key_of_callback(int32_t form,
                                           mcp_oauth_slice text,
                                           mcp_oauth_buffer *out);

/**
 * The key of the grant of an account (empty for the only one) at a server URL. Yours: free the buffer. Not secret.
 */
mcp_oauth_status mcp_oauth_key_of_grant(mcp_oauth_slice account, mcp_oauth_slice server_url, mcp_oauth_buffer *out);

/**
 * The generation inside a record, for stores that keep nothing but the bytes.
 */
mcp_oauth_status mcp_oauth_generation_of(mcp_oauth_slice record, uint64_t *out);

/**
 * Describes a grant record, as a store holds it. Give the description back with `mcp_oauth_grant_free`.
 */
mcp_oauth_status mcp_oauth_describe_grant(mcp_oauth_slice record, mcp_oauth_grant **out);

/**
 * Frees a description and sets `*grant` to NULL.
 */
mcp_oauth_status mcp_oauth_grant_free(mcp_oauth_grant **grant);

/**
 * Describes the record of a pending sign-in, as a store holds it. Give the description back with `mcp_oauth_flow_free`.
 */
mcp_oauth_status mcp_oauth_describe_flow(mcp_oauth_slice record, mcp_oauth_flow **out);

/**
 * Frees a description and sets `*flow` to NULL.
 */
mcp_oauth_status mcp_oauth_flow_free(mcp_oauth_flow **flow);

/**
 * For at most `capacity` sign-ins at once. Give it back with `mcp_oauth_pending_free`.
 */
mcp_oauth_status mcp_oauth_pending_new(size_t capacity, mcp_oauth_pending **out);

/**
 * Forgets all that wait and sets `*pending` to NULL. `MCP_OAUTH_STATUS_BUSY`, and nothing happens, if another thread is
 * inside a call with it.
 */
mcp_oauth_status mcp_oauth_pending_free(mcp_oauth_pending **pending);

/**
 * Remembers a sign-in by the `state` of its `MCP_OAUTH_KIND_OPEN_URL`, until `expires_at_ms`: the `deadline_ms` of that step.
 * What was remembered by the same state before is handed out. `MCP_OAUTH_STATUS_FULL` if none of those that wait has expired;
 * those that have are dropped, so that you ask for them first with `mcp_oauth_pending_take_expired` if you must know.
 */
mcp_oauth_status mcp_oauth_pending_insert(mcp_oauth_pending *pending,
                                          mcp_oauth_slice state,
                                          uint64_t expires_at_ms,
                                          uint64_t value,
                                          uint64_t now_ms,
                                          mcp_oauth_waiting *before);

/**
 * Takes the sign-in that a callback belongs to, given as the `mcp_oauth_callback_form` says; the same callback finds nothing
 * afterwards. Proves nothing but that the state is known: the machine checks the whole callback.
 */
mcp_oauth_status mcp_oauth_pending_take(mcp_oauth_pending *pending,
                                        int32_t form,
                                        mcp_oauth_slice text,
                                        uint64_t now_ms,
                                        mcp_oauth_waiting *out);

/**
 * Takes one that has expired: call it until it finds none.
 */
mcp_oauth_status mcp_oauth_pending_take_expired(mcp_oauth_pending *pending, uint64_t now_ms, mcp_oauth_waiting *out);

/**
 * Forgets a sign-in that has ended otherwise, and hands it out.
 */
mcp_oauth_status mcp_oauth_pending_forget(mcp_oauth_pending *pending, mcp_oauth_slice state, mcp_oauth_waiting *out);

/**
 * How many wait, those that have expired since the last call included.
 */
mcp_oauth_status mcp_oauth_pending_len(const mcp_oauth_pending *pending, size_t *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MCP_OAUTH_H */
