/* Does the example keep what docs/driving.md asks of a driver? Against the servers of MCP_URL. */
#include "host.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "flow.h"
#include "listener.h"

static struct http_request get(const char *url, int32_t reach)
{
    return (struct http_request){
        .method = slice("GET"),
        .url = slice(url),
        .timeout_ms = 5000,
        .max_body_bytes = 1024 * 1024,
        .reach = reach,
    };
}

static void causes(const char *url)
{
    struct http_reply reply;
    struct http_request request = get(url, MCP_OAUTH_REACH_LOOPBACK);
    request.method = slice("POST");
    HOLDS(http_exchange(&request, &reply) == 0 && reply.status == 401);
    HOLDS(http_header(&reply, "www-authenticate").len > 0 && http_header(&reply, "x-none").data == NULL);
    http_reply_free(&reply);
    char document[256];
    snprintf(document, sizeof document, "%.*s/.well-known/oauth-protected-resource/mcp", (int)(strlen(url) - 4), url);
    request = get(document, MCP_OAUTH_REACH_LOOPBACK);
    HOLDS(http_exchange(&request, &reply) == 0 && reply.status == 200 && reply.body.len > 0);
    size_t length = reply.body.len;
    http_reply_free(&reply);
    request.max_body_bytes = length;
    HOLDS(http_exchange(&request, &reply) == 0);
    http_reply_free(&reply);
    request.max_body_bytes = length - 1;
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_TOO_LARGE);
    /* What is checked is the address, whatever name led to it. */
    request = get(url, MCP_OAUTH_REACH_PRIVATE);
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_BLOCKED);
    request = get("http://localhost:9/", MCP_OAUTH_REACH_PUBLIC);
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_BLOCKED);
    request = get("http://127.0.0.1:9/", MCP_OAUTH_REACH_LOOPBACK);
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_CONNECT);
    request = get("http://nowhere.invalid/", MCP_OAUTH_REACH_LOOPBACK);
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_DNS);
    request = get("file:///etc/hostname", MCP_OAUTH_REACH_LOOPBACK);
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_CONNECT);
    char secure[256];
    snprintf(secure, sizeof secure, "https%s", strchr(url, ':'));
    request = get(secure, MCP_OAUTH_REACH_LOOPBACK);
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_TLS);
    struct listener *silent = listener_open(slice("http://127.0.0.1:0/"));
    HOLDS(silent != NULL);
    request = get(listener_uri(silent), MCP_OAUTH_REACH_LOOPBACK);
    request.timeout_ms = 300;
    HOLDS(http_exchange(&request, &reply) == MCP_OAUTH_CAUSE_TIMEOUT);
    listener_close(&silent);
}

/* Sends bytes to the listener as they are; how the answer begins. */
static void *browse(void *data)
{
    static const char *const REQUESTS[] = {
        "POST /callback?code=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
        "GET /other?code=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
        "GET /callback?code=1 HTTP/1.1\r\nHost: evil.example:%u\r\n\r\n",
        "GET /callback?code=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nHost: other\r\n\r\n",
        "GET /callback?code=1 HTTP/1.1\r\n\r\n",
        "GET\r\n\r\n",
        "GET /callback?code=1&state=2 HTTP/1.1\r\nX: y\r\nHost: 127.0.0.1:%u\r\n\r\n",
    };
    static const char *const ANSWERS[] = {
        "HTTP/1.1 405", "HTTP/1.1 404", "HTTP/1.1 421", "HTTP/1.1 421", "HTTP/1.1 421", "HTTP/1.1 400", "HTTP/1.1 200",
    };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*(uint16_t *)data)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* One who has nothing to say holds nobody up. */
    int quiet = socket(AF_INET, SOCK_STREAM, 0);
    HOLDS(connect(quiet, (struct sockaddr *)&address, sizeof address) == 0);
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++) {
        char request[256], answer[2048];
        int length = snprintf(request, sizeof request, REQUESTS[i], (unsigned)*(uint16_t *)data);
        int peer = socket(AF_INET, SOCK_STREAM, 0);
        HOLDS(connect(peer, (struct sockaddr *)&address, sizeof address) == 0);
        /* In two pieces, as a network may deliver it. */
        HOLDS(send(peer, request, 3, 0) == 3);
        usleep(20000);
        HOLDS(send(peer, request + 3, (size_t)length - 3, 0) == length - 3);
        ssize_t got = recv(peer, answer, sizeof answer - 1, MSG_WAITALL);
        HOLDS(got > 0);
        answer[got] = '\0';
        HOLDS(strncmp(answer, ANSWERS[i], strlen(ANSWERS[i])) == 0 && strstr(answer, "state=2") == NULL);
        close(peer);
    }
    close(quiet);
    return NULL;
}

struct scribbling {
    uint16_t port;
    atomic_bool done;
};

/* Whoever sends anything at all, in pieces that end anywhere, learns nothing and breaks nothing. */
static void *scribble(void *data)
{
    static const char *const PIECES[] = {"GET ", "/callback", "?code=1", " HTTP/1.1", "\r\n", "Host:",   " 127.0.0.1",
                                         "\r",   "\n",        ":",       "\xff\xfe",  "POST", "\r\n\r\n"};
    struct scribbling *scribbling = data;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(scribbling->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    unsigned seed = 1;
    for (int i = 0; i < 500; i++) {
        int peer = socket(AF_INET, SOCK_STREAM, 0);
        HOLDS(connect(peer, (struct sockaddr *)&address, sizeof address) == 0);
        for (int pieces = rand_r(&seed) % 12; pieces > 0; pieces--) {
            const char *piece = PIECES[(size_t)rand_r(&seed) % (sizeof PIECES / sizeof *PIECES)];
            size_t length = strlen(piece) + (size_t)(rand_r(&seed) % 8 == 0);
            if (send(peer, piece, length, MSG_NOSIGNAL) < 0)
                break;
        }
        close(peer);
    }
    scribbling->done = true;
    return NULL;
}

static void the_way_back(void)
{
    static const char *const NOWHERE[] = {"https://app.example.com/callback", "http://10.0.0.1:0/",
                                          "com.example.app:/cb", "http://127.0.0.1.evil.example/",
                                          "http://127.0.0.1:70000/"};
    for (size_t i = 0; i < sizeof NOWHERE / sizeof *NOWHERE; i++)
        HOLDS(listener_open(slice(NOWHERE[i])) == NULL);
    struct listener *listener = listener_open(slice("http://127.0.0.1:0/callback")), *both = NULL;
    HOLDS(listener != NULL);
    uint16_t port = (uint16_t)atoi(strrchr(listener_uri(listener), ':') + 1);
    HOLDS(port != 0);
    /* A port that is taken is given up for another. */
    both = listener_open(slice(listener_uri(listener)));
    HOLDS(both != NULL && strcmp(listener_uri(both), listener_uri(listener)) != 0);
    listener_close(&both);
    both = listener_open(slice("http://localhost:0/callback"));
    HOLDS(both != NULL && strncmp(listener_uri(both), "http://localhost:", 17) == 0);
    listener_close(&both);
    HOLDS(listener_wait(listener, 50) == NULL);
    pthread_t browser, scribbler;
    struct scribbling scribbling = {.port = port};
    HOLDS(pthread_create(&scribbler, NULL, scribble, &scribbling) == 0);
    while (!scribbling.done)
        HOLDS(listener_wait(listener, 50) == NULL);
    HOLDS(pthread_join(scribbler, NULL) == 0);
    HOLDS(pthread_create(&browser, NULL, browse, &port) == 0);
    char *query = listener_wait(listener, 10000);
    HOLDS(query != NULL && strcmp(query, "code=1&state=2") == 0);
    forget(query);
    HOLDS(pthread_join(browser, NULL) == 0);
    listener_close(&listener);
    HOLDS(listener == NULL);
}

static mcp_oauth_step record(uint64_t expected, uint64_t generation, char *bytes, size_t size)
{
    int length =
        snprintf(bytes, size, "{\"format\":\"x\",\"version\":1,\"generation\":%u,\"body\":{}}", (unsigned)generation);
    return (mcp_oauth_step){
        .kind = MCP_OAUTH_KIND_SAVE,
        .slot = MCP_OAUTH_SLOT_GRANT,
        .key = slice("grant/one"),
        .expected = expected,
        .generation = generation,
        .record = {(uint8_t *)bytes, (size_t)length},
    };
}

static int32_t load(struct store *store)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    int32_t result = store->load(store, slice("grant/one"), &bytes, &length);
    free(bytes);
    return result;
}

static void files(const char *folder)
{
    char bytes[128], path[4200];
    struct stat status;
    struct store *store = file_store_open(folder);
    HOLDS(store != NULL && load(store) == MCP_OAUTH_STORE_RESULT_NOTHING);
    mcp_oauth_step first = record(0, 1, bytes, sizeof bytes);
    HOLDS(store->save(store, &first) == MCP_OAUTH_STORE_RESULT_DONE && load(store) == MCP_OAUTH_STORE_RESULT_LOADED);
    HOLDS(store->save(store, &first) == MCP_OAUTH_STORE_RESULT_CONFLICT);
    mcp_oauth_step late = record(7, 8, bytes, sizeof bytes), second = record(1, 2, bytes, sizeof bytes);
    HOLDS(store->save(store, &late) == MCP_OAUTH_STORE_RESULT_CONFLICT);
    HOLDS(store->save(store, &second) == MCP_OAUTH_STORE_RESULT_DONE);
    HOLDS(store->remove(store, &second) == MCP_OAUTH_STORE_RESULT_CONFLICT);
    second.expected = 2;
    HOLDS(store->remove(store, &second) == MCP_OAUTH_STORE_RESULT_DONE);
    HOLDS(store->remove(store, &second) == MCP_OAUTH_STORE_RESULT_CONFLICT);
    HOLDS(load(store) == MCP_OAUTH_STORE_RESULT_NOTHING);
    /* What cannot be read is not thrown away. */
    snprintf(path, sizeof path, "%s/grant-one", folder);
    FILE *damaged = fopen(path, "w");
    HOLDS(damaged != NULL && fputs("damaged", damaged) >= 0 && fclose(damaged) == 0);
    first = record(0, 1, bytes, sizeof bytes);
    HOLDS(store->save(store, &first) == MCP_OAUTH_STORE_RESULT_FAILED);
    HOLDS(stat(path, &status) == 0 && status.st_size == 7);
    store->free(store);
    /* A folder that others could look into is closed to them. */
    HOLDS(chmod(folder, 0755) == 0);
    store = file_store_open(folder);
    HOLDS(store != NULL && stat(folder, &status) == 0 && (status.st_mode & 0777) == 0700);
    store->free(store);
    HOLDS(file_store_open(path) == NULL);
}

static int32_t junk;

static int32_t junk_load(struct store *store, mcp_oauth_slice key, uint8_t **record, size_t *length)
{
    (void)store;
    (void)key;
    (void)record;
    (void)length;
    return junk;
}

static int32_t junk_write(struct store *store, const mcp_oauth_step *step)
{
    (void)store;
    (void)step;
    return junk;
}

/* A store that answers what nobody asked it is a store that failed. */
static void a_store_out_of_its_mind(const char *url)
{
    struct store store = {junk_load, junk_write, junk_write, NULL};
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_config *config = NULL;
    OK(mcp_oauth_settings_new(&settings));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SERVER_URL, slice(url)));
    OK(mcp_oauth_config_new(settings, NULL, &config));
    OK(mcp_oauth_settings_free(&settings));
    for (junk = -1; junk < 7; junk++) {
        struct host *host = host_new(config, "", &store, HOST_HEADLESS);
        HOLDS(host != NULL && !host_sign_in(host));
        HOLDS(host_step(host)->kind == MCP_OAUTH_KIND_FAILED && host_step(host)->text.len > 0);
        host_free(&host);
        HOLDS(host == NULL);
    }
    OK(mcp_oauth_config_free(&config));
}

int main(void)
{
    const char *url = getenv("MCP_URL");
    char folder[] = P_tmpdir "/mcp-oauth-test-XXXXXX", inside[64], command[96];
    HOLDS(url != NULL && mkdtemp(folder) != NULL);
    snprintf(inside, sizeof inside, "%s/store", folder);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    causes(url);
    the_way_back();
    files(inside);
    a_store_out_of_its_mind(url);
    curl_global_cleanup();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    HOLDS(system(command) == 0);
    puts("the example keeps what is asked of a driver");
    return 0;
}
