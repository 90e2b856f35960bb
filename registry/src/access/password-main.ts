/** The program of the thread of {@link PasswordChecks}: a hash at a time, in the order that they come. */
import { parentPort } from "node:worker_threads";
import { compareSync } from "bcryptjs";
import type { PasswordCheck } from "./password-checks.ts";

parentPort?.on("message", ({ password, hash }: PasswordCheck) => {
  parentPort?.postMessage(compareSync(password, hash));
});
