/** On a claim: the binder has finished, and will never choose another volume for it. */
export const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
/** On a claim or a volume: the binder chose the other side, so it may undo that; absent when the user did. */
export const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";
/** On a volume: the provisioner that made it and has to remove what is behind it. */
export const PROVISIONED_BY = "pv.kubernetes.io/provisioned-by";
/** On a claim: the provisioner that is asked for a volume. */
export const STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner";
/** The same under the name that older provisioners look for. */
export const BETA_STORAGE_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner";
/** On a claim: the node that the scheduler chose for its first consumer. */
export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
/** On a StorageClass: "true" for the one of claims that name none. */
export const IS_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";
/** On a claim or a volume: the class, before there was a field for it; it goes before the field still. */
export const BETA_STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class";
/** The provisioner of classes whose volumes are all made by hand. */
export const NO_PROVISIONER = "kubernetes.io/no-provisioner";
