/* How are the slices of the interface made and copied? */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

mcp_oauth_slice slice(const char *text)
{
    return (mcp_oauth_slice){(const uint8_t *)text, strlen(text)};
}

char *text_of(mcp_oauth_slice slice)
{
    char *text = malloc(slice.len + 1);
    if (text != NULL) {
        if (slice.len > 0)
            memcpy(text, slice.data, slice.len);
        text[slice.len] = '\0';
    }
    return text;
}

bool is(mcp_oauth_slice slice, const char *text)
{
    return slice.len == strlen(text) && (slice.len == 0 || memcmp(slice.data, text, slice.len) == 0);
}

void forget(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
