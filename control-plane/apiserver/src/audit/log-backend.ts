import { encodeUnstructuredText } from "@tsukube/api";
import type { RotatingFile } from "@tsukube/host";
import type { AuditBackend } from "./auditor.ts";

/** Events as lines of JSON in a file. */
export class LogAuditBackend implements AuditBackend {
  readonly #file: RotatingFile;

  constructor(file: RotatingFile) {
    this.#file = file;
  }

  log(event: object): void {
    this.#file.write(`${encodeUnstructuredText(event)}\n`);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
