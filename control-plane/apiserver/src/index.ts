export type { User } from "./contracts.ts";
export { type ApiServer, type ApiServerOptions, startApiServer } from "./server.ts";
export { formedStore, type StoredForm } from "./storage/stored-form.ts";
export { upstreamForm } from "./storage/upstream-form.ts";
