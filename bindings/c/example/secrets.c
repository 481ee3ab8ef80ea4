/* Who signs, and who vouches for the workload or the user? */
#include "secrets.h"

size_t secrets_sign(const struct secrets *secrets, const struct signing *wanted, uint8_t signature[SIGNATURE_MAX])
{
    return secrets->sign == NULL ? 0 : secrets->sign(wanted, signature, secrets->state);
}

char *secrets_fetch(const struct secrets *secrets, const mcp_oauth_step *wanted, int32_t *kind)
{
    return secrets->fetch_assertion == NULL ? NULL : secrets->fetch_assertion(wanted, kind, secrets->state);
}

mcp_oauth_buffer secrets_prove(const struct secrets *secrets, const mcp_oauth_request_headers *credentials)
{
    const struct signing wanted = {credentials->algorithm, credentials->thumbprint, credentials->input};
    uint8_t signature[SIGNATURE_MAX];
    mcp_oauth_buffer proof = {NULL, 0};
    size_t length = secrets_sign(secrets, &wanted, signature);
    if (length > 0)
        mcp_oauth_dpop_proof(wanted.algorithm, wanted.input, (mcp_oauth_slice){signature, length}, &proof);
    return proof;
}
