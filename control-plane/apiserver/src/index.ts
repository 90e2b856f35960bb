export {
  type PluginConfigurations,
  readPluginConfigurations,
} from "./admission/configuration/plugin-configurations.ts";
export { chosenPlugins, type PluginChoice } from "./admission/plugin-choice.ts";
export { auditErrors } from "./audit/audit-metrics.ts";
export type { AuditBackend } from "./audit/auditor.ts";
export { LogAuditBackend } from "./audit/log-backend.ts";
export { type AuditPolicy, parseAuditPolicy } from "./audit/policy.ts";
export { WebhookAuditBackend } from "./audit/webhook-backend.ts";
export {
  type AuthenticationOptions,
  type OidcFlags,
  readAuthentication,
} from "./authentication/authentication-options.ts";
export { TokenKey } from "./authentication/token-key.ts";
export { readAuthorization } from "./authorization/authorization.ts";
export type { AuthorizationMode, AuthorizationWebhookOptions } from "./authorization/authorizers.ts";
export { Kubeconfig } from "./configuration/kubeconfig.ts";
export type { User } from "./contracts.ts";
export { servedResources } from "./registry/runtime-config.ts";
export { type ApiServer, type ApiServerOptions, startApiServer } from "./server.ts";
export { encryptedStore } from "./storage/encryption/encrypted-store.ts";
export { EncryptionMetrics } from "./storage/encryption/encryption-metrics.ts";
export { type StoredForm, sameForm } from "./storage/stored-form.ts";
export { upstreamForm } from "./storage/upstream-form.ts";
