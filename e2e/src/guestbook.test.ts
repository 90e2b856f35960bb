import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, fetchText } from "./eventually.ts";
import { Tsukube } from "./tsukube.ts";

const ROOT = dirname(dirname(import.meta.dirname));

describe.skipIf(process.getuid?.() !== 0)("the guestbook, from a folder to an application (needs root)", () => {
  const lifetime = new Lifetime();
  const folder = mkdtempSync(join(tmpdir(), "tsukube-guestbook-"));
  const application = join(folder, "guestbook");
  let tsukube: Tsukube;
  let kubectl: Awaited<ReturnType<Tsukube["kubectl"]>>;
  let url: string;

  const out = async (...args: string[]): Promise<string> => (await kubectl(args)).stdout.trim();
  const podsOf = (app: string): Promise<string> =>
    out("get", "pods", "-l", `app=${app}`, "-o", "jsonpath={.items[*].metadata.uid}");
  const restarts = (): Promise<string> =>
    out("get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}");
  const up = async (): Promise<string> => (await tsukube.run(["up", application])).stdout.trim();

  async function sign(name: string, text: string): Promise<void> {
    const body = new URLSearchParams({ name, text });
    const answer = await fetch(`${url}sign`, { method: "POST", body, redirect: "manual" });
    expect(answer.status).toBeLessThan(400);
  }

  beforeAll(async () => {
    cpSync(join(ROOT, "examples/guestbook"), application, { recursive: true });
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
    tsukube = new Tsukube(lifetime, "guestbook");
    url = (await up()).split("\n").at(-1) ?? "";
    kubectl = await tsukube.kubectl();
  }, 240_000);
  afterAll(() => lifetime.close(), 120_000);

  test("its page answers at the last line of up, with what the ConfigMap says, and entries stay", async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(await fetchText(url)).toContain("Be the next to sign!");
    await sign("Ada", "hello from a test");
    expect(await fetchText(url)).toContain("hello from a test");
    expect((await restarts()).split(" ")).toEqual(["0", "0", "0", "0", "0"]);
  });

  test("a second up builds nothing, rolls nothing out and restarts nothing", async () => {
    const before = await out(
      "get",
      "pods,deployments,statefulsets",
      "-o",
      "jsonpath={.items[*].metadata.uid}{.items[*].metadata.generation}",
    );
    const { stderr, stdout } = await tsukube.run(["up", application]);
    expect(stdout.trim().split("\n").at(-1)).toBe(url);
    expect(stderr).not.toContain(": Step ");
    expect(
      await out(
        "get",
        "pods,deployments,statefulsets",
        "-o",
        "jsonpath={.items[*].metadata.uid}{.items[*].metadata.generation}",
      ),
    ).toBe(before);
  });

  test("a changed source makes a new image and rolls out what runs it, nothing else", async () => {
    const [api, store, web] = [await podsOf("api"), await podsOf("store"), await podsOf("web")];
    const page = join(application, "web/page.html");
    writeFileSync(page, readFileSync(page, "utf8").replaceAll("@TITLE@", "@TITLE@ of today"));
    await up();
    await eventually("the new page", async () => (await fetchText(url)).includes("of today"));
    expect(await podsOf("api")).toBe(api);
    expect(await podsOf("store")).toBe(store);
    expect(await podsOf("web")).not.toBe(web);
  });

  test("a Dockerfile that fails says where, with the command's words, and the application goes on", async () => {
    const file = join(application, "web/Dockerfile");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.replace("RUN sed", "RUN echo about to fail && false && sed"));
    const { code, stderr } = await tsukube.run(["up", application], { accept: [1] });
    writeFileSync(file, before);
    expect(code).toBe(1);
    expect(stderr).toContain("about to fail");
    expect(stderr).toMatch(/Dockerfile:6:1: RUN echo .* it ended with exit code 1/);
    expect(await fetchText(url)).toContain("of today");
  });

  test("data outlive the pod, and the cluster's end", async () => {
    await kubectl(["delete", "pod", "store-0"]);
    await kubectl(["rollout", "status", "statefulset/store", "--timeout=60s"]);
    await eventually("the entry", async () => (await fetchText(url)).includes("hello from a test"));
    await tsukube.run(["down"]);
    expect(await up()).toContain(url);
    await eventually("the entry", async () => (await fetchText(url)).includes("hello from a test"));
  });

  test("images are listed, saved, loaded and removed", async () => {
    const listed = (await tsukube.run(["images"])).stdout;
    expect(listed).toMatch(/^guestbook\/web:latest +[0-9a-f]{12} /m);
    const archive = join(folder, "store.tar");
    await tsukube.run(["image", "save", "-o", archive, "guestbook/store"]);
    await tsukube.run(["image", "tag", "guestbook/store", "kept:1"]);
    await tsukube.run(["image", "rm", "kept:1"]);
    expect(statSync(archive).size).toBeGreaterThan(1_000_000);
    expect((await tsukube.run(["image", "load", archive])).stdout).toContain("guestbook/store:latest");
    const missing = await tsukube.run(["image", "rm", "nothing:1"], { accept: [1] });
    expect(missing.stderr).toContain("No such image: nothing:1");
    const refused = await tsukube.run(["image", "push", "127.0.0.1:1/guestbook:1"], { accept: [1] });
    expect(refused.code).toBe(1);
  });

  test("tsukube build makes an image that a pod runs at once", async () => {
    const context = join(folder, "hello");
    cpSync(join(application, "store"), context, { recursive: true });
    writeFileSync(
      join(context, "Dockerfile"),
      'FROM tsukube.local/busybox\nARG WHO=you\nENV WHO=$WHO\nCMD ["sh", "-c", "echo hello $WHO"]\n',
    );
    const { stdout } = await tsukube.run(["build", "-t", "hello", "--build-arg", "WHO=world", context]);
    expect(stdout.trim()).toBe("hello");
    await kubectl(["run", "hello", "--image=hello", "--restart=Never"]); // whose pull policy is Always
    await eventually("the greeting", async () => (await out("logs", "hello")) === "hello world");
  });
});
