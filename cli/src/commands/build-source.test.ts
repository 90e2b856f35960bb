import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { outputPlace } from "./build-output.ts";
import { BuildReasons } from "./build-reasons.ts";
import { type BuildSource, buildSource, contextPlace } from "./build-source.ts";

const folder = mkdtempSync(join(tmpdir(), "tsukube-source-"));
beforeAll(() => {
  mkdirSync(join(folder, "web/sub"), { recursive: true });
  for (const name of ["web/Dockerfile", "web/sub/Other", "Elsewhere", "Elsewhere.dockerignore"])
    writeFileSync(join(folder, name), name);
  vi.spyOn(process, "cwd").mockReturnValue(folder);
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

async function contentOf(archive: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  return archive === undefined ? "" : Buffer.concat(await Array.fromAsync(archive)).toString("latin1");
}
const contextOf = ({ context }: BuildSource) => contentOf("archive" in context ? context.archive : undefined);

test("a Dockerfile is that of the folder, or looked for from here and then in the folder", async () => {
  expect((await buildSource("web", undefined)).dockerfile).toBe("Dockerfile");
  expect((await buildSource("web", "web/sub/Other")).dockerfile).toBe("sub/Other");
  expect((await buildSource("web", "sub/Other")).dockerfile).toBe("sub/Other");
  const outside = await buildSource("web", "Elsewhere");
  expect([outside.dockerfile, outside.place?.name]).toEqual(["Elsewhere", "dockerfile"]);
  expect(await contentOf(outside.place?.archive)).toContain("Elsewhere.dockerignore");
  await expect(buildSource("web", "missing")).rejects.toThrow('Cannot build "web": it has no missing');
  await expect(buildSource("nowhere", undefined)).rejects.toThrow("no such folder");
});

test("what comes on the standard input is a Dockerfile alone, an archive, or the Dockerfile of a folder", async () => {
  const alone = await buildSource("-", undefined, () => Buffer.from("FROM scratch"));
  expect(await contextOf(alone)).toContain("FROM scratch");
  const packed = gzipSync("an archive");
  const archive = await buildSource("-", "sub/Dockerfile", () => packed);
  expect([archive.dockerfile, await contextOf(archive)]).toEqual(["sub/Dockerfile", packed.toString("latin1")]);
  const beside = await buildSource("web", "-", () => Buffer.from("FROM web"));
  expect([beside.dockerfile, beside.place?.name]).toEqual(["Dockerfile", "dockerfile"]);
  expect(await contentOf(beside.place?.archive)).toContain("FROM web");
});

test("a further context is a folder, an image or a repository", () => {
  expect(contextPlace("a=web")).toEqual({ name: "a", folder: join(folder, "web") });
  expect(contextPlace("a=docker-image://b:1")).toEqual({ name: "a", image: "b:1" });
  expect(contextPlace("a=https://host/r.git#main")).toEqual({ name: "a", remote: "https://host/r.git#main" });
  for (const text of ["a", "=web", "a=nowhere", "a=oci-layout:web", "a="])
    expect(() => contextPlace(text)).toThrow(`Cannot use --build-context ${text}`);
});

test("of an OCI image layout goes the image that is named, with what it is made of", async () => {
  const root = join(folder, "layout");
  mkdirSync(join(root, "blobs/sha256"), { recursive: true });
  const blob = (content: object) => {
    const bytes = JSON.stringify(content);
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(root, "blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const image = (name: string) => blob({ config: blob({ name }), layers: [blob({ layer: name })] });
  const named = (tag: string, entry: object) => ({
    ...entry,
    annotations: { "org.opencontainers.image.ref.name": tag },
  });
  const list = { manifests: [image("of a list"), { digest: `sha256:${"0".repeat(64)}`, size: 1 }] };
  const hidden = image("hidden");
  const manifests = [named("1.0", image("one")), named("latest", image("two")), named("all", blob(list))];
  writeFileSync(join(root, "index.json"), JSON.stringify({ manifests }));
  const sent = (place: string) => contentOf(contextPlace(`a=oci-layout://${place}`).layout);
  expect(await sent("layout:1.0")).toMatch(/oci-layout[\s\S]*index.json[\s\S]*"layer":"one"/);
  expect(await sent("layout:1.0")).not.toContain("two");
  expect(await sent("layout")).toContain('"layer":"two"');
  expect(await sent("layout:all")).toContain('"layer":"of a list"');
  expect(await sent(`layout@${hidden.digest}`)).toContain('"layer":"hidden"');
  for (const [place, why] of [
    ["layout:2", 'it has no image "2", expected one of 1.0, latest, all'],
    [`layout@sha256:${"1".repeat(64)}`, "it has no manifest sha256:1"],
    ["layout@../../passwd", "it has no manifest"],
    ["web", "index.json cannot be read (ENOENT"],
  ] as const)
    expect(() => contextPlace(`a=oci-layout://${place}`)).toThrow(`as an OCI image layout: ${why}`);
});

test("blobs of a layout may be links to files, and to nothing else", async () => {
  const root = join(folder, "linked");
  mkdirSync(join(root, "blobs/sha256"), { recursive: true });
  const digit = (value: string): string => value.repeat(64);
  const descriptor = (value: string) => ({ digest: `sha256:${digit(value)}` });
  const files = {
    "1": JSON.stringify({ config: descriptor("2"), layers: [descriptor("3"), descriptor("4"), descriptor("5")] }),
    "2": "of the configuration",
    "3": "of the layer",
  };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content);
    symlinkSync(join("../../..", name), join(root, "blobs/sha256", digit(name)));
  }
  symlinkSync("../../../web", join(root, "blobs/sha256", digit("4")));
  symlinkSync("nowhere", join(root, "blobs/sha256", digit("5")));
  writeFileSync(join(root, "index.json"), JSON.stringify({ manifests: [descriptor("1")] }));
  const sent = await contentOf(contextPlace("a=oci-layout://linked").layout);
  expect(sent).toMatch(/"layers"[\s\S]*of the configuration[\s\S]*of the layer/);
  expect(sent).not.toMatch(/(4{64}|5{64})\0/);
});

test.each([
  ["null", "index.json is malformed"],
  ["[]", "index.json is malformed"],
  ['{"manifests":null}', 'it has no image "latest", expected one of none'],
  ['{"manifests":{}}', "index.json is malformed"],
  ['{"manifests":[null]}', "index.json is malformed"],
  ['{"manifests":[{}]}', "index.json is malformed"],
  ['{"manifests":[{"digest":"sha256:a","annotations":[]}]}', "index.json is malformed"],
  ['{"manifests":[{"digest":"sha256:../../index.json"}]}', '"sha256:../../index.json" is no digest'],
])("the index %s of a layout is refused", (index, why) => {
  mkdirSync(join(folder, "wrong"), { recursive: true });
  writeFileSync(join(folder, "wrong/index.json"), index);
  expect(() => contextPlace("a=oci-layout://wrong")).toThrow(`as an OCI image layout: ${why}`);
});

test.each([
  ["out", { kind: "files", unpacks: true, path: join(folder, "out"), names: [] }],
  ["-", { kind: "files", unpacks: false, names: [] }],
  ["type=local,dest=out", { kind: "files", unpacks: true, path: join(folder, "out"), names: [] }],
  ["type=tar,dest=a.tar", { kind: "files", unpacks: false, path: join(folder, "a.tar"), names: [] }],
  ["type=oci,dest=-", { kind: "image", unpacks: false, names: [] }],
  ["type=oci,tar=false,dest=out,name=a:1", { kind: "image", unpacks: true, path: join(folder, "out"), names: ["a:1"] }],
  ["type=docker,dest=a.tar", { kind: "image", unpacks: false, path: join(folder, "a.tar"), names: [] }],
  ["type=docker", { kind: "engine", unpacks: false, names: [] }],
  ["type=docker,name=a:1", { kind: "engine", unpacks: false, names: ["a:1"] }],
  ["type=image,name=a:1", { kind: "engine", unpacks: false, names: ["a:1"] }],
])("the output %s is %o", (given, place) => {
  expect(outputPlace(given)).toEqual(place);
});

test.each([
  "",
  "type=local",
  "type=local,dest=-",
  "type=tar,dest=",
  "type=registry,dest=a",
  "type=tar,dest=a,tar=false",
  "type=tar,dest=a,name=b",
  "type=image,name=",
])("the output %o is refused", (given) =>
  expect(() => outputPlace(given)).toThrow(`Cannot use --output ${given}: expected a folder`),
);

test("why a build did what it did is one line for each step that ran", () => {
  const reasons = new BuildReasons();
  const said = ["Step 1/3 : FROM a\n", "Step 2/3 : COPY b /\n", ' ---> Running (step 2): "b" changed\n', "a line\n"];
  for (const text of [...said, "Step 3/3 : RUN c\n", " ---> Using cache (step 3)\n"]) reasons.read(text);
  expect(reasons.lines).toEqual(['step 2/3 COPY b /: "b" changed', "1 steps were found in the cache"]);
  expect(new BuildReasons().lines).toEqual(["nothing ran: 0 steps were found in the cache"]);
});
