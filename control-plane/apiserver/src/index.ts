export type { User } from "./contracts.ts";
export { type ApiServer, type ApiServerOptions, startApiServer } from "./server.ts";
