export type { User } from "./contracts.ts";
export { type ApiServer, type ApiServerOptions, startApiServer } from "./server.ts";
export { encryptedStore } from "./storage/encryption/encrypted-store.ts";
export { Encryption } from "./storage/encryption/encryption.ts";
export { type StoredForm, sameForm } from "./storage/stored-form.ts";
export { upstreamForm } from "./storage/upstream-form.ts";
