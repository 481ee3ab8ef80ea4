/* What do the parts of the replay share? tests/transcripts/README.md says what a transcript is. */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include <json-c/json.h>
#include <mcp_oauth.h>
#include <stdbool.h>

/* A name of the transcripts and the number of the interface that it stands for. */
struct named {
    const char *name;
    int32_t number;
};

extern const struct named REACHES[], METHODS[];

/* A transcript that is being replayed. */
struct replay {
    mcp_oauth_config *config;
    mcp_oauth_machine *machine;
    mcp_oauth_slice account;
    uint64_t now;
    /* The `state` of the last URL opened. */
    char *state;
    /* The records saved last. */
    mcp_oauth_buffer flow, grant;
    /* Assertions and the like, which no snapshot may hold. */
    json_object *fleeting;
    /* Which step it is at, counted from 1. */
    size_t step;
    /* What is wrong; empty if nothing is. */
    char problem[65536];
};

/* Says what is wrong, if nothing was before. Always false. */
bool fail(struct replay *replay, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number of a name, or 0. */
int32_t number_of(const struct named *names, const char *name);
/* The name of a number, or NULL. */
const char *name_of(const struct named *names, int32_t number);

mcp_oauth_slice slice_of(const char *text);
/* Of a JSON string; absent for everything else. Borrowed. */
mcp_oauth_slice json_slice(json_object *value);
json_object *json_text(mcp_oauth_slice text);
/* A member, or NULL. Borrowed. */
json_object *member(json_object *object, const char *name);
bool same_bytes(mcp_oauth_slice one, mcp_oauth_slice other);
mcp_oauth_slice contents(mcp_oauth_buffer buffer);

/* Writes the members of `settings` into the settings of the interface. */
bool write_settings(json_object *settings, mcp_oauth_settings *into, struct replay *replay);

/* Gives an event, `{state}` already replaced; the outcome as transcripts write it down, or NULL. */
json_object *feed(struct replay *replay, json_object *event, json_object *id);

/* A signature of the transcripts: so many bytes that are all the same. To be freed. */
mcp_oauth_buffer signature_of(size_t length);
/* The beginning of any such signature in a token. */
extern const char SIGNATURE[];
/* What is to be signed, as transcripts write it down; without a purpose and an issuer. */
json_object *to_sign(mcp_oauth_slice input, mcp_oauth_algorithm algorithm, mcp_oauth_slice thumbprint,
                     mcp_oauth_slice key_id);
/* What a request should carry, as transcripts write it down. */
json_object *request_headers(struct replay *replay, json_object *question);

/* What the machine wants, as transcripts write it down. */
json_object *render(const mcp_oauth_step *step);
/* Whether two steps want the same to the last byte. */
bool same_next(const mcp_oauth_step *one, const mcp_oauth_step *other);

/* Replays one file; false with a problem. */
bool replay_file(const char *path, struct replay *replay);

#endif
