import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";

/** Serves one image on a port of the loopback (OCI distribution spec, pulling): busybox with sh and sleep, whatever tag is asked for. */
export async function serveImage(lifetime: Lifetime, port: number, name: string): Promise<Server> {
  const layer = await busyboxLayer();
  const packed = gzipSync(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
    }),
  );
  const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: descriptor("application/vnd.oci.image.config.v1+json", config),
      layers: [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
    }),
  );
  const blobs = new Map([manifest, config, packed].map((bytes) => [digestOf(bytes), bytes]));
  const server = createServer(({ url = "", method }, response) => {
    const [, kind, reference = ""] = new RegExp(`^/v2/${name}/(manifests|blobs)/(.+)$`).exec(url) ?? [];
    const found = kind === "manifests" && !reference.startsWith("sha256:") ? manifest : blobs.get(reference);
    if (url === "/v2/") response.end("{}");
    else if (found === undefined) response.writeHead(404).end();
    else {
      const type = kind === "manifests" ? mediaType : "application/octet-stream";
      response.writeHead(200, { "content-type": type, "content-length": found.length });
      response.end(method === "HEAD" ? undefined : found);
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  lifetime.add("registry", () => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function busyboxLayer(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-e2e-image-"));
  try {
    mkdirSync(join(folder, "root/bin"), { recursive: true });
    copyFileSync("/bin/busybox", join(folder, "root/bin/busybox"));
    for (const program of ["sh", "sleep"]) symlinkSync("busybox", join(folder, "root/bin", program));
    await run("tar", ["-C", join(folder, "root"), "-cf", join(folder, "layer.tar"), "bin"]);
    return readFileSync(join(folder, "layer.tar"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
