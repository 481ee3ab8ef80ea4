// How does Go call the library without looking for pointers of its own in what it hands over?
#ifndef MCPOAUTH_LODGING_H
#define MCPOAUTH_LODGING_H

#include <stdlib.h>
#include <mcp_oauth.h>

// A machine and the step that it was last at. It lies in C's memory, where Go need not look for pointers of its own in it.
typedef struct {
	mcp_oauth_machine *machine;
	mcp_oauth_step step;
	mcp_oauth_request_headers headers;
} lodging;

// Texts go in as pointer and length: those, too, hold no pointers that Go would have to look for.
static inline mcp_oauth_slice slice(const uint8_t *data, size_t len) {
	return (mcp_oauth_slice){data, len};
}

static inline void evict(lodging *l) {
	mcp_oauth_machine_free(&l->machine);
	free(l);
}

static inline mcp_oauth_status next(lodging *l) {
	return mcp_oauth_machine_next(l->machine, &l->step);
}

static inline mcp_oauth_status request_headers(lodging *l, const uint8_t *method, size_t method_len, const uint8_t *url,
                                               size_t url_len, uint64_t now_ms) {
	return mcp_oauth_machine_request_headers(l->machine, slice(method, method_len), slice(url, url_len), now_ms, &l->headers);
}

static inline mcp_oauth_status connect_(lodging *l, uint64_t now_ms) {
	return mcp_oauth_machine_connect(l->machine, now_ms, &l->step);
}

static inline mcp_oauth_status challenge(lodging *l, uint32_t status, const mcp_oauth_slice *lines, size_t count,
                                         uint64_t generation, uint64_t now_ms) {
	return mcp_oauth_machine_challenge(l->machine, status, lines, count, generation, now_ms, &l->step);
}

// The header fields that the machine reads, as an array of those that are there.
static inline mcp_oauth_status reply(lodging *l, uint64_t id, uint32_t status, const uint8_t *location, size_t location_len,
                                     const uint8_t *retry_after, size_t retry_after_len, const uint8_t *nonce,
                                     size_t nonce_len, const uint8_t *body, size_t body_len, uint64_t now_ms) {
	const mcp_oauth_header known[] = {
		{slice((const uint8_t *)"location", 8), slice(location, location_len)},
		{slice((const uint8_t *)"retry-after", 11), slice(retry_after, retry_after_len)},
		{slice((const uint8_t *)"dpop-nonce", 10), slice(nonce, nonce_len)},
	};
	mcp_oauth_header headers[3];
	size_t count = 0;
	for (size_t i = 0; i < 3; i++) {
		if (known[i].value.len) {
			headers[count++] = known[i];
		}
	}
	return mcp_oauth_machine_reply(l->machine, id, status, headers, count, slice(body, body_len), now_ms, &l->step);
}

static inline mcp_oauth_status unreachable(lodging *l, uint64_t id, int32_t cause, uint64_t now_ms) {
	return mcp_oauth_machine_unreachable(l->machine, id, cause, now_ms, &l->step);
}

static inline mcp_oauth_status redirect_bound(lodging *l, uint64_t id, const uint8_t *uri, size_t len, uint64_t now_ms) {
	return mcp_oauth_machine_redirect_bound(l->machine, id, slice(uri, len), now_ms, &l->step);
}

static inline mcp_oauth_status callback(lodging *l, int32_t form, const uint8_t *text, size_t len, uint64_t now_ms) {
	return mcp_oauth_machine_callback(l->machine, form, slice(text, len), now_ms, &l->step);
}

static inline mcp_oauth_status client_provided(lodging *l, uint64_t id, const uint8_t *client_id, size_t client_id_len,
                                               const uint8_t *secret, size_t secret_len, int32_t method, uint64_t now_ms) {
	return mcp_oauth_machine_client_provided(l->machine, id, slice(client_id, client_id_len),
	                                         slice(secret_len ? secret : NULL, secret_len), method, now_ms, &l->step);
}

static inline mcp_oauth_status declined(lodging *l, uint64_t id, int32_t refusal, uint64_t now_ms) {
	return mcp_oauth_machine_declined(l->machine, id, refusal, now_ms, &l->step);
}

static inline mcp_oauth_status stored(lodging *l, uint64_t id, int32_t result, const uint8_t *record, size_t len, uint64_t now_ms) {
	return mcp_oauth_machine_stored(l->machine, id, result, slice(record, len), now_ms, &l->step);
}

static inline mcp_oauth_status refresh(lodging *l, uint64_t now_ms) {
	return mcp_oauth_machine_refresh(l->machine, now_ms, &l->step);
}

static inline mcp_oauth_status tick(lodging *l, uint64_t now_ms) {
	return mcp_oauth_machine_tick(l->machine, now_ms, &l->step);
}

static inline mcp_oauth_status cancel(lodging *l, uint64_t now_ms) {
	return mcp_oauth_machine_cancel(l->machine, now_ms, &l->step);
}

static inline mcp_oauth_status sign_out(lodging *l, int32_t forget_client, uint64_t now_ms) {
	return mcp_oauth_machine_sign_out(l->machine, forget_client, now_ms, &l->step);
}

#endif
