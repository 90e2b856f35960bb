import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock, run, systemRandom } from "@tsukube/host";
import { Registry } from "@tsukube/registry";

/** The official tests, as a Go module. */
const MODULE = "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111";
/** Beyond what they ask for by default. */
const ALSO = {
  OCI_API_BLOBS_DIGEST_HEADER: "true",
  OCI_API_BLOBS_UPLOAD_CANCEL: "true",
  OCI_API_MANIFESTS_DIGEST_HEADER: "true",
  OCI_API_MANIFESTS_TAG_PARAM: "true",
};

/** `npm run oci-conformance`: runs the official tests of the distribution spec against our registry. Needs Go and a network. */
const folder = mkdtempSync(join(tmpdir(), "tsukube-oci-conformance-"));
const registry = await Registry.open({ folder: join(folder, "data"), clock: realClock, random: systemRandom });
try {
  const port = await registry.listen("127.0.0.1", 0);
  const { code, stdout, stderr } = await run("go", ["run", MODULE], {
    env: { ...process.env, ...ALSO, OCI_REGISTRY: `127.0.0.1:${port}`, OCI_TLS: "disabled", OCI_RESULTS_DIR: folder },
    cwd: folder,
    accept: Array.from({ length: 256 }, (_, each) => each),
  });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  const failures = readFileSync(join(folder, "junit.xml"), "utf8").match(/<(?:failure|error)\b/g)?.length ?? 0;
  process.exitCode = code === 0 && failures === 0 ? 0 : 1;
} finally {
  await registry.close();
  rmSync(folder, { recursive: true });
}
