/* How are the slices of the interface made and copied? */
#ifndef BYTES_H
#define BYTES_H

#include <mcp_oauth.h>
#include <stdbool.h>

/* The text without its NUL. */
mcp_oauth_slice slice(const char *text);
/* A copy that ends with NUL, to be freed with `forget`; NULL without memory. */
char *text_of(mcp_oauth_slice slice);
/* Whether the bytes are those of the text. */
bool is(mcp_oauth_slice slice, const char *text);
/* Overwrites and frees text that may be secret; NULL is fine. */
void forget(char *text);
/* Now, as the interface counts. */
uint64_t now_ms(void);

#endif
