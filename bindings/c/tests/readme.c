/* Does the C of the README do what the README says? Against the MCP server of the environment variable MCP_URL. */
#include <curl/curl.h>

#include "browser.h"
#include "flow.h"

/* The pieces, as they stand there. */
#include "1.c"
#include "2.c"
#include "3.c"
#include "4.c"

static void a_tool_is_called(const char *url, struct store *store)
{
    json_object *answer = call_tool(url, store, HOST_HEADLESS, "{\"name\": \"whoami\", \"arguments\": {}}");
    HOLDS(answer != NULL && strstr(json_object_to_json_string(answer), "user-1") != NULL);
    json_object_put(answer);
}

static mcp_oauth_config *web_config(const char *url)
{
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_config *config = NULL;
    OK(mcp_oauth_settings_new(&settings));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SERVER_URL, slice(url)));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_REDIRECT_URI,
                               slice("https://app.example.com/callback")));
    OK(mcp_oauth_config_new(settings, NULL, &config));
    OK(mcp_oauth_settings_free(&settings));
    return config;
}

/* What the user's browser does between the two legs. */
static char *come_back(const char *url)
{
    mcp_oauth_step page = {.url = slice(url), .redirect_uri = slice("https://app.example.com/callback")};
    char *callback = NULL;
    HOLDS(browser_follow(&page, MCP_OAUTH_REACH_LOOPBACK, &callback) == 0);
    return callback;
}

static void two_legs(const char *url, struct store *store)
{
    mcp_oauth_config *config = web_config(url);
    char *page = begin(config, "user-7", store);
    HOLDS(page != NULL);
    char *callback = come_back(page);
    HOLDS(!finish(config, "user-8", store, callback));
    HOLDS(!finish(config, "user-7", store, "https://app.example.com/callback?code=1&state=forged"));
    HOLDS(finish(config, "user-7", store, callback));
    /* Nobody waits for it any more, and nobody need go anywhere. */
    HOLDS(!finish(config, "user-7", store, callback));
    HOLDS(begin(config, "user-7", store) == NULL);
    forget(callback);
    forget(page);
    OK(mcp_oauth_config_free(&config));
}

/* What the servers do from now on. */
static void behave(const char *behaviour)
{
    char command[1024];
    snprintf(command, sizeof command, "curl -sSf -X PUT -d '%s' \"$ADMIN_URL/behaviour\" >/dev/null", behaviour);
    HOLDS(system(command) == 0);
}

/* The servers demand a proof of each request, with the newest nonce, and find nothing to complain of. */
static void bound_tokens(const char *url, struct store *store)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_config *config = NULL;
    struct mcp mcp;
    behave("{\"dpop\": {\"offered\": true, \"required\": true, \"server_nonce\": \"rotating\","
           " \"resource_nonce\": \"rotating\"}}");
    OK(mcp_oauth_settings_new(&settings));
    OK(mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SERVER_URL, slice(url)));
    HOLDS(key != NULL && bind_tokens(settings, key));
    OK(mcp_oauth_config_new(settings, NULL, &config));
    for (int signs = 0; signs < 2; signs++) {
        struct host *host = host_new(config, "bound", store, HOST_HEADLESS);
        if (signs)
            host_entrust(host, &(struct secrets){.sign = sign_with, .state = key});
        HOLDS(host_sign_in(host) == signs);
        HOLDS(signs || is(host_step(host)->code, "signing_failed"));
        for (int call = 0; signs && call < 3; call++) {
            HOLDS(mcp_open(&mcp, host, url));
            json_object *answer = mcp_call(&mcp, "tools/list", NULL);
            HOLDS(answer != NULL);
            json_object_put(answer);
        }
        host_free(&host);
    }
    OK(mcp_oauth_config_free(&config));
    OK(mcp_oauth_settings_free(&settings));
    EVP_PKEY_free(key);
    HOLDS(system("test \"$(curl -sSf \"$ADMIN_URL/breaches\")\" = '[]'") == 0);
}

int main(void)
{
    const char *url = getenv("MCP_URL");
    HOLDS(url != NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct store *store = memory_store_new();
    HOLDS(store != NULL);
    a_tool_is_called(url, store);
    a_tool_is_called(url, store);
    two_legs(url, store);
    bound_tokens(url, store);
    store->free(store);
    curl_global_cleanup();
    puts("the README's code does what it says");
    return 0;
}
