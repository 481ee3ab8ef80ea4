/* How is one request sent within its limits? */
#include "http.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "bytes.h"

/* More header fields than any server needs. */
enum { MAX_FIELDS = 256 };

/* One exchange under way. */
struct exchange {
    const struct http_request *request;
    struct http_reply *reply;
    size_t capacity;
    bool blocked, connected, too_large, no_memory;
};

static mcp_oauth_slice copy(const char *data, size_t length)
{
    char *text = text_of((mcp_oauth_slice){(const uint8_t *)data, length});
    return (mcp_oauth_slice){(uint8_t *)text, text == NULL ? 0 : length};
}

static void wipe(mcp_oauth_slice *bytes)
{
    if (bytes->data != NULL)
        explicit_bzero((void *)bytes->data, bytes->len);
    free((void *)bytes->data);
    *bytes = (mcp_oauth_slice){NULL, 0};
}

static void clear_headers(struct http_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        wipe(&reply->headers[i].name);
        wipe(&reply->headers[i].value);
    }
    reply->header_count = 0;
}

/* The address is checked here, after the name was resolved and before anything is sent: what is checked is what is
 * connected to (MCP security best practices, SSRF). curl tries the name's next address when this one is refused. */
static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct exchange *exchange = data;
    mcp_oauth_slice bytes = {NULL, 0};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (address->family == AF_INET) {
        memcpy(&v4, &address->addr, sizeof v4);
        bytes = (mcp_oauth_slice){(const uint8_t *)&v4.sin_addr, sizeof v4.sin_addr};
    } else if (address->family == AF_INET6 && address->addrlen >= sizeof v6) {
        memcpy(&v6, &address->addr, sizeof v6);
        bytes = (mcp_oauth_slice){(const uint8_t *)&v6.sin6_addr, sizeof v6.sin6_addr};
    }
    bool allowed = false;
    mcp_oauth_reach_allows_address(exchange->request->reach, bytes, &allowed);
    if (!allowed) {
        exchange->blocked = true;
        return CURL_SOCKET_BAD;
    }
    exchange->connected = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_header(char *line, size_t size, size_t count, void *data)
{
    struct exchange *exchange = data;
    struct http_reply *reply = exchange->reply;
    size_t length = size * count;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* Whatever came before was an interim answer. */
        clear_headers(reply);
        return length;
    }
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || reply->header_count == MAX_FIELDS)
        return length;
    const char *value = colon + 1, *end = line + length;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr("\r\n \t", end[-1]) != NULL)
        end--;
    mcp_oauth_header *field = &reply->headers[reply->header_count++];
    field->name = copy(line, (size_t)(colon - line));
    field->value = copy(value, (size_t)(end - value));
    return length;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
    struct exchange *exchange = data;
    mcp_oauth_slice *body = &exchange->reply->body;
    size_t length = size * count, most = exchange->request->max_body_bytes;
    if (length > most - body->len) {
        exchange->too_large = true;
        return 0;
    }
    if (body->len + length > exchange->capacity) {
        /* By hand: a copy left behind by realloc is one that nobody wipes. */
        size_t capacity = 2 * (body->len + length);
        uint8_t *larger = malloc(capacity);
        if (larger == NULL) {
            exchange->no_memory = true;
            return 0;
        }
        size_t used = body->len;
        if (used > 0)
            memcpy(larger, body->data, used);
        wipe(body);
        *body = (mcp_oauth_slice){larger, used};
        exchange->capacity = capacity;
    }
    memcpy((uint8_t *)body->data + body->len, bytes, length);
    body->len += length;
    return length;
}

static int32_t cause_of(CURLcode code, const struct exchange *exchange)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_RESOLVE_HOST:
        return MCP_OAUTH_CAUSE_DNS;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ISSUER_ERROR:
        return MCP_OAUTH_CAUSE_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return MCP_OAUTH_CAUSE_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
        return MCP_OAUTH_CAUSE_TOO_LARGE;
    case CURLE_WRITE_ERROR:
        return exchange->too_large ? MCP_OAUTH_CAUSE_TOO_LARGE : MCP_OAUTH_CAUSE_INTERRUPTED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return exchange->blocked && !exchange->connected ? MCP_OAUTH_CAUSE_BLOCKED : MCP_OAUTH_CAUSE_CONNECT;
    default:
        /* Perhaps after the request went out: nobody can tell. */
        return MCP_OAUTH_CAUSE_INTERRUPTED;
    }
}

/* `name: value`, or `name;` for an empty value, as curl wants them. */
static bool add_header(struct curl_slist **list, mcp_oauth_header header)
{
    size_t length = header.name.len + header.value.len + 3;
    char *line = calloc(1, length);
    if (line == NULL)
        return false;
    memcpy(line, header.name.data, header.name.len);
    memcpy(line + header.name.len, header.value.len == 0 ? ";" : ": ", header.value.len == 0 ? 1 : 2);
    if (header.value.len > 0)
        memcpy(line + header.name.len + 2, header.value.data, header.value.len);
    struct curl_slist *longer = curl_slist_append(*list, line);
    forget(line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static void forget_headers(struct curl_slist *list)
{
    for (struct curl_slist *line = list; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(list);
}

static CURLcode send_with(CURL *curl, struct exchange *exchange, const char *url, struct curl_slist *headers)
{
    const struct http_request *request = exchange->request;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_body_bytes);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    if (is(request->method, "POST")) {
        const char *body = request->body.data == NULL ? "" : (const char *)request->body.data;
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    exchange->reply->status = (uint32_t)status;
    char *target = NULL;
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
    if (target != NULL)
        exchange->reply->target = copy(target, strlen(target));
    return code;
}

int32_t http_exchange(const struct http_request *request, struct http_reply *reply)
{
    *reply = (struct http_reply){.headers = calloc(MAX_FIELDS, sizeof *reply->headers)};
    struct exchange exchange = {.request = request, .reply = reply};
    CURL *curl = curl_easy_init();
    char *url = text_of(request->url);
    /* curl waits for a server's "100 Continue" unless it is told not to. */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    bool ready = reply->headers != NULL && curl != NULL && url != NULL && headers != NULL;
    for (size_t i = 0; ready && i < request->header_count; i++)
        ready = add_header(&headers, request->headers[i]);
    int32_t cause = MCP_OAUTH_CAUSE_CONNECT;
    if (ready)
        cause = cause_of(send_with(curl, &exchange, url, headers), &exchange);
    curl_easy_cleanup(curl);
    forget_headers(headers);
    forget(url);
    if (cause != 0)
        http_reply_free(reply);
    return cause;
}

mcp_oauth_slice http_header(const struct http_reply *reply, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < reply->header_count; i++) {
        mcp_oauth_slice field = reply->headers[i].name;
        if (field.len == length && strncasecmp((const char *)field.data, name, length) == 0)
            return reply->headers[i].value;
    }
    return (mcp_oauth_slice){NULL, 0};
}

void http_reply_free(struct http_reply *reply)
{
    if (reply->headers != NULL)
        clear_headers(reply);
    free(reply->headers);
    wipe(&reply->body);
    wipe(&reply->target);
    *reply = (struct http_reply){0};
}
