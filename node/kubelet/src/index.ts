export { startKubelet } from "./kubelet.ts";
export * from "./options.ts";
