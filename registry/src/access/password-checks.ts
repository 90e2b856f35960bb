import { Worker } from "node:worker_threads";
import { TsukubeError } from "@tsukube/foundation";
import { RegistryError } from "../registry-error.ts";

/** The program of the thread, from its source; a bundle names its own. */
const DEFAULT_PROGRAM = new URL("./password-main.ts", import.meta.url);
const MAX_WAITING = 64;
const MAX_WAITING_OF_ADDRESS = 8;

export interface PasswordCheck {
  readonly password: string;
  /** As bcrypt writes it. */
  readonly hash: string;
}

interface Waiting {
  readonly address: string;
  readonly resolve: (isRight: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Compares passwords with hashes, which takes 50 ms and more, in a thread that is there while something waits for it. */
export class PasswordChecks {
  readonly #program: URL;
  readonly #waiting: Waiting[] = [];
  #thread: Worker | undefined;

  constructor(program = DEFAULT_PROGRAM) {
    this.#program = program;
  }

  /** @param address Who asks: nobody keeps others waiting with guesses. @throws {RegistryError} `TOOMANYREQUESTS`. */
  isRight(check: PasswordCheck, address: string): Promise<boolean> {
    const own = this.#waiting.filter((each) => each.address === address).length;
    if (own >= MAX_WAITING_OF_ADDRESS || this.#waiting.length >= MAX_WAITING)
      throw new RegistryError(
        "TOOMANYREQUESTS",
        "Cannot check the password now: too many wait, expected fewer logins",
        {
          headers: { "retry-after": "1" },
        },
      );
    return new Promise((resolve, reject) => {
      this.#waiting.push({ address, resolve, reject });
      this.#thread ??= this.#start();
      this.#thread.postMessage(check);
    });
  }

  #start(): Worker {
    const thread = new Worker(this.#program);
    thread.on("message", (isRight: boolean) => {
      this.#waiting.shift()?.resolve(isRight);
      if (this.#waiting.length > 0) return;
      this.#thread = undefined;
      void thread.terminate();
    });
    thread.once("error", (cause) => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      const error = new TsukubeError("failed", "Cannot check passwords: the thread that does ended early", { cause });
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
    return thread;
  }
}
