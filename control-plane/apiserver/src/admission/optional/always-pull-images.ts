import type { Unstructured } from "@tsukube/api";
import type { Container, Pod, PodSpec, Volume } from "@tsukube/api/types/core-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import { refusal } from "../refusal.ts";
import { isPodWrite } from "./pod-write.ts";

const ALWAYS = "Always";
const CONTAINERS = ["initContainers", "containers", "ephemeralContainers"] as const;

/** Images are pulled for every pod, with its own credentials: an image that is on a node is not everybody's. */
export const alwaysPullImages: AdmissionPlugin = {
  name: "AlwaysPullImages",
  handles: (attributes) => isPodWrite(attributes) && !keepsImages(attributes),
  async mutate({ object }) {
    const { spec } = object as Pod;
    return spec === undefined || spec === null ? object : ({ ...object, spec: pulling(spec) } as Unstructured);
  },
  async validate(attributes) {
    const spec = (attributes.object as Pod).spec;
    for (const kind of CONTAINERS)
      for (const [index, { imagePullPolicy }] of (spec?.[kind] ?? []).entries())
        refuseOther(attributes, `spec.${kind}[${index}].imagePullPolicy`, imagePullPolicy);
    for (const [index, { image }] of (spec?.volumes ?? []).entries())
      if (image !== undefined && image !== null)
        refuseOther(attributes, `spec.volumes[${index}].image.pullPolicy`, image.pullPolicy);
  },
};

function pulling(spec: PodSpec): PodSpec {
  const inContainer = <C extends Container>(container: C): C => ({ ...container, imagePullPolicy: ALWAYS });
  const inVolume = (volume: Volume): Volume =>
    volume.image === undefined || volume.image === null
      ? volume
      : { ...volume, image: { ...volume.image, pullPolicy: ALWAYS } };
  const { initContainers, volumes } = spec;
  return {
    ...spec,
    containers: (spec.containers ?? []).map(inContainer),
    ...(initContainers && { initContainers: initContainers.map(inContainer) }),
    ...(volumes && { volumes: volumes.map(inVolume) }),
  };
}

/** An update that brings no other image may keep what it has. */
function keepsImages({ operation, object, oldObject }: AdmissionAttributes): boolean {
  const before = imagesOf(oldObject);
  return operation === "UPDATE" && [...imagesOf(object)].every((image) => before.has(image));
}

function imagesOf(object: Unstructured | undefined): ReadonlySet<string | undefined> {
  const spec = (object as Pod | undefined)?.spec;
  return new Set(CONTAINERS.flatMap((kind) => (spec?.[kind] ?? []).map(({ image }) => image)));
}

function refuseOther(attributes: AdmissionAttributes, at: string, policy: string | undefined): void {
  if (policy !== ALWAYS)
    throw refusal(attributes, `${at}: Unsupported value: "${policy ?? ""}": supported values: "${ALWAYS}"`);
}
