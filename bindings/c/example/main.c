/* Signs in to an MCP server and calls a tool of it:
 *
 *     sign-in [--headless | --device] [--store FOLDER] [--trace] URL [TOOL [ARGUMENTS]]
 *
 * Without a tool, lists those that there are. Exit codes: 0 done, 1 the server did not answer as it should, 2 wrong
 * usage, 3 a person is needed, 4 the sign-in failed otherwise. */
#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "host.h"
#include "mcp.h"

static int usage(void)
{
    fputs("usage: sign-in [--headless | --device] [--store FOLDER] [--trace] URL [TOOL [ARGUMENTS]]\n", stderr);
    return 2;
}

static void print(const char *before, mcp_oauth_slice text, const char *after)
{
    fprintf(stderr, "%s%.*s%s", before, (int)text.len, (const char *)text.data, after);
}

static void show(const mcp_oauth_trace_entry *entry, void *state)
{
    (void)state;
    print("", entry->text, "");
    print(" [", entry->clause, "]\n");
}

/* The tool's text, or the names of all tools. */
static int use(struct host *host, const char *url, const char *tool, const char *arguments)
{
    struct mcp mcp;
    if (!mcp_open(&mcp, host, url))
        return 1;
    json_object *params = NULL;
    if (tool != NULL) {
        params = json_object_new_object();
        json_object_object_add(params, "name", json_object_new_string(tool));
        json_object_object_add(params, "arguments", json_tokener_parse(arguments));
    }
    json_object *result = mcp_call(&mcp, tool == NULL ? "tools/list" : "tools/call", params), *list = NULL;
    bool good = json_object_object_get_ex(result, tool == NULL ? "tools" : "content", &list);
    for (size_t i = 0; good && i < json_object_array_length(list); i++) {
        json_object *text = NULL;
        if (json_object_object_get_ex(json_object_array_get_idx(list, i), tool == NULL ? "name" : "text", &text))
            puts(json_object_get_string(text));
    }
    json_object_put(result);
    return good ? 0 : 1;
}

static int run(const mcp_oauth_config *config, struct store *store, enum host_user user, bool trace, char **words)
{
    struct host *host = host_new(config, "", store, user);
    if (host == NULL)
        return 1;
    if (trace)
        host_observe(host, show, NULL);
    int code = 0;
    if (!host_sign_in(host)) {
        const mcp_oauth_step *step = host_step(host);
        print("sign-in failed: ", step->text, "");
        print(" (", step->code, ")\n");
        code = is(step->code, "needs_user") ? 3 : 4;
    }
    if (code == 0)
        code = use(host, words[0], words[1], words[1] == NULL || words[2] == NULL ? "{}" : words[2]);
    host_free(&host);
    return code;
}

static mcp_oauth_config *configure(const char *url, mcp_oauth_grant_type grant)
{
    mcp_oauth_settings *settings = NULL;
    mcp_oauth_config *config = NULL;
    mcp_oauth_config_error error = {{NULL, 0}, {NULL, 0}};
    mcp_oauth_settings_new(&settings);
    mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_SERVER_URL, slice(url));
    mcp_oauth_settings_text(settings, MCP_OAUTH_TEXT_SETTING_CLIENT_NAME, slice("Example in C"));
    mcp_oauth_settings_number(settings, MCP_OAUTH_NUMBER_SETTING_GRANT, (uint64_t)grant);
    if (mcp_oauth_config_new(settings, &error, &config) != MCP_OAUTH_STATUS_OK) {
        print("", error.field, ": ");
        print("", error.problem, "\n");
    }
    mcp_oauth_settings_free(&settings);
    return config;
}

/* Where a program keeps what it has to remember. */
static const char *default_folder(char *place, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state != NULL && *state != '\0')
        snprintf(place, size, "%s/mcp-oauth-example", state);
    else
        snprintf(place, size, "%s/.mcp-oauth-example", home == NULL ? "." : home);
    return place;
}

int main(int count, char **arguments)
{
    static const struct option OPTIONS[] = {
        {"device", no_argument, NULL, 'd'},
        {"headless", no_argument, NULL, 'h'},
        {"store", required_argument, NULL, 's'},
        {"trace", no_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    enum host_user user = HOST_BROWSER;
    mcp_oauth_grant_type grant = MCP_OAUTH_GRANT_TYPE_AUTHORIZATION_CODE;
    char place[4096];
    const char *folder = default_folder(place, sizeof place);
    bool trace = false;
    for (int option; (option = getopt_long(count, arguments, "", OPTIONS, NULL)) != -1;) {
        if (option == 'd')
            grant = MCP_OAUTH_GRANT_TYPE_DEVICE_CODE;
        else if (option == 'h')
            user = HOST_HEADLESS;
        else if (option == 's')
            folder = optarg;
        else if (option == 't')
            trace = true;
        else
            return usage();
    }
    if (optind == count || count - optind > 3)
        return usage();
    if (mcp_oauth_abi_version() != MCP_OAUTH_ABI_VERSION) {
        fputs("the library is not the one that this program was made for\n", stderr);
        return 1;
    }
    mcp_oauth_config *config = configure(arguments[optind], grant);
    if (config == NULL)
        return 2;
    struct store *store = file_store_open(folder);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int code = 1;
    if (store == NULL)
        fprintf(stderr, "the folder %s cannot be used\n", folder);
    else
        code = run(config, store, user, trace, arguments + optind);
    if (store != NULL)
        store->free(store);
    mcp_oauth_config_free(&config);
    curl_global_cleanup();
    return code;
}
