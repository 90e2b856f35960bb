/** Resources whose deletion is answered with the object that was, some in one version alone; others answer a Status. */
const RETURNED = new Set(
  (
    "pods podtemplates resourcequotas serviceaccounts services persistentvolumes persistentvolumeclaims csidrivers csinodes " +
    "storageclasses volumeattachments volumeattributesclasses deviceclasses v1alpha3/devicetaintrules v1beta2/devicetaintrules " +
    "resourceclaims resourceclaimtemplates resourcepoolstatusrequests resourceslices"
  ).split(" "),
);

/** Whether a deletion of this built-in resource answers with the object. */
export function deleteReturnsObject(version: string, resource: string): boolean {
  return RETURNED.has(resource) || RETURNED.has(`${version}/${resource}`);
}
