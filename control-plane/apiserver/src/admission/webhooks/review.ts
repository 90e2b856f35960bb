import {
  ApiError,
  decodeUnstructured,
  encodeUnstructuredText,
  type GroupVersionKind,
  type Json,
  jsonPatch,
  type Unstructured,
} from "@tsukube/api";
import type { AdmissionResponse } from "@tsukube/api/types/admission-v1";
import type { Status } from "@tsukube/api/types/meta-v1";
import type { AdmissionAttributes, User } from "../../contracts.ts";
import type { Registry } from "../../registry/registry.ts";
import { inForm, jsonOf, jsonTextOf, objectOf } from "../object-forms.ts";
import type { Invocation, Webhook } from "./webhook.ts";

/** The webhook did not answer, or not as it should: its failure policy decides. */
export class WebhookFailure extends Error {}

/** The version in which a webhook is asked and answers: the first that is known of those it takes. */
export function reviewVersionOf({ spec }: Webhook): ReviewVersion {
  const isKnown = (version: string): version is ReviewVersion => version === "v1" || version === "v1beta1";
  return (spec.admissionReviewVersions ?? []).find(isKnown) ?? "v1";
}

type ReviewVersion = "v1" | "v1beta1";

/** The text of an AdmissionReview (admission/v1, or v1beta1 for old webhooks) about a request. */
export function reviewText(
  registry: Registry,
  { resource, kind, webhook }: Invocation,
  attributes: AdmissionAttributes,
  uid: string,
): string {
  const { subresource, name, namespace, operation, context, dryRun, options } = attributes;
  const request = {
    uid,
    kind: gvk(kind),
    resource: gvr(resource),
    ...(subresource !== "" && { subResource: subresource }),
    requestKind: gvk(attributes.kind),
    requestResource: gvr(attributes.resource),
    ...(subresource !== "" && { requestSubResource: subresource }),
    ...(name !== "" && { name }),
    ...(namespace !== "" && { namespace }),
    operation,
    userInfo: userInfo(context.user),
  };
  const form = (object: Unstructured | undefined): string =>
    object === undefined ? "null" : jsonTextOf(registry, { kind, resource }, object);
  const head = JSON.stringify(request).slice(0, -1);
  const object = `"object":${form(attributes.object)},"oldObject":${form(attributes.oldObject)}`;
  const tail = `"dryRun":${dryRun},"options":${options === undefined ? "null" : encodeUnstructuredText(options)}`;
  return `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/${reviewVersionOf(webhook)}","request":${head},${object},${tail}}}`;
}

function gvk({ group, version, kind }: GroupVersionKind): object {
  return { group, version, kind };
}

function gvr({ group, version, resource }: { group: string; version: string; resource: string }): object {
  return { group, version, resource };
}

function userInfo({ name, uid, groups, extra }: User): object {
  const more = Object.keys(extra).length > 0;
  return { username: name, ...(uid !== undefined && { uid }), groups, ...(more && { extra }) };
}

/** Reads and checks a webhook's answer; of v1beta1 the response alone. @throws {WebhookFailure} */
export function responseOf(
  body: Uint8Array,
  version: ReviewVersion,
  uid: string,
  mutating: boolean,
): AdmissionResponse {
  const invalid = (why: string): never => {
    throw new WebhookFailure(`received invalid webhook response: ${why}`);
  };
  let review: { apiVersion?: string; kind?: string; response?: AdmissionResponse & { uid?: string } };
  try {
    review = decodeUnstructured<typeof review & Json>(body).object;
  } catch (error) {
    throw new WebhookFailure(`failed to call webhook: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { response } = review;
  if (!response) return invalid("webhook response was absent");
  if (version === "v1beta1") return response.patch ? { ...response, patchType: "JSONPatch" } : response;
  if (response.uid !== uid) invalid(`expected response.uid="${uid}", got "${response.uid ?? ""}"`);
  if (review.apiVersion !== "admission.k8s.io/v1" || review.kind !== "AdmissionReview") {
    const { apiVersion = "", kind = "" } = review;
    const got = apiVersion === "" ? `/, Kind=${kind}` : `${apiVersion}, Kind=${kind}`;
    invalid(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${got}`);
  }
  const [hasPatch, hasType] = [(response.patch ?? "") !== "", typeof response.patchType === "string"];
  if (!mutating && hasPatch) invalid("validating webhook may not return response.patch");
  if (!mutating && hasType) invalid("validating webhook may not return response.patchType");
  if (hasPatch && !hasType) invalid("webhook returned response.patch but not response.patchType");
  if (!hasPatch && hasType) invalid("webhook returned response.patchType but not response.patch");
  return response;
}

/** What the client gets when the webhook said no. */
export function denial(name: string, result: Status | null | undefined): ApiError {
  const denied = `admission webhook "${name}" denied the request`;
  const why = result?.message || result?.reason;
  return new ApiError({
    ...result,
    status: "Failure",
    message: why ? `${denied}: ${why}` : `${denied} without explanation`,
    code: Math.max(result?.code ?? 0, 400),
  });
}

/** The object as the webhook's patch (base64, RFC 6902) makes it, with defaults, in the version of the request. Undefined: as it is. */
export async function patched(
  registry: Registry,
  invocation: Invocation,
  attributes: AdmissionAttributes,
  patch: string,
): Promise<Unstructured | undefined> {
  const operations = decodePatch(patch);
  if (operations.length === 0) return undefined;
  if (attributes.object === undefined) {
    const { name } = invocation.webhook.spec;
    throw ApiError.internal(
      new Error(
        `admission webhook "${name}" attempted to modify the object, which is not supported for this operation`,
      ),
    );
  }
  const shown = await inForm(registry, invocation, attributes);
  const before = jsonOf(registry, invocation, shown.object ?? attributes.object);
  return objectOf(registry, invocation, attributes, applied(before, operations));
}

/** @throws {ApiError} 500: that it does not fit is not the client's fault. */
function applied(before: Json, operations: Json): Json {
  try {
    return jsonPatch(before, operations);
  } catch (error) {
    throw ApiError.internal(error instanceof ApiError ? (error.cause ?? error) : error);
  }
}

function decodePatch(patch: string): readonly Json[] {
  const undecodable = (why: string): never => {
    throw new WebhookFailure(`received undecodable patch in webhook response: ${why}`);
  };
  let operations: Json;
  try {
    operations = decodeUnstructured<Json>(Buffer.from(patch, "base64")).object;
  } catch (error) {
    return undecodable(error instanceof Error ? error.message : String(error));
  }
  if (operations === null) return [];
  return Array.isArray(operations) ? operations : undecodable("it is no list of operations");
}
