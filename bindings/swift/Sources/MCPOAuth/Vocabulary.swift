// Which of the machine's words does a program need?

import MCPOAuthMachine

/// Plain settings. Everything but `serverUrl` has a default that is right for a program with a loopback listener.
public typealias Settings = MCPOAuthMachine.Settings
/// A client registered beforehand, bound to the issuer that it is registered with.
public typealias Preregistered = MCPOAuthMachine.Preregistered
/// A client ID metadata document published by the host.
public typealias ClientDocument = MCPOAuthMachine.ClientDocument
/// Endpoints that the host vouches for.
public typealias GivenEndpoints = MCPOAuthMachine.GivenEndpoints
/// A way to authenticate the client at the token endpoint.
public typealias AuthMethod = MCPOAuthMachine.AuthMethod
/// How tokens are got.
public typealias GrantType = MCPOAuthMachine.GrantType
/// Whether tokens are bound to a key of the program.
public typealias DpopUse = MCPOAuthMachine.DpopUse
/// The public half of a key that tokens are bound to.
public typealias DpopKey = MCPOAuthMachine.DpopKey
/// Who knows the user of an enterprise, and as which client we are known there.
public typealias IdentityProvider = MCPOAuthMachine.IdentityProvider
/// What an assertion is.
public typealias AssertionKind = MCPOAuthMachine.AssertionKind
/// Deviations from the specification that a server may need: each is named, and off unless said.
public typealias Deviations = MCPOAuthMachine.Deviations
/// An exact pair of issuers.
public typealias IssuerPair = MCPOAuthMachine.IssuerPair
/// A parameter of a request.
public typealias Parameter = MCPOAuthMachine.Parameter
/// The widest class of address that a request may reach.
public typealias Reach = MCPOAuthMachine.Reach
/// Why a flow ended without a token: safe to print, log and send.
public typealias Failure = MCPOAuthMachine.Failure
/// The part of the flow in which something failed.
public typealias Stage = MCPOAuthMachine.Stage
/// Whose fault a failure is.
public typealias Fault = MCPOAuthMachine.Fault
/// What to do about a failure.
public typealias Advice = MCPOAuthMachine.Advice
/// One decision of the machine: without secrets, and safe to show.
public typealias TraceEntry = MCPOAuthMachine.TraceEntry
/// A stored grant without its secrets.
public typealias GrantSummary = MCPOAuthMachine.GrantSummary
/// A pending sign-in without its secrets: what a process that receives a callback needs to know to finish it.
public typealias FlowSummary = MCPOAuthMachine.FlowSummary
/// Tokens that the host got by itself, with everything that they must not be parted from: the host vouches for it.
public typealias ProvidedTokens = MCPOAuthMachine.ProvidedTokens
/// What one authorization server gave.
public typealias IssuerSummary = MCPOAuthMachine.IssuerSummary
/// Why a request got no answer.
public typealias Cause = MCPOAuthMachine.Cause
/// Why a host declined an action.
public typealias Refusal = MCPOAuthMachine.Refusal
