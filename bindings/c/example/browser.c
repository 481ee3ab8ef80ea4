/* How does a person, or nobody, get through the authorization server's page? */
#include "browser.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "http.h"

extern char **environ;

/* A browser that fails does so at once; one that still runs after three seconds is a browser. */
static bool start(const char *program, char *url)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        posix_spawn_file_actions_addopen(&actions, file, "/dev/null", O_RDWR, 0);
    pid_t child = 0;
    char *arguments[] = {(char *)program, url, NULL};
    bool started = posix_spawnp(&child, program, &actions, NULL, arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; started && i < 60; i++) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return started;
}

bool browser_open(mcp_oauth_slice url)
{
    static const char *const OPENERS[] = {"xdg-open", "open"};
    const char *chosen = getenv("BROWSER");
    char *text = text_of(url);
    bool opened = text != NULL && chosen != NULL && *chosen != '\0' && start(chosen, text);
    for (size_t i = 0; text != NULL && !opened && i < sizeof OPENERS / sizeof *OPENERS; i++)
        opened = start(OPENERS[i], text);
    forget(text);
    return opened;
}

/* Whether a URL is the redirect URI, with whatever query. */
static bool leads_home(mcp_oauth_slice target, mcp_oauth_slice home)
{
    return target.len >= home.len && memcmp(target.data, home.data, home.len) == 0 &&
           (target.len == home.len || strchr("?&#", target.data[home.len]) != NULL);
}

int32_t browser_follow(const mcp_oauth_step *step, int32_t reach, char **callback)
{
    const mcp_oauth_header headers[] = {{slice("accept"), slice("text/html, */*;q=0.1")}};
    int32_t refusal = MCP_OAUTH_REFUSAL_UNABLE;
    char *url = text_of(step->url);
    for (int hops = 0; url != NULL && hops < 10; hops++) {
        struct http_reply reply;
        struct http_request request = {
            .method = slice("GET"),
            .url = slice(url),
            .headers = headers,
            .header_count = 1,
            .timeout_ms = 20000,
            .max_body_bytes = 1024 * 1024,
            .reach = reach,
        };
        if (http_exchange(&request, &reply) != 0)
            break;
        /* A page is for a person. */
        bool page = reply.target.data == NULL;
        /* As it was sent: `state` and `iss` are compared byte for byte. */
        mcp_oauth_slice location = http_header(&reply, "location");
        bool home = !page && leads_home(location, step->redirect_uri);
        forget(url);
        url = page ? NULL : text_of(home ? location : reply.target);
        http_reply_free(&reply);
        if (page) {
            refusal = MCP_OAUTH_REFUSAL_NEEDS_USER;
        } else if (home && url != NULL) {
            *callback = url;
            return 0;
        }
    }
    forget(url);
    return refusal;
}
