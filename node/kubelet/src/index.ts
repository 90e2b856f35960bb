export { startKubelet } from "./kubelet.ts";
export * from "./options.ts";
export { MOST_POD_USERS } from "./pods/pod-users.ts";
export { type ProvisionerOptions, startProvisioner } from "./provisioner/directory-provisioner.ts";
