/* How is a tool called over MCP's streamable HTTP, as far as an example needs it? */
#include "mcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

static mcp_oauth_slice copied(mcp_oauth_slice value, char *place, size_t size)
{
    size_t length = value.len < size ? value.len : 0;
    if (length > 0)
        memcpy(place, value.data, length);
    place[length] = '\0';
    return slice(place);
}

/* The JSON-RPC answer in a body: the body itself, or the data of the last event in a stream of them. */
static json_object *answer_in(const struct http_reply *reply)
{
    char *text = text_of(reply->body);
    const char *answer = text;
    mcp_oauth_slice type = http_header(reply, "content-type");
    if (text != NULL && type.len >= 17 && memcmp(type.data, "text/event-stream", 17) == 0) {
        answer = NULL;
        for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
            line += *line == '\n' ? 1 : 0;
            if (strncmp(line, "data:", 5) == 0)
                answer = line + 5;
        }
    }
    json_object *message = answer == NULL ? NULL : json_tokener_parse(answer);
    forget(text);
    return message;
}

static bool post(struct mcp *mcp, json_object *message, struct http_reply *reply)
{
    int32_t reach = host_reach(mcp->host);
    mcp_oauth_header headers[4] = {
        {slice("content-type"), slice("application/json")},
        {slice("accept"), slice("application/json, text/event-stream")},
    };
    size_t count = 2;
    if (mcp->version[0] != '\0')
        headers[count++] = (mcp_oauth_header){slice("mcp-protocol-version"), slice(mcp->version)};
    if (mcp->session[0] != '\0')
        headers[count++] = (mcp_oauth_header){slice("mcp-session-id"), slice(mcp->session)};
    struct http_request request = {
        .method = slice("POST"),
        .url = slice(mcp->url),
        .headers = headers,
        .header_count = count,
        .body = slice(json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN)),
        .timeout_ms = 60000,
        .max_body_bytes = 16 * 1024 * 1024,
        .reach = reach,
    };
    return host_send(mcp->host, &request, reply);
}

static json_object *message_of(const char *method, json_object *params)
{
    json_object *message = json_object_new_object();
    json_object_object_add(message, "jsonrpc", json_object_new_string("2.0"));
    json_object_object_add(message, "method", json_object_new_string(method));
    if (params != NULL)
        json_object_object_add(message, "params", params);
    return message;
}

json_object *mcp_call(struct mcp *mcp, const char *method, json_object *params)
{
    struct http_reply reply;
    json_object *message = message_of(method, params), *answer = NULL, *result = NULL;
    json_object_object_add(message, "id", json_object_new_int(++mcp->last_id));
    if (post(mcp, message, &reply)) {
        if (reply.status == 200)
            answer = answer_in(&reply);
        mcp_oauth_slice session = http_header(&reply, "mcp-session-id");
        if (session.data != NULL)
            copied(session, mcp->session, sizeof mcp->session);
        if (!json_object_object_get_ex(answer, "result", &result))
            fprintf(stderr, "%s: HTTP status %u\n", method, (unsigned)reply.status);
        http_reply_free(&reply);
    } else {
        fprintf(stderr, "%s: no answer\n", method);
    }
    json_object_get(result);
    json_object_put(answer);
    json_object_put(message);
    return result;
}

bool mcp_open(struct mcp *mcp, struct host *host, const char *url)
{
    *mcp = (struct mcp){.host = host, .url = url};
    json_object *params = json_tokener_parse("{\"protocolVersion\": \"2025-11-25\", \"capabilities\": {},"
                                             " \"clientInfo\": {\"name\": \"example\", \"version\": \"1\"}}");
    json_object *result = mcp_call(mcp, "initialize", params), *version = NULL;
    if (result == NULL)
        return false;
    if (json_object_object_get_ex(result, "protocolVersion", &version))
        copied(slice(json_object_get_string(version)), mcp->version, sizeof mcp->version);
    json_object_put(result);
    struct http_reply reply;
    json_object *message = message_of("notifications/initialized", NULL);
    bool good = post(mcp, message, &reply);
    if (good)
        http_reply_free(&reply);
    json_object_put(message);
    return good;
}
