import { ApiError, fieldError, type ObjectSchema, schemaOf, type Unstructured, validateCreate } from "@tsukube/api";
import type { TokenRequest, TokenRequestSpec } from "@tsukube/api/types/authentication-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { ApiResponse } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import type { Tokens } from "../authentication/tokens.ts";
import type { Accepted } from "../chain/negotiation.ts";
import type { RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import { encode, headersOf } from "./represent.ts";
import { decodeTransient } from "./transient.ts";
import { writeOptions } from "./write-options.ts";
import type { Writer } from "./writer.ts";

const KIND = { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" };
const RESOURCE = { group: KIND.group, resource: KIND.kind };
/** What kubelets ask for, and how long such a token is good all the same: a client that keeps its first one goes on (KEP-1205). */
const POD_TOKEN_SECONDS = 3607;
const YEAR_SECONDS = 365 * 24 * 60 * 60;
const NODES = "/registry/minions/";
const WEBHOOK_TOKENS = "APIServerWebhookAuthenticationToken";
const WEBHOOKS = /^admissionregistration\.k8s\.io\/v1, Kind=(Validating|Mutating)WebhookConfiguration$/;

type Bound = Pick<Parameters<Tokens["issue"]>[0], "boundTo" | "node">;

/** Tokens of service accounts on request (KEP-1205): the serviceaccounts/token subresource. */
export class AccountTokens {
  readonly #writer: Writer;
  readonly #tokens: Tokens;

  constructor(writer: Writer, tokens: Tokens) {
    this.#writer = writer;
    this.#tokens = tokens;
  }

  /** @throws {ApiError} 400, 404, 409, 422. */
  async create(context: RequestContext, definition: ResourceDefinition, accepted: Accepted): Promise<ApiResponse> {
    const { clock, store, admission } = this.#writer.deps;
    const { namespace, name, query } = context.info;
    const dryRun = query.getAll("dryRun").includes("All");
    const asked = decodeTransient(context, KIND, clock);
    const attributes = {
      ...{
        context,
        operation: "CREATE" as const,
        resource: definition,
        kind: KIND,
        subresource: "token",
        namespace,
        name,
      },
      ...{ oldObject: undefined, options: writeOptions("CREATE", query, dryRun), dryRun },
    };
    const admitted = await admission.mutate({ ...attributes, object: asked });
    const body = (admitted ?? asked) as TokenRequest & Unstructured;
    if ((body.metadata?.name ?? "") !== "" && body.metadata?.name !== name)
      refuse("metadata.name", body.metadata?.name, "must match the service account name if specified", name);
    const account = store.get(definition, namespace, name)?.object;
    if (account === undefined) throw ApiError.notFound(definition, name);
    const uid = account.metadata?.uid ?? "";
    const meant = body.metadata?.uid ?? "";
    if (meant !== "" && meant !== uid) {
      const why = `the UID in the token request (${meant}) does not match the UID of the service account (${uid})`;
      throw ApiError.conflict(RESOURCE, name, why);
    }
    const given = body.spec?.audiences ?? [];
    const spec = { ...body.spec, audiences: given.length > 0 ? given : this.#tokens.audiences };
    const creationTimestamp = formatTime(clock.now());
    const request = { ...body, metadata: { ...body.metadata, name, uid, creationTimestamp }, spec };
    const errors = validateCreate(KIND, request);
    if (errors.length > 0) throw ApiError.invalid(KIND, "", errors);
    await admission.validate({ ...attributes, object: request });
    const seconds = spec.expirationSeconds ?? 3600;
    const bound = this.#bound(namespace, name, spec);
    const isOwn = spec.audiences.every((audience) => this.#tokens.audiences.includes(audience));
    const isOfPod = bound.boundTo?.kind === "Pod" && seconds === POD_TOKEN_SECONDS && isOwn;
    const lasting = isOfPod ? { expirationSeconds: YEAR_SECONDS, staleAfterSeconds: seconds } : {};
    const { token, credentialId, issuedAt } = this.#tokens.issue({
      ...{ namespace, serviceAccount: name, serviceAccountUid: uid, audiences: spec.audiences },
      ...{ expirationSeconds: seconds, ...lasting, ...bound },
    });
    context.annotate?.("authentication.kubernetes.io/issued-credential-id", credentialId);
    const expirationTimestamp = formatTime((issuedAt + seconds) * 1000);
    const object = { ...request, status: { token, expirationTimestamp } };
    const schema = schemaOf(KIND) as ObjectSchema;
    return { status: 201, headers: headersOf(accepted), body: encode(object, schema, accepted) };
  }

  /** What the token ends with. */
  #bound(namespace: string, account: string, { boundObjectRef: ref }: TokenRequestSpec): Bound {
    if (ref === undefined || ref === null) return {};
    const { kind = "", apiVersion = "", name = "" } = ref;
    if (!isBindable(kind) || apiVersion.includes("/")) {
      const type = `${apiVersion.includes("/") ? "" : "/"}${apiVersion}, Kind=${kind}`;
      const isOff = WEBHOOKS.test(type) && !this.#writer.deps.gates.isOn(WEBHOOK_TOKENS);
      throw ApiError.badRequest(
        `cannot bind token to object of type ${type}${isOff ? ` (feature gate ${WEBHOOK_TOKENS} is disabled)` : ""}`,
      );
    }
    if (name === "") throw ApiError.badRequest("Name parameter required.");
    const { cache } = this.#writer.deps.store;
    const place = kind === "Node" ? NODES : `/registry/${kind.toLowerCase()}s/${namespace}/`;
    const found = cache.get(place + name)?.object;
    const resource = { group: "", resource: `${kind.toLowerCase()}s` };
    if (found === undefined) throw ApiError.notFound(resource, name);
    const pod = kind === "Pod" ? (found as Pod) : undefined;
    if (pod !== undefined && pod.spec?.serviceAccountName !== account) {
      throw ApiError.badRequest(
        `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
      );
    }
    const uid = found.metadata?.uid ?? "";
    if ((ref.uid ?? "") !== "" && ref.uid !== uid) {
      const why = `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
      throw ApiError.conflict({ group: "", resource: kind }, name, why);
    }
    const nodeName = pod?.spec?.nodeName ?? "";
    if (nodeName === "") return { boundTo: { kind, name, uid } };
    const node = cache.get(NODES + nodeName)?.object;
    return {
      boundTo: { kind, name, uid },
      ...(node !== undefined && { node: { name: nodeName, uid: node.metadata?.uid ?? "" } }),
    };
  }
}

function isBindable(kind: string): kind is "Pod" | "Secret" | "Node" {
  return kind === "Pod" || kind === "Secret" || kind === "Node";
}

function refuse(field: string, value: unknown, why: string, name: string): never {
  throw ApiError.invalid(KIND, name, [fieldError.invalid(field, value, why)]);
}
