/* Where are records kept?
 *
 * A store of your own is a structure that begins with this one. Each function is called with a mcp_oauth_step whose
 * `kind` names it, and answers with a mcp_oauth_store_result. Records are secret. */
#ifndef STORE_H
#define STORE_H

#include <mcp_oauth.h>

struct store {
    /* Reads the record of a key: LOADED with bytes to be freed with `free`, NOTHING or FAILED. */
    int32_t (*load)(struct store *store, mcp_oauth_slice key, uint8_t **record, size_t *length);
    /* Writes `step->record`, durably, if the store holds the generation `step->expected` (0: no record): DONE, CONFLICT
     * or FAILED. */
    int32_t (*save)(struct store *store, const mcp_oauth_step *step);
    /* Removes the record of `step->key`, if the store holds the generation `step->expected`: DONE, CONFLICT or FAILED.
     */
    int32_t (*remove)(struct store *store, const mcp_oauth_step *step);
    void (*free)(struct store *store);
};

/* One file of mode 0600 for each record, in a folder of mode 0700 that is made if need be. Not encrypted. NULL if that
 * cannot be had. */
struct store *file_store_open(const char *folder);

#endif
