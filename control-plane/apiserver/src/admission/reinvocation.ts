import type { Unstructured } from "@tsukube/api";

/** What the admission of one request remembers, so that webhooks can be asked again about what came after them. */
export class Reinvocation {
  /** This is the second time round. */
  isAgain = false;
  /** What the webhooks made of the object the first time. */
  lastOutput: Unstructured | undefined;
  /** What the policies made of it. */
  lastPolicyOutput: Unstructured | undefined;
  #isRequested = false;
  #called = new Set<string>();
  readonly #required = new Set<string>();

  /** A second round is needed. */
  get isRequested(): boolean {
    return this.#isRequested;
  }

  request(): void {
    this.#isRequested = true;
  }

  /** A webhook that wants to be asked again was asked now. */
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
