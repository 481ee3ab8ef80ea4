//! A protected MCP server and a strict OAuth 2.1 authorization server to test clients against.
