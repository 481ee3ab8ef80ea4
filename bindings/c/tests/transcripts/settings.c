/* How are a transcript's settings told to the interface? */
#include <string.h>

#include "transcript.h"

/* Where a member of the settings goes. */
enum sort { TEXT, FLAG, NUMBER, LIST, PAIRS, PAIR, REACH, METHOD, GRANT, DPOP, KEY, KEYS, OBJECT };

static const struct named GRANTS[] = {
    {"authorization_code", MCP_OAUTH_GRANT_TYPE_AUTHORIZATION_CODE},
    {"device_code", MCP_OAUTH_GRANT_TYPE_DEVICE_CODE},
    {"client_credentials", MCP_OAUTH_GRANT_TYPE_CLIENT_CREDENTIALS},
    {"workload_identity", MCP_OAUTH_GRANT_TYPE_WORKLOAD_IDENTITY},
    {"enterprise_managed", MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED},
    {NULL, 0},
};

static const struct named DPOP_USES[] = {
    {"never", MCP_OAUTH_DPOP_USE_NEVER},
    {"when_supported", MCP_OAUTH_DPOP_USE_WHEN_SUPPORTED},
    {"always", MCP_OAUTH_DPOP_USE_ALWAYS},
    {NULL, 0},
};

struct setting {
    const char *name;
    enum sort sort;
    int32_t number;
    /* Of an object. */
    const struct setting *members;
};

static const struct setting ENDPOINTS[] = {
    {"authorization", TEXT, MCP_OAUTH_TEXT_SETTING_PREREGISTERED_AUTHORIZATION_ENDPOINT, NULL},
    {"token", TEXT, MCP_OAUTH_TEXT_SETTING_PREREGISTERED_TOKEN_ENDPOINT, NULL},
    {"resource", TEXT, MCP_OAUTH_TEXT_SETTING_PREREGISTERED_RESOURCE, NULL},
    {NULL, OBJECT, 0, NULL},
};

static const struct setting PREREGISTERED[] = {
    {"issuer", TEXT, MCP_OAUTH_TEXT_SETTING_PREREGISTERED_ISSUER, NULL},
    {"client_id", TEXT, MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_ID, NULL},
    {"client_secret", TEXT, MCP_OAUTH_TEXT_SETTING_PREREGISTERED_CLIENT_SECRET, NULL},
    {"auth_method", METHOD, MCP_OAUTH_NUMBER_SETTING_PREREGISTERED_AUTH_METHOD, NULL},
    {"endpoints", OBJECT, 0, ENDPOINTS},
    {NULL, OBJECT, 0, NULL},
};

static const struct setting CLIENT_DOCUMENT[] = {
    {"url", TEXT, MCP_OAUTH_TEXT_SETTING_CLIENT_DOCUMENT_URL, NULL},
    {"redirect_uris", LIST, MCP_OAUTH_LIST_SETTING_CLIENT_DOCUMENT_REDIRECT_URIS, NULL},
    {"auth_method", METHOD, MCP_OAUTH_NUMBER_SETTING_CLIENT_DOCUMENT_AUTH_METHOD, NULL},
    {NULL, OBJECT, 0, NULL},
};

static const struct setting IDENTITY_PROVIDER[] = {
    {"issuer", TEXT, MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_ISSUER, NULL},
    {"token_endpoint", TEXT, MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_TOKEN_ENDPOINT, NULL},
    {"client_id", TEXT, MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_ID, NULL},
    {"client_secret", TEXT, MCP_OAUTH_TEXT_SETTING_IDENTITY_PROVIDER_CLIENT_SECRET, NULL},
    {"auth_method", METHOD, MCP_OAUTH_NUMBER_SETTING_IDENTITY_PROVIDER_AUTH_METHOD, NULL},
    {NULL, OBJECT, 0, NULL},
};

static const struct setting DEVIATIONS[] = {
    {"pinned_issuer", PAIR, MCP_OAUTH_PAIR_SETTING_PINNED_ISSUER, NULL},
    {"allow_resource", TEXT, MCP_OAUTH_TEXT_SETTING_ALLOW_RESOURCE, NULL},
    {"same_origin_metadata", FLAG, MCP_OAUTH_FLAG_SETTING_SAME_ORIGIN_METADATA, NULL},
    {"assume_s256", FLAG, MCP_OAUTH_FLAG_SETTING_ASSUME_S256, NULL},
    {"omit_resource", FLAG, MCP_OAUTH_FLAG_SETTING_OMIT_RESOURCE, NULL},
    {"retry_refresh_without_resource", FLAG, MCP_OAUTH_FLAG_SETTING_RETRY_REFRESH_WITHOUT_RESOURCE, NULL},
    {"default_endpoints", FLAG, MCP_OAUTH_FLAG_SETTING_DEFAULT_ENDPOINTS, NULL},
    {"assume_id_jag", FLAG, MCP_OAUTH_FLAG_SETTING_ASSUME_ID_JAG, NULL},
    {"extra_iss", TEXT, MCP_OAUTH_TEXT_SETTING_EXTRA_ISS, NULL},
    {"same_origin_endpoints", FLAG, MCP_OAUTH_FLAG_SETTING_SAME_ORIGIN_ENDPOINTS, NULL},
    {NULL, OBJECT, 0, NULL},
};

static const struct setting SETTINGS[] = {
    {"server_url", TEXT, MCP_OAUTH_TEXT_SETTING_SERVER_URL, NULL},
    {"reach", REACH, MCP_OAUTH_NUMBER_SETTING_REACH, NULL},
    {"grant", GRANT, MCP_OAUTH_NUMBER_SETTING_GRANT, NULL},
    {"client_name", TEXT, MCP_OAUTH_TEXT_SETTING_CLIENT_NAME, NULL},
    {"client_uri", TEXT, MCP_OAUTH_TEXT_SETTING_CLIENT_URI, NULL},
    {"logo_uri", TEXT, MCP_OAUTH_TEXT_SETTING_LOGO_URI, NULL},
    {"software_id", TEXT, MCP_OAUTH_TEXT_SETTING_SOFTWARE_ID, NULL},
    {"software_version", TEXT, MCP_OAUTH_TEXT_SETTING_SOFTWARE_VERSION, NULL},
    {"software_statement", TEXT, MCP_OAUTH_TEXT_SETTING_SOFTWARE_STATEMENT, NULL},
    {"initial_access_token", TEXT, MCP_OAUTH_TEXT_SETTING_INITIAL_ACCESS_TOKEN, NULL},
    {"preregistered", OBJECT, 0, PREREGISTERED},
    {"client_document", OBJECT, 0, CLIENT_DOCUMENT},
    {"client_key", KEY, MCP_OAUTH_TEXT_SETTING_CLIENT_KEY, NULL},
    {"assertion_typ", TEXT, MCP_OAUTH_TEXT_SETTING_ASSERTION_TYP, NULL},
    {"dynamic_registration", FLAG, MCP_OAUTH_FLAG_SETTING_DYNAMIC_REGISTRATION, NULL},
    {"ask_for_client", FLAG, MCP_OAUTH_FLAG_SETTING_ASK_FOR_CLIENT, NULL},
    {"redirect_uri", TEXT, MCP_OAUTH_TEXT_SETTING_REDIRECT_URI, NULL},
    {"private_scheme_redirect", FLAG, MCP_OAUTH_FLAG_SETTING_PRIVATE_SCHEME_REDIRECT, NULL},
    {"scopes", LIST, MCP_OAUTH_LIST_SETTING_SCOPES, NULL},
    {"offline_access", FLAG, MCP_OAUTH_FLAG_SETTING_OFFLINE_ACCESS, NULL},
    {"authorize_parameters", PAIRS, MCP_OAUTH_PAIR_SETTING_AUTHORIZE_PARAMETER, NULL},
    {"token_parameters", PAIRS, MCP_OAUTH_PAIR_SETTING_TOKEN_PARAMETER, NULL},
    {"pushed_authorization", FLAG, MCP_OAUTH_FLAG_SETTING_PUSHED_AUTHORIZATION, NULL},
    {"dpop", DPOP, MCP_OAUTH_NUMBER_SETTING_DPOP, NULL},
    {"dpop_keys", KEYS, MCP_OAUTH_PAIR_SETTING_DPOP_KEY, NULL},
    {"identity_provider", OBJECT, 0, IDENTITY_PROVIDER},
    {"workload_audience", TEXT, MCP_OAUTH_TEXT_SETTING_WORKLOAD_AUDIENCE, NULL},
    {"revoke_on_sign_out", FLAG, MCP_OAUTH_FLAG_SETTING_REVOKE_ON_SIGN_OUT, NULL},
    {"authorization_server", TEXT, MCP_OAUTH_TEXT_SETTING_AUTHORIZATION_SERVER, NULL},
    {"require_issuer_identification", FLAG, MCP_OAUTH_FLAG_SETTING_REQUIRE_ISSUER_IDENTIFICATION, NULL},
    {"deviations", OBJECT, 0, DEVIATIONS},
    {"refresh_skew_ms", NUMBER, MCP_OAUTH_NUMBER_SETTING_REFRESH_SKEW_MS, NULL},
    {"sign_in_timeout_ms", NUMBER, MCP_OAUTH_NUMBER_SETTING_SIGN_IN_TIMEOUT_MS, NULL},
    {"protocol_version", TEXT, MCP_OAUTH_TEXT_SETTING_PROTOCOL_VERSION, NULL},
    {"user_agent", TEXT, MCP_OAUTH_TEXT_SETTING_USER_AGENT, NULL},
    {NULL, OBJECT, 0, NULL},
};

static mcp_oauth_status write_pair(int32_t setting, json_object *pair, mcp_oauth_settings *into)
{
    return mcp_oauth_settings_pair(into, setting, json_slice(json_object_array_get_idx(pair, 0)),
                                   json_slice(json_object_array_get_idx(pair, 1)));
}

static mcp_oauth_status write_list(int32_t setting, json_object *list, mcp_oauth_settings *into)
{
    mcp_oauth_status status = mcp_oauth_settings_list(into, setting);
    for (size_t i = 0; status == MCP_OAUTH_STATUS_OK && i < json_object_array_length(list); i++)
        status = mcp_oauth_settings_item(into, setting, json_slice(json_object_array_get_idx(list, i)));
    return status;
}

static mcp_oauth_status write_pairs(int32_t setting, json_object *list, mcp_oauth_settings *into)
{
    mcp_oauth_status status = MCP_OAUTH_STATUS_OK;
    for (size_t i = 0; status == MCP_OAUTH_STATUS_OK && i < json_object_array_length(list); i++)
        status = write_pair(setting, json_object_array_get_idx(list, i), into);
    return status;
}

static mcp_oauth_slice jwk(json_object *key)
{
    return slice_of(json_object_to_json_string_ext(key, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static mcp_oauth_status write_keys(int32_t setting, json_object *list, mcp_oauth_settings *into)
{
    mcp_oauth_status status = MCP_OAUTH_STATUS_OK;
    for (size_t i = 0; status == MCP_OAUTH_STATUS_OK && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);
        status = mcp_oauth_settings_pair(into, setting, json_slice(member(item, "issuer")), jwk(member(item, "key")));
    }
    return status;
}

static mcp_oauth_status write_name(int32_t setting, const struct named *names, json_object *value,
                                   mcp_oauth_settings *into)
{
    return mcp_oauth_settings_number(into, setting, (uint64_t)number_of(names, json_object_get_string(value)));
}

static mcp_oauth_status write_value(const struct setting *setting, json_object *value, mcp_oauth_settings *into)
{
    int32_t number = setting->number;
    switch (setting->sort) {
    case TEXT:
        return mcp_oauth_settings_text(into, number, json_slice(value));
    case FLAG:
        return mcp_oauth_settings_flag(into, number, json_object_get_boolean(value));
    case NUMBER:
        return mcp_oauth_settings_number(into, number, json_object_get_uint64(value));
    case LIST:
        return write_list(number, value, into);
    case PAIRS:
        return write_pairs(number, value, into);
    case PAIR:
        return write_pair(number, value, into);
    case REACH:
        return write_name(number, REACHES, value, into);
    case METHOD:
        return write_name(number, METHODS, value, into);
    case GRANT:
        return write_name(number, GRANTS, value, into);
    case DPOP:
        return write_name(number, DPOP_USES, value, into);
    case KEY:
        return mcp_oauth_settings_text(into, number, jwk(value));
    case KEYS:
        return write_keys(number, value, into);
    case OBJECT:
        break;
    }
    return MCP_OAUTH_STATUS_BAD_ARGUMENT;
}

static bool write_object(const struct setting *known, json_object *object, mcp_oauth_settings *into,
                         struct replay *replay)
{
    json_object_object_foreach(object, name, value)
    {
        const struct setting *setting = known;
        while (setting->name != NULL && strcmp(setting->name, name) != 0)
            setting++;
        if (setting->name == NULL)
            return fail(replay, "unknown setting %s", name);
        if (value == NULL)
            continue;
        if (setting->sort == OBJECT) {
            if (!write_object(setting->members, value, into, replay))
                return false;
        } else if (write_value(setting, value, into) != MCP_OAUTH_STATUS_OK) {
            return fail(replay, "setting %s cannot be written", name);
        }
    }
    return true;
}

bool write_settings(json_object *settings, mcp_oauth_settings *into, struct replay *replay)
{
    return write_object(SETTINGS, settings, into, replay);
}
