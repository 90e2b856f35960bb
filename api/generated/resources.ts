// Generated from api/src/resources by tools/src/generate-resources.ts. Do not edit.
import { mutatingadmissionpolicies as admissionregistration_mutatingadmissionpolicies } from "../src/resources/admissionregistration/mutatingadmissionpolicies.ts";
import { mutatingadmissionpolicybindings as admissionregistration_mutatingadmissionpolicybindings } from "../src/resources/admissionregistration/mutatingadmissionpolicybindings.ts";
import { mutatingwebhookconfigurations as admissionregistration_mutatingwebhookconfigurations } from "../src/resources/admissionregistration/mutatingwebhookconfigurations.ts";
import { validatingadmissionpolicies as admissionregistration_validatingadmissionpolicies } from "../src/resources/admissionregistration/validatingadmissionpolicies.ts";
import { validatingadmissionpolicybindings as admissionregistration_validatingadmissionpolicybindings } from "../src/resources/admissionregistration/validatingadmissionpolicybindings.ts";
import { validatingwebhookconfigurations as admissionregistration_validatingwebhookconfigurations } from "../src/resources/admissionregistration/validatingwebhookconfigurations.ts";
import { customresourcedefinitions as apiextensions_customresourcedefinitions } from "../src/resources/apiextensions/customresourcedefinitions.ts";
import { apiservices as apiregistration_apiservices } from "../src/resources/apiregistration/apiservices.ts";
import { controllerrevisions as apps_controllerrevisions } from "../src/resources/apps/controllerrevisions.ts";
import { daemonsets as apps_daemonsets } from "../src/resources/apps/daemonsets.ts";
import { deployments as apps_deployments } from "../src/resources/apps/deployments.ts";
import { replicasets as apps_replicasets } from "../src/resources/apps/replicasets.ts";
import { statefulsets as apps_statefulsets } from "../src/resources/apps/statefulsets.ts";
import { selfsubjectreviews as authentication_selfsubjectreviews } from "../src/resources/authentication/selfsubjectreviews.ts";
import { tokenreviews as authentication_tokenreviews } from "../src/resources/authentication/tokenreviews.ts";
import { localsubjectaccessreviews as authorization_localsubjectaccessreviews } from "../src/resources/authorization/localsubjectaccessreviews.ts";
import { selfsubjectaccessreviews as authorization_selfsubjectaccessreviews } from "../src/resources/authorization/selfsubjectaccessreviews.ts";
import { selfsubjectrulesreviews as authorization_selfsubjectrulesreviews } from "../src/resources/authorization/selfsubjectrulesreviews.ts";
import { subjectaccessreviews as authorization_subjectaccessreviews } from "../src/resources/authorization/subjectaccessreviews.ts";
import { horizontalpodautoscalers as autoscaling_horizontalpodautoscalers } from "../src/resources/autoscaling/horizontalpodautoscalers.ts";
import { cronjobs as batch_cronjobs } from "../src/resources/batch/cronjobs.ts";
import { jobs as batch_jobs } from "../src/resources/batch/jobs.ts";
import { certificatesigningrequests as certificates_certificatesigningrequests } from "../src/resources/certificates/certificatesigningrequests.ts";
import { clustertrustbundles as certificates_clustertrustbundles } from "../src/resources/certificates/clustertrustbundles.ts";
import { podcertificaterequests as certificates_podcertificaterequests } from "../src/resources/certificates/podcertificaterequests.ts";
import { leasecandidates as coordination_leasecandidates } from "../src/resources/coordination/leasecandidates.ts";
import { leases as coordination_leases } from "../src/resources/coordination/leases.ts";
import { bindings as core_bindings } from "../src/resources/core/bindings.ts";
import { componentstatuses as core_componentstatuses } from "../src/resources/core/componentstatuses.ts";
import { configmaps as core_configmaps } from "../src/resources/core/configmaps.ts";
import { endpoints as core_endpoints } from "../src/resources/core/endpoints.ts";
import { events as core_events } from "../src/resources/core/events.ts";
import { limitranges as core_limitranges } from "../src/resources/core/limitranges.ts";
import { namespaces as core_namespaces } from "../src/resources/core/namespaces.ts";
import { nodes as core_nodes } from "../src/resources/core/nodes.ts";
import { persistentvolumeclaims as core_persistentvolumeclaims } from "../src/resources/core/persistentvolumeclaims.ts";
import { persistentvolumes as core_persistentvolumes } from "../src/resources/core/persistentvolumes.ts";
import { pods as core_pods } from "../src/resources/core/pods.ts";
import { podtemplates as core_podtemplates } from "../src/resources/core/podtemplates.ts";
import { replicationcontrollers as core_replicationcontrollers } from "../src/resources/core/replicationcontrollers.ts";
import { resourcequotas as core_resourcequotas } from "../src/resources/core/resourcequotas.ts";
import { secrets as core_secrets } from "../src/resources/core/secrets.ts";
import { serviceaccounts as core_serviceaccounts } from "../src/resources/core/serviceaccounts.ts";
import { services as core_services } from "../src/resources/core/services.ts";
import { endpointslices as discovery_endpointslices } from "../src/resources/discovery/endpointslices.ts";
import { events as events_events } from "../src/resources/events/events.ts";
import { flowschemas as flowcontrol_flowschemas } from "../src/resources/flowcontrol/flowschemas.ts";
import { prioritylevelconfigurations as flowcontrol_prioritylevelconfigurations } from "../src/resources/flowcontrol/prioritylevelconfigurations.ts";
import { storageversions as internal_storageversions } from "../src/resources/internal/storageversions.ts";
import { evictionrequests as lifecycle_evictionrequests } from "../src/resources/lifecycle/evictionrequests.ts";
import { evictions as lifecycle_evictions } from "../src/resources/lifecycle/evictions.ts";
import { ingressclasses as networking_ingressclasses } from "../src/resources/networking/ingressclasses.ts";
import { ingresses as networking_ingresses } from "../src/resources/networking/ingresses.ts";
import { ipaddresses as networking_ipaddresses } from "../src/resources/networking/ipaddresses.ts";
import { networkpolicies as networking_networkpolicies } from "../src/resources/networking/networkpolicies.ts";
import { servicecidrs as networking_servicecidrs } from "../src/resources/networking/servicecidrs.ts";
import { runtimeclasses as node_runtimeclasses } from "../src/resources/node/runtimeclasses.ts";
import { poddisruptionbudgets as policy_poddisruptionbudgets } from "../src/resources/policy/poddisruptionbudgets.ts";
import { clusterrolebindings as rbac_clusterrolebindings } from "../src/resources/rbac/clusterrolebindings.ts";
import { clusterroles as rbac_clusterroles } from "../src/resources/rbac/clusterroles.ts";
import { rolebindings as rbac_rolebindings } from "../src/resources/rbac/rolebindings.ts";
import { roles as rbac_roles } from "../src/resources/rbac/roles.ts";
import { deviceclasses as resource_deviceclasses } from "../src/resources/resource/deviceclasses.ts";
import { devicetaintrules as resource_devicetaintrules } from "../src/resources/resource/devicetaintrules.ts";
import { resourceclaims as resource_resourceclaims } from "../src/resources/resource/resourceclaims.ts";
import { resourceclaimtemplates as resource_resourceclaimtemplates } from "../src/resources/resource/resourceclaimtemplates.ts";
import { resourcepoolstatusrequests as resource_resourcepoolstatusrequests } from "../src/resources/resource/resourcepoolstatusrequests.ts";
import { resourceslices as resource_resourceslices } from "../src/resources/resource/resourceslices.ts";
import { compositepodgroups as scheduling_compositepodgroups } from "../src/resources/scheduling/compositepodgroups.ts";
import { podgroups as scheduling_podgroups } from "../src/resources/scheduling/podgroups.ts";
import { priorityclasses as scheduling_priorityclasses } from "../src/resources/scheduling/priorityclasses.ts";
import { workloads as scheduling_workloads } from "../src/resources/scheduling/workloads.ts";
import { csidrivers as storage_csidrivers } from "../src/resources/storage/csidrivers.ts";
import { csinodes as storage_csinodes } from "../src/resources/storage/csinodes.ts";
import { csistoragecapacities as storage_csistoragecapacities } from "../src/resources/storage/csistoragecapacities.ts";
import { storageclasses as storage_storageclasses } from "../src/resources/storage/storageclasses.ts";
import { volumeattachments as storage_volumeattachments } from "../src/resources/storage/volumeattachments.ts";
import { volumeattributesclasses as storage_volumeattributesclasses } from "../src/resources/storage/volumeattributesclasses.ts";
import { storageversionmigrations as storagemigration_storageversionmigrations } from "../src/resources/storagemigration/storageversionmigrations.ts";
import type { Resource } from "../src/resources/resource.ts";

/** Every built-in resource. */
export const RESOURCES: readonly Resource[] = [
  admissionregistration_mutatingadmissionpolicies,
  admissionregistration_mutatingadmissionpolicybindings,
  admissionregistration_mutatingwebhookconfigurations,
  admissionregistration_validatingadmissionpolicies,
  admissionregistration_validatingadmissionpolicybindings,
  admissionregistration_validatingwebhookconfigurations,
  apiextensions_customresourcedefinitions,
  apiregistration_apiservices,
  apps_controllerrevisions,
  apps_daemonsets,
  apps_deployments,
  apps_replicasets,
  apps_statefulsets,
  authentication_selfsubjectreviews,
  authentication_tokenreviews,
  authorization_localsubjectaccessreviews,
  authorization_selfsubjectaccessreviews,
  authorization_selfsubjectrulesreviews,
  authorization_subjectaccessreviews,
  autoscaling_horizontalpodautoscalers,
  batch_cronjobs,
  batch_jobs,
  certificates_certificatesigningrequests,
  certificates_clustertrustbundles,
  certificates_podcertificaterequests,
  coordination_leasecandidates,
  coordination_leases,
  core_bindings,
  core_componentstatuses,
  core_configmaps,
  core_endpoints,
  core_events,
  core_limitranges,
  core_namespaces,
  core_nodes,
  core_persistentvolumeclaims,
  core_persistentvolumes,
  core_pods,
  core_podtemplates,
  core_replicationcontrollers,
  core_resourcequotas,
  core_secrets,
  core_serviceaccounts,
  core_services,
  discovery_endpointslices,
  events_events,
  flowcontrol_flowschemas,
  flowcontrol_prioritylevelconfigurations,
  internal_storageversions,
  lifecycle_evictionrequests,
  lifecycle_evictions,
  networking_ingressclasses,
  networking_ingresses,
  networking_ipaddresses,
  networking_networkpolicies,
  networking_servicecidrs,
  node_runtimeclasses,
  policy_poddisruptionbudgets,
  rbac_clusterrolebindings,
  rbac_clusterroles,
  rbac_rolebindings,
  rbac_roles,
  resource_deviceclasses,
  resource_devicetaintrules,
  resource_resourceclaims,
  resource_resourceclaimtemplates,
  resource_resourcepoolstatusrequests,
  resource_resourceslices,
  scheduling_compositepodgroups,
  scheduling_podgroups,
  scheduling_priorityclasses,
  scheduling_workloads,
  storage_csidrivers,
  storage_csinodes,
  storage_csistoragecapacities,
  storage_storageclasses,
  storage_volumeattachments,
  storage_volumeattributesclasses,
  storagemigration_storageversionmigrations,
];
