import {
  ApiError,
  decodeUnstructured,
  encodeUnstructuredText,
  type Json,
  jsonEqual,
  type Unstructured,
} from "@tsukube/api";
import type { CustomResourceDefinition } from "@tsukube/api/types/apiextensions-v1";
import { messageOf, type Random } from "@tsukube/foundation";
import type { WebhookClient } from "../admission/webhooks/webhook-client.ts";
import type { ConvertObjects } from "../registry/definition.ts";

const TIMEOUT_SECONDS = 30;
const NEVER = new AbortController().signal;

interface ConversionReview {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly response?: {
    readonly uid?: string;
    readonly convertedObjects?: readonly Unstructured[];
    readonly result?: { readonly status?: string; readonly message?: string };
  };
}

/** Has a webhook convert the objects of a definition (apiextensions.k8s.io ConversionReview). */
export function conversionWebhook(
  crd: CustomResourceDefinition,
  client: WebhookClient,
  random: Random,
): ConvertObjects {
  const webhook = crd.spec?.conversion?.webhook;
  const version = (webhook?.conversionReviewVersions ?? []).find((one) => one === "v1" || one === "v1beta1") ?? "v1";
  const review = { kind: "ConversionReview", apiVersion: `apiextensions.k8s.io/${version}` };
  return async (objects, desiredAPIVersion) => {
    const uid = random.uuid();
    const body = encodeUnstructuredText({ ...review, request: { uid, desiredAPIVersion, objects } });
    const from = objects[0]!;
    const fail = (why: string): never => {
      const source = `${from.apiVersion}, Kind=${from.kind}`;
      throw ApiError.unknown(`conversion webhook for ${source} ${why}`);
    };
    const config = webhook?.clientConfig ?? {};
    let answer: ConversionReview;
    try {
      const bytes = await client.post({ config, timeoutSeconds: TIMEOUT_SECONDS, body, signal: NEVER });
      answer = decodeUnstructured<Json>(bytes).object as ConversionReview;
    } catch (error) {
      return fail(`failed: ${messageOf(error).replace("failed to call webhook: ", "")}`);
    }
    const { response } = answer;
    if (version === "v1" && (answer.kind !== review.kind || answer.apiVersion !== review.apiVersion))
      fail(
        `failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got ${answer.apiVersion}, Kind=${answer.kind}`,
      );
    if (response === undefined) return fail("failed: no response provided");
    if (version === "v1" && response.uid !== uid)
      fail(`failed: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? "")}`);
    const { status = "", message = "" } = response.result ?? {};
    if (status !== "Success") fail(`failed: ${message || `response.result.status was '${status}', not 'Success'`}`);
    const converted = response.convertedObjects ?? [];
    if (converted.length !== objects.length) fail(`returned ${converted.length} objects, expected ${objects.length}`);
    return converted.map((object, index) => {
      const wrong = problemOf(objects[index]!, object, desiredAPIVersion);
      if (wrong !== undefined) fail(`returned invalid converted object at index ${index}: ${wrong}`);
      return withOwnMetadata(objects[index]!, object);
    });
  };
}

function problemOf(original: Unstructured, converted: Unstructured, apiVersion: string): string | undefined {
  if (converted.apiVersion !== apiVersion)
    return `invalid groupVersion (expected ${apiVersion}, received ${converted.apiVersion})`;
  if (converted.kind !== original.kind) return `invalid kind (expected ${original.kind}, received ${converted.kind})`;
  const [was, is] = [original.metadata ?? {}, converted.metadata ?? {}];
  for (const [field, shown] of [
    ["name", "name"],
    ["namespace", "namespace"],
    ["uid", "UID"],
  ] as const) {
    if (!jsonEqual(was[field] ?? "", is[field] ?? ""))
      return `must have the same ${shown}: ${was[field] ?? ""} != ${is[field] ?? ""}`;
  }
  return undefined;
}

/** Of metadata, labels and annotations are all that a webhook may change. */
function withOwnMetadata(original: Unstructured, converted: Unstructured): Unstructured {
  const { labels: _labels, annotations: _annotations, ...own } = original.metadata ?? {};
  const { labels, annotations } = converted.metadata ?? {};
  return {
    ...converted,
    metadata: { ...own, ...(labels !== undefined && { labels }), ...(annotations !== undefined && { annotations }) },
  };
}
