/* How does a person, or nobody, get through the authorization server's page? */
#ifndef BROWSER_H
#define BROWSER_H

#include <mcp_oauth.h>
#include <stdbool.h>

/* Hands a URL to the user's browser: the command of the environment variable BROWSER, or the desktop's opener. As one
 * argument, without a shell. */
bool browser_open(mcp_oauth_slice url);

/* Follows the redirects of the authorization server itself until one leads to the redirect URI: for servers that
 * consent without a person. No cookies, no scripts, no forms. 0 with the callback's URL (to be freed with `forget`), or
 * the mcp_oauth_refusal. */
int32_t browser_follow(const mcp_oauth_step *step, int32_t reach, char **callback);

#endif
