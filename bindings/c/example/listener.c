/* How is the redirect received on this machine, and nothing else let in? */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"

enum { MAX_SOCKETS = 2, MAX_CONNECTIONS = 16, MAX_HEAD_BYTES = 32 * 1024, MAX_HOST = 32 };

/* How long a connection may take, all in all. */
static const uint64_t CONNECTION_MS = 10000;

/* Somebody who has connected: a browser, as often as not one that has nothing to say yet. */
struct connection {
    int socket;
    uint64_t since;
    size_t used;
    char *head;
};

struct listener {
    /* One for each family: `localhost` is either, as the browser likes. */
    int sockets[MAX_SOCKETS];
    struct connection connections[MAX_CONNECTIONS];
    char *uri, *path;
    /* As browsers write it: without the port where it is the scheme's own. */
    char authority[MAX_HOST];
};

/* The same for a good callback, a failed one and a forged one: it can tell nobody anything, and reflects nothing. */
static const char PAGE[] = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign-in</title>"
                           "<p>You can close this window and go back to the program that opened it.</p></html>\n";

static int listen_at(int family, uint16_t port, uint16_t *got)
{
    int file = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0)
        return -1;
    int on = 1;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t length = family == AF_INET ? sizeof v4 : sizeof v6;
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(file, address, length) != 0 || listen(file, SOMAXCONN) != 0 || getsockname(file, address, &length) != 0) {
        int problem = errno;
        close(file);
        errno = problem;
        return -1;
    }
    *got = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
    return file;
}

/* Takes the port on loopback, for both families where the host is `localhost`: nobody else may have the other one. */
static bool bind_all(struct listener *listener, const char *host, uint16_t wanted, uint16_t *port)
{
    bool v6 = strcmp(host, "[::1]") == 0, both = strcmp(host, "localhost") == 0;
    for (int attempt = 0; attempt < 8; attempt++) {
        uint16_t again;
        listener->sockets[0] = listen_at(v6 ? AF_INET6 : AF_INET, wanted, port);
        if (listener->sockets[0] < 0)
            return false;
        if (!both)
            return true;
        listener->sockets[1] = listen_at(AF_INET6, *port, &again);
        if (listener->sockets[1] >= 0 || errno != EADDRINUSE)
            return true;
        close(listener->sockets[0]);
        listener->sockets[0] = -1;
        if (wanted != 0)
            return false;
    }
    return false;
}

/* Takes `http://HOST[:PORT][/PATH][?QUERY]` apart; what comes after the port is kept as it is. */
static const char *read_uri(const char *uri, char host[MAX_HOST], uint16_t *port)
{
    static const char *const HOSTS[] = {"127.0.0.1", "[::1]", "localhost"};
    if (strncmp(uri, "http://", 7) != 0)
        return NULL;
    const char *authority = uri + 7, *rest = authority + strcspn(authority, "/?");
    for (size_t i = 0; i < sizeof HOSTS / sizeof *HOSTS; i++) {
        size_t length = strlen(HOSTS[i]);
        if (strncmp(authority, HOSTS[i], length) != 0)
            continue;
        char *end = (char *)authority + length;
        unsigned long number = 80;
        if (*end == ':')
            number = strtoul(end + 1, &end, 10);
        if (end != rest || number > UINT16_MAX)
            continue;
        snprintf(host, MAX_HOST, "%s", HOSTS[i]);
        *port = (uint16_t)number;
        return rest;
    }
    return NULL;
}

struct listener *listener_open(mcp_oauth_slice redirect_uri)
{
    char host[MAX_HOST];
    uint16_t port = 0;
    char *wanted = text_of(redirect_uri);
    const char *rest = wanted == NULL ? NULL : read_uri(wanted, host, &port);
    struct listener *listener = rest == NULL ? NULL : calloc(1, sizeof *listener);
    if (listener == NULL) {
        free(wanted);
        return NULL;
    }
    for (size_t i = 0; i < MAX_SOCKETS; i++)
        listener->sockets[i] = -1;
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        listener->connections[i].socket = -1;
    if (bind_all(listener, host, port, &port) || bind_all(listener, host, 0, &port)) {
        snprintf(listener->authority, MAX_HOST, port == 80 ? "%s" : "%s:%u", host, (unsigned)port);
        size_t length = strlen(listener->authority) + strlen(rest) + sizeof "http://";
        listener->uri = malloc(length);
        /* An empty path is a slash for browsers (RFC 9110 §4.2.3). */
        listener->path = *rest == '/' ? strndup(rest, strcspn(rest, "?")) : strdup("/");
        if (listener->uri != NULL)
            snprintf(listener->uri, length, "http://%s%s", listener->authority, rest);
    }
    free(wanted);
    if (listener->uri == NULL || listener->path == NULL)
        listener_close(&listener);
    return listener;
}

const char *listener_uri(const struct listener *listener)
{
    return listener->uri;
}

static void hang_up(struct connection *connection)
{
    close(connection->socket);
    forget(connection->head);
    *connection = (struct connection){.socket = -1};
}

static void answer(struct connection *connection, const char *status, const char *page)
{
    char head[512];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
                          "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
                          "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                          "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                          status, strlen(page));
    /* It fits into any send buffer; who does not read it has no page. */
    send(connection->socket, head, (size_t)length, MSG_NOSIGNAL | MSG_MORE);
    send(connection->socket, page, strlen(page), MSG_NOSIGNAL);
    shutdown(connection->socket, SHUT_WR);
    hang_up(connection);
}

/* Whether the one Host field is ours, among fields that end with an empty line: another name that leads to loopback is
 * DNS rebinding, or somebody's mistake. */
static bool is_here(const struct listener *listener, const char *fields)
{
    int hosts = 0;
    bool ours = false;
    for (const char *line = fields; *line != '\r'; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "host:", 5) != 0)
            continue;
        const char *value = line + 5 + strspn(line + 5, " \t");
        size_t length = strcspn(value, " \t\r\n");
        hosts++;
        ours = length == strlen(listener->authority) && strncasecmp(value, listener->authority, length) == 0;
    }
    return hosts == 1 && ours;
}

/* Reads a whole request head; the query of a callback, or NULL after telling the browser off. */
static char *judge(const struct listener *listener, struct connection *connection)
{
    char *method = connection->head, *target = strchr(method, ' ');
    char *end = target == NULL ? NULL : strpbrk(target + 1, " \r\n");
    char *fields = strstr(method, "\r\n");
    if (end == NULL || *end != ' ' || strncmp(end, " HTTP/1.", 8) != 0) {
        answer(connection, "400 Bad Request", "");
        return NULL;
    }
    *target++ = *end = '\0';
    char *query = strchr(target, '?');
    if (query != NULL)
        *query++ = '\0';
    if (!is_here(listener, fields + 2)) {
        answer(connection, "421 Misdirected Request", "");
    } else if (strcmp(target, listener->path) != 0) {
        answer(connection, "404 Not Found", "");
    } else if (strcmp(method, "GET") != 0) {
        answer(connection, "405 Method Not Allowed\r\nAllow: GET", "");
    } else {
        char *callback = strdup(query == NULL ? "" : query);
        answer(connection, "200 OK", PAGE);
        return callback;
    }
    return NULL;
}

static void let_in(struct listener *listener, int peer)
{
    fcntl(peer, F_SETFD, FD_CLOEXEC);
    fcntl(peer, F_SETFL, O_NONBLOCK);
    struct connection *place = NULL;
    for (size_t i = 0; place == NULL && i < MAX_CONNECTIONS; i++)
        if (listener->connections[i].socket < 0)
            place = &listener->connections[i];
    char *head = place == NULL ? NULL : calloc(1, MAX_HEAD_BYTES + 1);
    if (head == NULL)
        close(peer);
    else
        *place = (struct connection){.socket = peer, .since = now_ms(), .head = head};
}

static char *hear(struct listener *listener, struct connection *connection)
{
    ssize_t got = recv(connection->socket, connection->head + connection->used, MAX_HEAD_BYTES - connection->used, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            hang_up(connection);
        return NULL;
    }
    connection->used += (size_t)got;
    if (strstr(connection->head, "\r\n\r\n") != NULL)
        return judge(listener, connection);
    if (connection->used == MAX_HEAD_BYTES)
        answer(connection, "431 Request Header Fields Too Large", "");
    return NULL;
}

char *listener_wait(struct listener *listener, uint64_t wait_ms)
{
    uint64_t start = now_ms();
    for (uint64_t now = start; now - start < wait_ms; now = now_ms()) {
        struct pollfd polled[MAX_SOCKETS + MAX_CONNECTIONS];
        for (size_t i = 0; i < MAX_SOCKETS; i++)
            polled[i] = (struct pollfd){.fd = listener->sockets[i], .events = POLLIN};
        for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
            struct connection *connection = &listener->connections[i];
            if (connection->socket >= 0 && now - connection->since > CONNECTION_MS)
                hang_up(connection);
            polled[MAX_SOCKETS + i] = (struct pollfd){.fd = connection->socket, .events = POLLIN};
        }
        uint64_t left = wait_ms - (now - start);
        if (poll(polled, MAX_SOCKETS + MAX_CONNECTIONS, left < 1000 ? (int)left : 1000) <= 0)
            continue;
        for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
            char *callback = polled[MAX_SOCKETS + i].revents == 0 ? NULL : hear(listener, &listener->connections[i]);
            if (callback != NULL)
                return callback;
        }
        for (size_t i = 0; i < MAX_SOCKETS; i++)
            for (int peer; polled[i].revents != 0 && (peer = accept(listener->sockets[i], NULL, NULL)) >= 0;)
                let_in(listener, peer);
    }
    return NULL;
}

void listener_close(struct listener **closed)
{
    struct listener *listener = *closed;
    *closed = NULL;
    if (listener == NULL)
        return;
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        if (listener->connections[i].socket >= 0)
            hang_up(&listener->connections[i]);
    for (size_t i = 0; i < MAX_SOCKETS; i++)
        if (listener->sockets[i] >= 0)
            close(listener->sockets[i]);
    free(listener->uri);
    free(listener->path);
    free(listener);
}
