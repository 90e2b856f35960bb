import type { Unstructured } from "@tsukube/api";

/** What the admission of one request remembers, so that webhooks and policies can be asked again about what came after them. */
export class Reinvocation {
  /** This is the second time round. */
  isAgain = false;
  #isRequested = false;
  readonly #asked = new Map<string, Asked>();

  /** A second round is needed. */
  get isRequested(): boolean {
    return this.#isRequested;
  }

  request(): void {
    this.#isRequested = true;
  }

  /** Those whom one plugin asks: what others change does not concern them before it comes to them. */
  of(plugin: string): Asked {
    let asked = this.#asked.get(plugin);
    if (asked === undefined) this.#asked.set(plugin, (asked = new Asked()));
    return asked;
  }
}

/** The webhooks, or the policies, that were asked about one request. */
export class Asked {
  /** What they made of the object the first time. */
  lastOutput: Unstructured | undefined;
  #called = new Set<string>();
  readonly #required = new Set<string>();

  /** One that wants to be asked again was asked now. */
  remember(id: string): void {
    this.#called.add(id);
  }

  /** The object changed: whoever was asked before has not seen it. */
  requireAll(): void {
    for (const id of this.#called) this.#required.add(id);
    this.#called = new Set();
  }

  isRequired(id: string): boolean {
    return this.#required.has(id);
  }
}
