#include "ccurl.h"

#ifdef __linux__

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

// The numbers are part of libcurl's stable binary interface (curl/curl.h).
enum {
    OPTION_WRITEDATA = 10001,
    OPTION_URL = 10002,
    OPTION_PROXY = 10004,
    OPTION_POSTFIELDS = 10015,
    OPTION_HTTPHEADER = 10023,
    OPTION_HEADERDATA = 10029,
    OPTION_CUSTOMREQUEST = 10036,
    OPTION_XFERINFODATA = 10057,
    OPTION_OPENSOCKETDATA = 10164,
    OPTION_NOPROGRESS = 43,
    OPTION_FRESH_CONNECT = 74,
    OPTION_FORBID_REUSE = 75,
    OPTION_NOSIGNAL = 99,
    OPTION_TIMEOUT_MS = 155,
    OPTION_PROTOCOLS = 181,
    OPTION_WRITEFUNCTION = 20011,
    OPTION_HEADERFUNCTION = 20079,
    OPTION_OPENSOCKETFUNCTION = 20163,
    OPTION_XFERINFOFUNCTION = 20219,
    OPTION_POSTFIELDSIZE_LARGE = 30120,
    PROTOCOL_HTTP = 1 << 0,
    PROTOCOL_HTTPS = 1 << 1,
    GLOBAL_DEFAULT = 3,
};

struct curl_sockaddr {
    int family;
    int socktype;
    int protocol;
    unsigned int addrlen;
    struct sockaddr addr;
};

static struct {
    int is_there;
    void *(*easy_init)(void);
    int (*easy_setopt)(void *, int, ...);
    int (*easy_perform)(void *);
    void (*easy_cleanup)(void *);
    void *(*slist_append)(void *, const char *);
    void (*slist_free_all)(void *);
} curl;

static void load(void) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    int (*global_init)(long) = (int (*)(long))dlsym(library, "curl_global_init");
    curl.easy_init = (void *(*)(void))dlsym(library, "curl_easy_init");
    curl.easy_setopt = (int (*)(void *, int, ...))dlsym(library, "curl_easy_setopt");
    curl.easy_perform = (int (*)(void *))dlsym(library, "curl_easy_perform");
    curl.easy_cleanup = (void (*)(void *))dlsym(library, "curl_easy_cleanup");
    curl.slist_append = (void *(*)(void *, const char *))dlsym(library, "curl_slist_append");
    curl.slist_free_all = (void (*)(void *))dlsym(library, "curl_slist_free_all");
    curl.is_there = global_init && curl.easy_init && curl.easy_setopt && curl.easy_perform && curl.easy_cleanup &&
        curl.slist_append && curl.slist_free_all && global_init(GLOBAL_DEFAULT) == 0;
}

static int open_socket(void *context, int purpose, struct curl_sockaddr *address) {
    const ccurl_callbacks *callbacks = context;
    (void)purpose;
    if (!callbacks->allows(callbacks->context, &address->addr, address->addrlen)) return -1;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t receive_head(char *bytes, size_t size, size_t count, void *context) {
    const ccurl_callbacks *callbacks = context;
    return callbacks->head(callbacks->context, (const uint8_t *)bytes, size * count) ? size * count : 0;
}

static size_t receive_body(char *bytes, size_t size, size_t count, void *context) {
    const ccurl_callbacks *callbacks = context;
    // An empty piece that is refused would look like one that was taken.
    if (size * count == 0) return 0;
    return callbacks->body(callbacks->context, (const uint8_t *)bytes, size * count) ? size * count : 0;
}

static int progress(void *context, int64_t total, int64_t now, int64_t upload_total, int64_t upload_now) {
    const ccurl_callbacks *callbacks = context;
    (void)total, (void)now, (void)upload_total, (void)upload_now;
    return !callbacks->goes_on(callbacks->context);
}

static int meaning(int code) {
    switch (code) {
    case 0: return CCURL_DONE;
    case 5: case 6: return CCURL_NO_NAME;
    case 1: case 3: case 7: return CCURL_NO_CONNECTION;
    case 28: return CCURL_TIMEOUT;
    case 35: case 53: case 54: case 58: case 59: case 60: case 64: case 66: case 77: case 80: case 82: case 83:
    case 90: case 91: case 98:
        return CCURL_NO_TLS;
    default: return CCURL_BROKEN;
    }
}

int ccurl_perform(const ccurl_request *request, const ccurl_callbacks *callbacks) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    void *handle = curl.is_there ? curl.easy_init() : NULL;
    if (!handle) return CCURL_MISSING;
    void *headers = NULL;
    for (const char *const *header = request->headers; *header; header++) {
        void *longer = curl.slist_append(headers, *header);
        if (longer) headers = longer;
    }
    curl.easy_setopt(handle, OPTION_URL, request->url);
    curl.easy_setopt(handle, OPTION_PROTOCOLS, (long)(PROTOCOL_HTTP | PROTOCOL_HTTPS));
    // None, whatever the environment says: behind a proxy nobody could tell which address is reached.
    curl.easy_setopt(handle, OPTION_PROXY, "");
    curl.easy_setopt(handle, OPTION_NOSIGNAL, 1L);
    curl.easy_setopt(handle, OPTION_FRESH_CONNECT, 1L);
    curl.easy_setopt(handle, OPTION_FORBID_REUSE, 1L);
    curl.easy_setopt(handle, OPTION_TIMEOUT_MS, request->timeout_ms);
    if (request->body) {
        curl.easy_setopt(handle, OPTION_POSTFIELDSIZE_LARGE, (int64_t)request->body_length);
        curl.easy_setopt(handle, OPTION_POSTFIELDS, request->body);
    }
    curl.easy_setopt(handle, OPTION_CUSTOMREQUEST, request->method);
    curl.easy_setopt(handle, OPTION_HTTPHEADER, headers);
    curl.easy_setopt(handle, OPTION_OPENSOCKETFUNCTION, open_socket);
    curl.easy_setopt(handle, OPTION_OPENSOCKETDATA, callbacks);
    curl.easy_setopt(handle, OPTION_HEADERFUNCTION, receive_head);
    curl.easy_setopt(handle, OPTION_HEADERDATA, callbacks);
    curl.easy_setopt(handle, OPTION_WRITEFUNCTION, receive_body);
    curl.easy_setopt(handle, OPTION_WRITEDATA, callbacks);
    curl.easy_setopt(handle, OPTION_XFERINFOFUNCTION, progress);
    curl.easy_setopt(handle, OPTION_XFERINFODATA, callbacks);
    curl.easy_setopt(handle, OPTION_NOPROGRESS, 0L);
    int code = curl.easy_perform(handle);
    curl.easy_cleanup(handle);
    curl.slist_free_all(headers);
    return meaning(code);
}

#else

int ccurl_perform(const ccurl_request *request, const ccurl_callbacks *callbacks) {
    (void)request, (void)callbacks;
    return CCURL_MISSING;
}

#endif
