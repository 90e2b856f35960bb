export { startKubelet } from "./kubelet.ts";
export * from "./options.ts";
export { type ProvisionerOptions, startProvisioner } from "./provisioner/directory-provisioner.ts";
