import {
  ApiError,
  apiVersionOf,
  labelMatcherOf,
  managedFieldsAfterScale,
  type ReplicasPathOf,
  scaleManagedFields,
  textAt,
  type Unstructured,
} from "@tsukube/api";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";
import type { ResourceDefinition } from "../registry/definition.ts";

interface Scalable {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector | Readonly<Record<string, string>> };
  readonly status?: { readonly replicas?: number };
}

/** The autoscaling/v1 Scale of a workload or a custom resource. */
export function scaleOf(definition: ResourceDefinition, object: Unstructured): Unstructured {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
  const { specReplicas, statusReplicas, selector } = readings(definition, object);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    },
    spec: specReplicas === 0 ? {} : { replicas: specReplicas },
    status: { replicas: statusReplicas, ...(selector !== "" && { selector }) },
  };
}

function readings(definition: ResourceDefinition, object: Unstructured) {
  const paths = definition.custom?.scale;
  if (paths !== undefined) {
    const numberAt = (path: string): number => Number(textAt(object, path.replace(/^\./, "")) || 0);
    return {
      specReplicas: numberAt(paths.specReplicasPath),
      statusReplicas: numberAt(paths.statusReplicasPath),
      selector: paths.labelSelectorPath === undefined ? "" : textAt(object, paths.labelSelectorPath.replace(/^\./, "")),
    };
  }
  const { spec, status } = object as Scalable;
  const isPlain = definition.resource === "replicationcontrollers";
  const selector = isPlain
    ? { matchLabels: (spec?.selector ?? {}) as Record<string, string> }
    : (spec?.selector as LabelSelector | undefined);
  return {
    specReplicas: spec?.replicas ?? 0,
    statusReplicas: status?.replicas ?? 0,
    selector: selector === undefined ? "" : labelMatcherOf(selector).toString(),
  };
}

/** The scale of a workload as a write to it begins: with who owns the replicas. */
export function trackedScaleOf(
  definition: ResourceDefinition,
  object: Unstructured,
  pathOf: ReplicasPathOf,
): Unstructured {
  const { metadata, ...scale } = scaleOf(definition, object);
  const managedFields = scaleManagedFields(object.metadata?.managedFields, pathOf);
  return { ...scale, metadata: managedFields.length === 0 ? metadata : { ...metadata, managedFields } } as Unstructured;
}

/** The Scale that a client is shown. @throws {ApiError} 500 for a custom resource that does not say how many it wants. */
export function shownScale(definition: ResourceDefinition, object: Unstructured): Unstructured {
  const path = definition.custom?.scale?.specReplicasPath;
  if (path !== undefined && textAt(object, path.replace(/^\./, "")) === "")
    throw ApiError.internal(`the spec replicas field "${path}" does not exist`);
  return scaleOf(definition, object);
}

/** Where the replicas stand that the scale of a workload shows. */
export function replicasPathOf({ custom }: ResourceDefinition): readonly string[] {
  return (custom?.scale?.specReplicasPath ?? ".spec.replicas").split(".").filter((part) => part !== "");
}

/** The workload with the replicas that a Scale asks for, owned by whom it says. */
export function withScale(
  definition: ResourceDefinition,
  object: Unstructured,
  scale: Unstructured,
  pathOf: ReplicasPathOf,
): Unstructured {
  const replicas = (scale["spec"] as { replicas?: number } | undefined)?.replicas ?? 0;
  const { managedFields, ...metadata } = object.metadata ?? {};
  const asked = scale.metadata?.resourceVersion;
  const owners = scale.metadata?.managedFields;
  const managed = managedFieldsAfterScale(managedFields, owners, pathOf, apiVersionOf(definition));
  return {
    ...setAt(object, replicasPathOf(definition), replicas),
    metadata: {
      ...metadata,
      ...(asked !== undefined && asked !== "" && { resourceVersion: asked }),
      ...(managed.length > 0 && { managedFields: managed }),
    },
  } as Unstructured;
}

function setAt(object: unknown, [head, ...tail]: readonly string[], value: unknown): Record<string, unknown> {
  const present = (object ?? {}) as Record<string, unknown>;
  return { ...present, [head!]: tail.length === 0 ? value : setAt(present[head!], tail, value) };
}
