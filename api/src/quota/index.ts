export { podLimits, podRequests } from "./pod-resources.ts";
export { missingRequirements } from "./pod-usage.ts";
export { isQuotaMatching, isWithinScope, matchesScopes, scopesOf } from "./scopes.ts";
export * from "./usage.ts";
export { trackedNames, usageOf } from "./usage-of.ts";
