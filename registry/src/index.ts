export type { Guard } from "./access/access.ts";
export { PasswordGuard } from "./access/password-guard.ts";
export { TokenGuard } from "./access/token-guard.ts";
export type { Upstream } from "./proxy/upstream.ts";
export { Registry } from "./registry.ts";
