/** The level of the Kubernetes API that is spoken here. */
export const KUBERNETES_VERSION = "v1.37.2";
