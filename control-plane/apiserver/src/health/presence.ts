import type { ApiResponse } from "@tsukube/client";
import { FlowingBody } from "../sending/flowing-body.ts";

/** Who watches: a component of the control plane that has no watch open hears of nothing and does nothing. */
export class Presence {
  readonly #watches = new Map<string, number>();

  /** Notes the answer to a user's request as long as it lasts. */
  noted(user: string, response: ApiResponse): ApiResponse {
    if (!(response.body instanceof FlowingBody) || !response.body.lasts) return response;
    this.#add(user, 1);
    response.body.whenOver(() => this.#add(user, -1));
    return response;
  }

  isHere(user: string): boolean {
    return this.#watches.has(user);
  }

  #add(user: string, count: number): void {
    const watches = (this.#watches.get(user) ?? 0) + count;
    if (watches > 0) this.#watches.set(user, watches);
    else this.#watches.delete(user);
  }
}
