import { encodeUnstructuredText } from "@tsukube/api";
import type { RotatingFile } from "@tsukube/host";
import type { AuditBackend } from "./auditor.ts";

/** Events as lines of JSON, such as in a file. */
export class LogAuditBackend implements AuditBackend {
  readonly #file: Pick<RotatingFile, "write" | "close">;

  constructor(file: Pick<RotatingFile, "write" | "close">) {
    this.#file = file;
  }

  log(event: object): void {
    this.#file.write(`${encodeUnstructuredText(event)}\n`);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
