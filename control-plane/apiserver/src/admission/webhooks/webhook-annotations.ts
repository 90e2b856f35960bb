import { decodeUnstructured, encodeUnstructured } from "@tsukube/api";
import type { RequestContext } from "../../contracts.ts";
import type { Webhook } from "./webhook.ts";

const WHO = { mutating: "mutation.webhook.admission.k8s.io", validating: "validating.webhook.admission.k8s.io" };

/** What audit events of a request say about one webhook that was asked, under kube-apiserver's keys. */
export class WebhookAnnotations {
  readonly kind: keyof typeof WHO;
  readonly #context: RequestContext;
  readonly #webhook: Webhook;
  readonly #place: string;

  /** @param round 1 when it is asked again. @param index Among the webhooks of its kind. */
  constructor(context: RequestContext, kind: keyof typeof WHO, webhook: Webhook, round: 0 | 1, index: number) {
    this.#context = context;
    this.kind = kind;
    this.#webhook = webhook;
    this.#place = `round_${round}_index_${index}`;
  }

  /** What it says itself. */
  said(annotations: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(annotations))
      this.#context.annotate?.(`${this.#webhook.spec.name}/${key}`, value);
  }

  /** It could not be asked, and the request goes on. */
  failedOpen(): void {
    this.#context.annotate?.(`failed-open.${WHO[this.kind]}/${this.#place}`, this.#webhook.spec.name);
  }

  mutated(mutated: boolean): void {
    this.#note("mutation", `"mutated":${mutated}`, "Metadata");
  }

  /** @param patch As it came, in base64. */
  patched(patch: string): void {
    if (this.#context.annotate === undefined) return;
    const operations = decodeUnstructured<object>(Buffer.from(patch, "base64")).object;
    const text = Buffer.from(encodeUnstructured(operations)).toString().trim();
    this.#note("patch", `"patch":${text},"patchType":"JSONPatch"`, "Request");
  }

  #note(what: string, more: string, level: "Metadata" | "Request"): void {
    const { configuration, spec } = this.#webhook;
    const who = `"configuration":${JSON.stringify(configuration)},"webhook":${JSON.stringify(spec.name)}`;
    this.#context.annotate?.(`${what}.webhook.admission.k8s.io/${this.#place}`, `{${who},${more}}`, level);
  }
}
