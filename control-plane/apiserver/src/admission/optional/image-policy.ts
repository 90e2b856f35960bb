import { dirname, resolve } from "node:path";
import { encodeUnstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { ImageReview, ImageReviewSpec, ImageReviewStatus } from "@tsukube/api/types/imagepolicy-v1alpha1";
import { type Clock, messageOf, type Random } from "@tsukube/foundation";
import { type FieldReader, within } from "../../configuration/field-reader.ts";
import { Kubeconfig, type WebhookTarget } from "../../configuration/kubeconfig.ts";
import { askWebhook } from "../../configuration/webhook-call.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import { refusal } from "../refusal.ts";

/** Who is asked about the images of pods, and what holds when it does not answer. */
export interface ImagePolicy {
  readonly target: WebhookTarget;
  /** How long answers are kept. */
  readonly allowMs: number;
  readonly denyMs: number;
  /** Before the second attempt; before those after it more. */
  readonly retryMs: number;
  readonly defaultAllow: boolean;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const KEPT = 1024;
const KIND = { kind: "ImageReview", apiVersion: "imagepolicy.k8s.io/v1alpha1" };
const ANNOTATIONS = "imagepolicywebhook.image-policy.k8s.io/";

/** Reads `imagePolicy`, which has no version. @param file Where it stands: other files are relative to it. */
export function readImagePolicy(reader: FieldReader, at: string, raw: unknown, file: string): ImagePolicy | undefined {
  const path = within(at, "imagePolicy");
  const {
    kubeConfigFile,
    allowTTL,
    denyTTL,
    retryBackoff,
    defaultAllow = false,
  } = reader.members(path, reader.members(at, raw)["imagePolicy"] ?? {});
  const time = (name: string, value: unknown, unit: number, most: number, usual: number): number => {
    const count = reader.whole(`${path}.${name}`, value);
    if (count < -1 || count * unit > most) reader.wrong(`${path}.${name}`, String(count), `-1 to ${most / unit}`);
    return count === 0 ? usual : count === -1 ? 0 : count * unit;
  };
  const times = {
    allowMs: time("allowTTL", allowTTL, SECOND, 30 * MINUTE, 5 * MINUTE),
    denyMs: time("denyTTL", denyTTL, SECOND, 30 * MINUTE, 30 * SECOND),
    retryMs: time("retryBackoff", retryBackoff, 1, 5 * MINUTE, 500),
  };
  if (typeof defaultAllow !== "boolean") reader.wrong(`${path}.defaultAllow`, String(defaultAllow), "true or false");
  const named = reader.needed(`${path}.kubeConfigFile`, kubeConfigFile);
  if (named === "") return undefined;
  try {
    const target = Kubeconfig.read(resolve(dirname(file), named)).target();
    return { target, ...times, defaultAllow: defaultAllow === true };
  } catch (error) {
    reader.wrong(`${path}.kubeConfigFile`, messageOf(error), "the kubeconfig of who is asked");
    return undefined;
  }
}

/** Asks a server whether the images of pods may run. */
export function imagePolicyWebhook(policy: ImagePolicy, clock: Clock, random: Random): AdmissionPlugin {
  const answers = new Map<string, { readonly status: ImageReviewStatus; readonly until: number }>();
  return {
    name: "ImagePolicyWebhook",
    handles: ({ operation, resource, subresource }) =>
      (operation === "CREATE" || operation === "UPDATE") &&
      resource.group === "" &&
      resource.resource === "pods" &&
      (subresource === "" || subresource === "ephemeralcontainers"),
    async validate(attributes) {
      const spec = questionOf(attributes);
      const key = JSON.stringify(spec);
      const kept = answers.get(key);
      let status = kept !== undefined && kept.until > clock.now() ? kept.status : undefined;
      if (status === undefined) {
        try {
          status = await ask(policy, spec, attributes, clock, random);
        } catch (error) {
          if (!policy.defaultAllow) throw refusal(attributes, messageOf(error));
          attributes.context.annotate?.(`${ANNOTATIONS}failed-open`, "true");
          return;
        }
        answers.delete(key);
        answers.set(key, { status, until: clock.now() + (status.allowed ? policy.allowMs : policy.denyMs) });
        const [oldest] = answers.keys();
        if (answers.size > KEPT && oldest !== undefined) answers.delete(oldest);
      }
      for (const [name, value] of Object.entries(status.auditAnnotations ?? {}))
        attributes.context.annotate?.(ANNOTATIONS + name, value);
      if (status.allowed) return;
      const why = status.reason
        ? `image policy webhook backend denied one or more images: ${status.reason}`
        : "one or more images rejected by webhook backend";
      throw refusal(attributes, why);
    },
  };
}

function questionOf({ object, subresource, namespace }: AdmissionAttributes): ImageReviewSpec {
  const { spec, metadata } = object as Pod;
  const containers =
    subresource === ""
      ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
      : (spec?.ephemeralContainers ?? []);
  const annotations = Object.entries(metadata?.annotations ?? {}).filter(([name]) =>
    name.includes(".image-policy.k8s.io/"),
  );
  return {
    ...(containers.length > 0 && { containers: containers.map(({ image }) => (image ? { image } : {})) }),
    ...(annotations.length > 0 && { annotations: Object.fromEntries(annotations) }),
    namespace,
  };
}

async function ask(
  { target, retryMs }: ImagePolicy,
  spec: ImageReviewSpec,
  { context: { signal } }: AdmissionAttributes,
  clock: Clock,
  random: Random,
): Promise<ImageReviewStatus> {
  const body = encodeUnstructured({ ...KIND, metadata: {}, spec, status: { allowed: false } });
  const { status } = await askWebhook<ImageReview>(target, KIND, body, { clock, random, signal, retryMs });
  return status ?? { allowed: false };
}
