/* What is to be signed, and what comes of it? */
#include <stdlib.h>
#include <string.h>

#include "transcript.h"

const char SIGNATURE[] = "KioqKioqKioqKioq";

static const struct named ALGORITHMS[] = {
    {"ES256", MCP_OAUTH_ALGORITHM_ES256},
    {"RS256", MCP_OAUTH_ALGORITHM_RS256},
    {"PS256", MCP_OAUTH_ALGORITHM_PS256},
    {"EdDSA", MCP_OAUTH_ALGORITHM_ED_DSA},
    {NULL, 0},
};

mcp_oauth_buffer signature_of(size_t length)
{
    mcp_oauth_buffer signature = {malloc(length + 1), length};
    memset(signature.data, '*', length);
    return signature;
}

/* A part of a token: JSON in base64url (RFC 7515 §2). */
static json_object *decoded(const uint8_t *part, size_t length)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = malloc(length + 1);
    size_t used = 0;
    uint32_t bits = 0, count = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digit = memchr(DIGITS, part[i], sizeof DIGITS - 1);
        bits = bits << 6 | (digit == NULL ? 0 : (uint32_t)(digit - DIGITS));
        count += 6;
        if (count >= 8) {
            count -= 8;
            text[used++] = (char)(bits >> count & 0xff);
        }
    }
    text[used] = '\0';
    json_object *json = json_tokener_parse(text);
    free(text);
    return json;
}

json_object *to_sign(mcp_oauth_slice input, mcp_oauth_algorithm algorithm, mcp_oauth_slice thumbprint,
                     mcp_oauth_slice key_id)
{
    json_object *shown = json_object_new_object();
    const uint8_t *dot = memchr(input.data, '.', input.len);
    size_t header = dot == NULL ? input.len : (size_t)(dot - input.data);
    const char *name = name_of(ALGORITHMS, algorithm);
    json_object_object_add(shown, "algorithm", json_object_new_string(name == NULL ? "(unknown)" : name));
    json_object_object_add(shown, "thumbprint", json_text(thumbprint));
    if (key_id.data != NULL)
        json_object_object_add(shown, "key_id", json_text(key_id));
    json_object_object_add(shown, "header", decoded(input.data, header));
    if (dot != NULL)
        json_object_object_add(shown, "claims", decoded(dot + 1, input.len - header - 1));
    return shown;
}

/* What was drafted becomes a proof with any signature that the algorithm can give. */
static void finish(struct replay *replay, const mcp_oauth_request_headers *answer)
{
    bool rsa = answer->algorithm == MCP_OAUTH_ALGORITHM_RS256 || answer->algorithm == MCP_OAUTH_ALGORITHM_PS256;
    mcp_oauth_buffer signature = signature_of(rsa ? 256 : 64), proof;
    mcp_oauth_status status = mcp_oauth_dpop_proof(answer->algorithm, answer->input, contents(signature), &proof);
    size_t whole = answer->input.len + 1 + sizeof SIGNATURE - 1;
    if (status != MCP_OAUTH_STATUS_OK || proof.len <= whole ||
        memcmp(proof.data, answer->input.data, answer->input.len) != 0 || proof.data[answer->input.len] != '.' ||
        memcmp(proof.data + answer->input.len + 1, SIGNATURE, sizeof SIGNATURE - 1) != 0)
        fail(replay, "no proof came of what was drafted: status %d", status);
    mcp_oauth_buffer_free(&proof);
    signature.len--;
    if (mcp_oauth_dpop_proof(answer->algorithm, answer->input, contents(signature), &proof) !=
        MCP_OAUTH_STATUS_MISUSE_SIGNATURE)
        fail(replay, "a signature of another length became a proof");
    free(signature.data);
}

json_object *request_headers(struct replay *replay, json_object *question)
{
    mcp_oauth_request_headers answer;
    mcp_oauth_machine_request_headers(replay->machine, json_slice(member(question, "method")),
                                      json_slice(member(question, "url")), replay->now, &answer);
    bool sign = answer.credentials == MCP_OAUTH_CREDENTIALS_SIGN;
    if (!sign && answer.credentials != MCP_OAUTH_CREDENTIALS_READY) {
        bool due = answer.credentials == MCP_OAUTH_CREDENTIALS_REFRESH_DUE;
        return json_object_new_string(due ? "refresh_due" : "absent");
    }
    json_object *ready = json_object_new_object(), *shown = json_object_new_object();
    json_object_object_add(ready, "authorization", json_text(answer.authorization));
    json_object_object_add(ready, "generation", json_object_new_uint64(answer.generation));
    if (sign) {
        json_object *proof = to_sign(answer.input, answer.algorithm, answer.thumbprint, answer.key_id);
        json_object_object_add(proof, "purpose", json_object_new_string("dpop_proof"));
        json_object_object_add(proof, "issuer", json_text(answer.issuer));
        json_object_object_add(ready, "proof", proof);
        finish(replay, &answer);
    }
    json_object_object_add(shown, sign ? "sign" : "ready", ready);
    return shown;
}
