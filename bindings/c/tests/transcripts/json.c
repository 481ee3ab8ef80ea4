/* How are names, text and JSON turned into each other? */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transcript.h"

const struct named REACHES[] = {
    {"public", MCP_OAUTH_REACH_PUBLIC},
    {"private", MCP_OAUTH_REACH_PRIVATE},
    {"loopback", MCP_OAUTH_REACH_LOOPBACK},
    {NULL, 0},
};

const struct named METHODS[] = {
    {"none", MCP_OAUTH_AUTH_METHOD_NONE},
    {"client_secret_basic", MCP_OAUTH_AUTH_METHOD_CLIENT_SECRET_BASIC},
    {"client_secret_post", MCP_OAUTH_AUTH_METHOD_CLIENT_SECRET_POST},
    {"private_key_jwt", MCP_OAUTH_AUTH_METHOD_PRIVATE_KEY_JWT},
    {NULL, 0},
};

bool fail(struct replay *replay, const char *format, ...)
{
    if (replay->problem[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(replay->problem, sizeof replay->problem, format, arguments);
        va_end(arguments);
    }
    return false;
}

int32_t number_of(const struct named *names, const char *name)
{
    for (; names->name != NULL; names++)
        if (strcmp(names->name, name) == 0)
            return names->number;
    return 0;
}

const char *name_of(const struct named *names, int32_t number)
{
    for (; names->name != NULL; names++)
        if (names->number == number)
            return names->name;
    return NULL;
}

mcp_oauth_slice slice_of(const char *text)
{
    return (mcp_oauth_slice){(const uint8_t *)text, strlen(text)};
}

mcp_oauth_slice json_slice(json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return (mcp_oauth_slice){NULL, 0};
    return (mcp_oauth_slice){(const uint8_t *)json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

json_object *json_text(mcp_oauth_slice text)
{
    return json_object_new_string_len((const char *)text.data, (int)text.len);
}

json_object *member(json_object *object, const char *name)
{
    json_object *value = NULL;
    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &value);
    return value;
}

bool same_bytes(mcp_oauth_slice one, mcp_oauth_slice other)
{
    return (one.data == NULL) == (other.data == NULL) && one.len == other.len &&
           (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

mcp_oauth_slice contents(mcp_oauth_buffer buffer)
{
    return (mcp_oauth_slice){buffer.data, buffer.len};
}
