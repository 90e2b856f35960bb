import { tarHeader, tarPadding } from "./tar-header.ts";

/** A record of pax: its length counts itself. */
export function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const digits = String(rest + String(rest).length).length;
  return `${rest + digits} ${key}=${value}\n`;
}

/** An entry about the one that follows, whatever is in it. @param type "x", "g", "L" or "K". */
export function paxEntry(records: string, type = "x"): readonly Buffer[] {
  const size = Buffer.byteLength(records);
  const special = tarHeader({ path: "pax", type: "file", mode: 0o644, uid: 0, gid: 0, size, mtime: 0 });
  special.write(type, 156);
  writeChecksum(special);
  return [special, Buffer.from(records), tarPadding(size)];
}

/** After a change of a header. */
export function writeChecksum(header: Buffer): void {
  header.write("        ", 148, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}
