import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildContext } from "../docker/build-context.ts";
import { askDocker } from "../docker/docker-client-under-test.ts";
import { type Cri, EngineUnderTest } from "../engine-under-test.ts";
import { readTar } from "../images/tar-reader.ts";

type Files = Readonly<Record<string, string>>;

describe.skipIf(process.getuid?.() !== 0)("builds of Dockerfiles (need root)", () => {
  const engine = new EngineUnderTest();
  const socket = engine.dockerSocket;
  let cri: Cri;
  let sandbox: string;
  let contexts = 0;

  beforeAll(async () => {
    await engine.start();
    cri = engine.dial();
    sandbox = await engine.sandbox(cri);
  }, 60_000);
  afterAll(() => engine.close(), 60_000);

  function context(files: Files): string {
    const folder = `${engine.folder}/context-${++contexts}`;
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return folder;
  }

  async function build(files: Files | string, query: Readonly<Record<string, string>> = {}) {
    const folder = typeof files === "string" ? files : context(files);
    const path = `/v1.43/build?${new URLSearchParams({ t: "made", ...query })}`;
    const { status, messages, text } = await askDocker(socket, "POST", path, buildContext(folder, "Dockerfile"));
    const output = messages.map(({ stream = "" }) => stream).join("");
    const error =
      messages.find((message) => message.error !== undefined)?.error ?? (status === 200 ? undefined : messageIn(text));
    return { id: messages.find(({ aux }) => aux !== undefined)?.aux?.ID, output, error, folder };
  }

  /** What a container of an image prints. */
  async function runs(image: string, ...command: readonly string[]): Promise<string> {
    const id = await engine.run(cri, sandbox, ["sleep", "100"], { image: { image }, logPath: `${image}.log` });
    const { stdout, stderr } = await cri.ExecSync({ containerId: id, cmd: command, timeout: 10 });
    await cri.RemoveContainer({ containerId: id });
    return `${Buffer.from(stdout ?? []).toString()}${Buffer.from(stderr ?? []).toString()}`;
  }

  const inspect = async (name: string) =>
    JSON.parse((await askDocker(socket, "GET", `/images/${name}/json`)).text) as {
      readonly Config: { readonly Env: readonly string[]; readonly Cmd: readonly string[]; readonly User: string };
      readonly RootFS: { readonly Layers: readonly string[] };
    };

  test("files, commands and configuration of several stages come together", async () => {
    const { error, output } = await build(
      {
        Dockerfile: [
          "ARG BASE=tsukube.local/busybox",
          "FROM $BASE AS first",
          "ARG GREETING=hello",
          "WORKDIR /src",
          "COPY in/ .",
          "VOLUME /src/kept",
          "RUN mkdir -p kept && echo kept > kept/file",
          'RUN echo "$GREETING" > greeting && rm /bin/yes && chmod 700 sub && ln -s sub link && id -u > uid',
          "FROM tsukube.local/busybox",
          "COPY --from=first --chown=7:8 /src /copied",
          "COPY --chmod=u=rwX,go=rX in/ /moded/",
          "COPY --chmod=755 run.sh /usr/bin/",
          "ENV MODE=test",
          "USER 1000",
          'CMD ["run.sh"]',
        ].join("\n"),
        "in/sub/a.txt": "a",
        "in/b.txt": "b",
        "run.sh": "#!/bin/sh\necho ran $MODE\n",
      },
      { buildargs: JSON.stringify({ GREETING: "hi" }) },
    );
    expect(error, output).toBeUndefined();
    expect(
      await runs(
        "made",
        "sh",
        "-c",
        "cd /copied; cat kept/file greeting uid b.txt sub/a.txt; readlink link; ls -lnd sub b.txt; run.sh",
      ),
    ).toMatch(
      /^kept\nhi\n0\nbsub\n-rw-r--r-- .* 7 +8 .* b.txt\ndrwx------ .* 7 +8 .* sub\nran test\ncat: .*Permission denied/,
    );
    expect(await runs("made", "stat", "-c", "%a", "/moded/sub", "/moded/b.txt")).toBe("755\n644\n");
    const { Config } = await inspect("made");
    expect(Config).toMatchObject({ Cmd: ["run.sh"], User: "1000" });
    expect(Config.Env).toContain("MODE=test");
  });

  test("the history tells each step, its size and where it added nothing", async () => {
    await build({ Dockerfile: "FROM tsukube.local/busybox\nRUN echo 12345 > /five\nENV A=b" }, { t: "told" });
    const answer = await askDocker(socket, "GET", "/images/told/history");
    const steps = JSON.parse(answer.text) as readonly {
      readonly CreatedBy: string;
      readonly Size: number;
      readonly Tags: unknown;
    }[];
    expect(steps.map(({ CreatedBy }) => CreatedBy).slice(0, 2)).toEqual(["ENV A=b", "RUN echo 12345 > /five"]);
    expect(steps[0]).toMatchObject({ Size: 0, Tags: ["told:latest"] });
    expect(steps[1]?.Size).toBeGreaterThan(0);
    expect((await askDocker(socket, "GET", "/containers/told/json")).status).toBe(404);
  });

  test("nothing of the machinery stays in a layer", async () => {
    const { error } = await build({
      Dockerfile:
        'FROM tsukube.local/busybox AS a\nRUN echo x > /only\nFROM scratch\nCOPY --from=a / /\nRUN ["/bin/true"]',
    });
    expect(error).toBeUndefined();
    const base = (await inspect("tsukube.local/busybox")).RootFS.Layers;
    await build({ Dockerfile: "FROM tsukube.local/busybox\nRUN echo x > /only\nRUN true" });
    const layers = (await inspect("made")).RootFS.Layers;
    expect(layers.length).toBe(base.length + 1); // `true` changed nothing
    const saved = await layerNames("made");
    expect(saved).toEqual(["only"]);
    for (const name of ["roots", "bundles", "sandboxes"])
      expect(readdirSync(`${engine.folder}/run/build/${name}`)).toEqual([]);
  });

  async function layerNames(image: string): Promise<readonly string[]> {
    const chain = readdirSync(`${engine.folder}/state/s/l`);
    const { Layers } = (await inspect(image)).RootFS;
    expect(chain.length).toBeGreaterThanOrEqual(Layers.length);
    const newest = chain
      .map((name) => ({ name, files: readdirSync(`${engine.folder}/state/s/l/${name}`) }))
      .filter(({ files }) => files.includes("only"));
    return newest.find(({ files }) => files.length === 1)?.files ?? [];
  }

  test("a step runs again only when what it depends on changed, and says what", async () => {
    const Dockerfile = 'FROM tsukube.local/busybox\nCOPY a.txt /\nRUN cat /a.txt > /b.txt\nCOPY c.txt /\nCMD ["x"]';
    const steps = { t: "steps" };
    const first = await build({ Dockerfile, "a.txt": "1", "c.txt": "1" }, steps);
    expect(first.output.match(/it did not run before/g)?.length).toBe(3);
    const again = await build(first.folder, steps);
    expect(again.id).toBe(first.id);
    expect(again.output.match(/Using cache/g)?.length).toBe(3);
    writeFileSync(`${first.folder}/c.txt`, "2");
    const third = await build(first.folder, steps);
    expect(third.output.match(/Using cache/g)?.length).toBe(2);
    expect(third.output).toContain('"c.txt" changed');
    const fresh = await build(first.folder, { ...steps, nocache: "1" });
    expect(fresh.output).not.toContain("Using cache");
    writeFileSync(`${first.folder}/a.txt`, "2");
    const fourth = await build(first.folder, steps);
    expect(fourth.output).toContain('"a.txt" changed');
    expect(fourth.output).toContain("what the steps before it made changed");
    writeFileSync(`${first.folder}/Dockerfile`, Dockerfile.replace("FROM tsukube.local/busybox", "FROM made"));
    await build({ Dockerfile: "FROM tsukube.local/busybox\nRUN echo 1 > /other" });
    expect((await build(first.folder, steps)).output).toContain('the base "made" changed');
  });

  test("cached results outlive the engine", async () => {
    const files = { Dockerfile: "FROM tsukube.local/busybox\nRUN date +%s%N > /time" };
    const before = await build(files);
    await engine.engine?.close();
    await engine.start();
    const after = await build(before.folder);
    expect(after.id).toBe(before.id);
    expect(after.output).toContain("Using cache");
  });

  test("the first failure is told, not that it stopped what ran beside it", async () => {
    const Dockerfile = [
      "FROM tsukube.local/busybox AS bad",
      "RUN sleep 0.2; false",
      "FROM tsukube.local/busybox",
      ...Array.from({ length: 6 }, (_, index) => `RUN sleep 0.1; echo ${index}`),
      "COPY --from=bad / /",
    ].join("\n");
    expect((await build({ Dockerfile }, { nocache: "1" })).error).toContain("Dockerfile:2:1: RUN sleep 0.2; false");
  });

  test("what a command made deeper than any path goes with it, and at the next start what an engine left so", async () => {
    const deep = `i=0; while [ $i -lt 60 ]; do mkdir ${"d".repeat(200)} && cd ${"d".repeat(200)} || break; i=$((i+1)); done`;
    const { error } = await build({ Dockerfile: `FROM tsukube.local/busybox\nRUN ${deep}; exit 3` });
    expect(error).toContain("exit code 3");
    const written = `${engine.folder}/state/s/w`;
    expect(readdirSync(written).filter((id) => id.length === 16)).toEqual([]);
    const [left, volume] = [
      `${written}/0123456789abcdef`,
      `${engine.folder}/state/docker/volumes/.removed-0123456789abcdef`,
    ];
    for (const folder of [left, volume]) {
      mkdirSync(folder, { recursive: true });
      execFileSync("sh", ["-c", deep.replaceAll("cd ", "cd -P ")], { cwd: folder });
    }
    await engine.engine?.close();
    await engine.start();
    expect([existsSync(left), existsSync(volume)]).toEqual([false, false]);
  });

  test("a command that fails stops the build, with its words and its place", async () => {
    const { error, output } = await build({ Dockerfile: "FROM tsukube.local/busybox\n\n RUN echo so far; exit 3" });
    expect(output).toContain("so far");
    expect(error).toBe(
      "Dockerfile:3:2: RUN echo so far; exit 3: it ended with exit code 3, expected 0; its last lines:\n    so far",
    );
    const long = await build({ Dockerfile: "FROM tsukube.local/busybox\nRUN seq 1 5000; false" });
    expect(long.error?.split("\n").slice(1)).toEqual(Array.from({ length: 10 }, (_, index) => `    ${4991 + index}`));
    expect((await build({ Dockerfile: "FROM tsukube.local/busybox\nRUN false" })).error).toContain("it wrote nothing");
  });

  test("stages that do not need each other are built at the same time", async () => {
    const meet = (own: string, other: string): string =>
      `RUN --mount=type=cache,id=meet,target=/m touch /m/${own}; for i in $(seq 50); do [ -e /m/${other} ] && exit 0; sleep 0.1; done; false`;
    const Dockerfile = [
      ...["FROM tsukube.local/busybox AS a", meet("a", "b"), "FROM tsukube.local/busybox AS b", meet("b", "a")],
      ...["FROM tsukube.local/busybox", "COPY --from=a /etc /a", "COPY --from=b /etc /b"],
    ].join("\n");
    expect((await build({ Dockerfile }, { nocache: "1" })).error).toBeUndefined(); // each waits for the other
  });

  test("the same at another time is the same image to the byte where a time is given", async () => {
    const Dockerfile = [
      "FROM tsukube.local/busybox",
      "WORKDIR /work",
      "COPY --parents deep/file ./deep/./file /copied/",
      "RUN date > /dev/null; mkdir -p a/b && echo x > a/b/c && ln -s c a/b/d && rm /bin/yes",
      "ENV LAST=1",
    ].join("\n");
    const epoch = { nocache: "1", buildargs: JSON.stringify({ SOURCE_DATE_EPOCH: "1000000000" }) };
    const first = await build({ Dockerfile, "deep/file": "x" }, epoch);
    await new Promise((resolve) => setTimeout(resolve, 1100)); // times of files in layers have seconds
    const second = await build({ Dockerfile, "deep/file": "x" }, epoch);
    expect(first.error).toBeUndefined();
    expect(second.id).toBe(first.id);
    const dated = ["/work/a/b/c", "/work/a", "/copied/deep/file", "/copied/file"];
    expect(await runs("made", "stat", "-c", "%Y", ...dated)).toBe("1000000000\n".repeat(dated.length));
    expect(JSON.parse((await askDocker(socket, "GET", "/images/made/json")).text)).toMatchObject({
      Created: "2001-09-09T01:46:40Z",
    });
    const other = await build({ Dockerfile, "deep/file": "x" }, { nocache: "1" });
    expect(other.id).not.toBe(first.id);
    const empty = await build(
      { Dockerfile, "deep/file": "x" },
      { buildargs: JSON.stringify({ SOURCE_DATE_EPOCH: "" }) },
    );
    expect([empty.error, empty.id]).toEqual([undefined, other.id]); // as without one
    const wrong = await build({ Dockerfile }, { buildargs: JSON.stringify({ SOURCE_DATE_EPOCH: "yesterday" }) });
    expect(wrong.error).toContain("expected seconds since 1970");
  });

  test("further contexts are folders, images, and in place of stages and images that the file names", async () => {
    const sent = await askDocker(
      socket,
      "POST",
      "/build/contexts",
      buildContext(context({ "lib/file": "of the folder" }), "Dockerfile"),
    );
    const { Id: id } = JSON.parse(sent.text) as { readonly Id: string };
    await build({ Dockerfile: "FROM tsukube.local/busybox\nRUN echo other > /which" }, { t: "other" });
    const Dockerfile = [
      ...["FROM base", "COPY --from=libs lib/file /lib-file"],
      "RUN --mount=type=bind,from=libs,source=lib,target=/l cat /l/file > /bound",
    ].join("\n");
    const query = new URLSearchParams({ t: "made" });
    query.append("context", JSON.stringify({ name: "libs", id }));
    query.append("context", JSON.stringify({ name: "base", image: "other" }));
    const ask = async (): Promise<string> =>
      (await askDocker(socket, "POST", `/build?${query}`, buildContext(context({ Dockerfile }), "Dockerfile"))).text;
    expect(await ask()).toContain("Successfully built");
    expect(await runs("made", "cat", "/which", "/lib-file", "/bound")).toBe("other\nof the folderof the folder");
    expect(await ask()).toContain("it is there once"); // and its folder went with the build
    expect(readdirSync(`${engine.folder}/state/build/uploads`)).toEqual([]);
  });

  test("a context is the archive of an image, and stands in for that image however it is written", async () => {
    await build({ Dockerfile: "FROM tsukube.local/busybox\nRUN echo of the archive > /which" }, { t: "kept" });
    const save = request({ socketPath: socket, path: "/images/get?names=kept" }).end();
    const [archive] = (await once(save, "response")) as [IncomingMessage];
    const { text } = await askDocker(socket, "POST", "/build/contexts?image=1", archive);
    const { Id: id } = JSON.parse(text) as { readonly Id: string };
    await askDocker(socket, "DELETE", "/images/kept");
    const query = new URLSearchParams({ t: "of-archive", context: JSON.stringify({ name: "alpine", id }) });
    const files = { Dockerfile: "FROM docker.io/library/alpine:latest\nCOPY --from=alpine /which /copied" };
    const answer = await askDocker(socket, "POST", `/build?${query}`, buildContext(context(files), "Dockerfile"));
    expect(answer.text).toContain("Successfully built");
    expect(await runs("of-archive", "cat", "/which", "/copied")).toBe("of the archive\nof the archive\n");
  });

  test("what was built goes to its client as files or as an image, and is no image here", async () => {
    const before = (await askDocker(socket, "GET", "/images/json")).text;
    const folder = context({
      Dockerfile:
        "FROM tsukube.local/busybox AS all\nRUN echo a > /a && rm /bin/yes\nFROM scratch\nCOPY --from=all /a /b/",
    });
    const fetched = async (query: Readonly<Record<string, string>>): Promise<Buffer> => {
      const path = `/build?${new URLSearchParams({ t: "sent", ...query })}`;
      const outgoing = request({ socketPath: socket, method: "POST", path });
      const [[answer]] = (await Promise.all([
        once(outgoing, "response"),
        pipeline(buildContext(folder, "Dockerfile"), outgoing),
      ])) as unknown as [[IncomingMessage]];
      let output: Promise<Buffer> | undefined;
      for await (const line of createInterface(answer)) {
        const { aux, error } = JSON.parse(line) as {
          readonly aux?: { readonly Output: string };
          readonly error?: string;
        };
        if (error !== undefined) throw new Error(error);
        if (aux === undefined) continue;
        const fetching = request({ socketPath: socket, path: `/build/outputs/${aux.Output}` }).end();
        output = once(fetching, "response").then(([reply]) => buffer(reply as IncomingMessage));
      }
      return (await output) ?? Buffer.alloc(0);
    };
    const files = await fetched({ output: "files" });
    const entries = await Array.fromAsync(readTar(Readable.from([files])), ({ entry }) => entry.path);
    expect(entries).toEqual(["b/", "b/a"]);
    expect(await fetched({ output: "files" })).toEqual(files);
    const image = await fetched({ output: "image" });
    expect((await askDocker(socket, "GET", "/images/json")).text).toBe(before);
    expect((await askDocker(socket, "POST", "/images/load", Readable.from([image]))).text).toContain("sent:latest");
    expect((await askDocker(socket, "GET", "/build/outputs/0123")).text).toContain("it is there once");
  });

  test.each([
    ['[{"Type":"local","Attrs":{"dest":"x"}}]', 501, "goes through BuildKit's session"],
    ['[{"Type":"cacheonly"},{"Type":"tar"}]', 400, "multiple outputs not supported"],
    ["{", 400, "Cannot read outputs={"],
  ])("outputs=%s are refused with %d", async (outputs, status, message) => {
    const answer = await askDocker(socket, "POST", `/build?${new URLSearchParams({ outputs })}`);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(message)]);
  });

  test("a build for the cache alone leaves no image", async () => {
    const files = { Dockerfile: "FROM tsukube.local/busybox\nRUN echo for the cache > /x" };
    const { error, id } = await build(files, { outputs: '[{"Type":"cacheonly","Attrs":null}]', t: "none" });
    expect([error, id]).toEqual([undefined, undefined]);
    expect((await build(files)).output).toContain("Using cache (step 2)");
    expect((await askDocker(socket, "GET", "/images/none/json")).status).toBe(404);
  });

  test("a client that goes away while its output waits takes the build with it", async () => {
    const { length } = readdirSync(`${engine.folder}/run/build/roots`);
    const path = `/build?${new URLSearchParams({ output: "files" })}`;
    const outgoing = request({ socketPath: socket, method: "POST", path });
    outgoing.on("error", () => {});
    const answered = once(outgoing, "response");
    await pipeline(buildContext(context({ Dockerfile: "FROM tsukube.local/busybox" }), "Dockerfile"), outgoing);
    const [answer] = (await answered) as [IncomingMessage];
    for await (const part of answer) {
      if (!String(part).includes("Output")) continue;
      expect(readdirSync(`${engine.folder}/run/build/roots`).length).toBe(length + 1);
      break; // which ends the connection
    }
    await expect.poll(() => readdirSync(`${engine.folder}/run/build/roots`).length).toBe(length);
    expect(readdirSync(`${engine.folder}/state/build/uploads`)).toEqual([]);
  });

  test("a context is an archive or a Dockerfile alone at a URL", async () => {
    const archived = Buffer.concat(
      await Array.fromAsync(buildContext(context({ Dockerfile: "FROM scratch\nCOPY a /", a: "x" }), "Dockerfile")),
    );
    const bodies: Readonly<Record<string, Buffer>> = {
      "/a.tar.gz": gzipSync(archived),
      "/Dockerfile": Buffer.from("FROM tsukube.local/busybox\nRUN echo alone > /alone\n"),
      "/zeros": Buffer.alloc(2000),
    };
    const server = createServer(({ url = "" }, response) => {
      response.statusCode = bodies[url] === undefined ? 404 : 200;
      response.end(bodies[url]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const from = async (name: string): Promise<string> => {
      const remote = `http://127.0.0.1:${(server.address() as AddressInfo).port}${name}`;
      return (await askDocker(socket, "POST", `/build?${new URLSearchParams({ t: "remote", remote })}`)).text;
    };
    try {
      expect(await from("/a.tar.gz")).toContain("Successfully built");
      expect(await from("/Dockerfile")).toContain("Successfully built");
      expect(await runs("remote", "cat", "/alone")).toBe("alone\n");
      expect(await from("/zeros")).toContain("expected an archive, or a Dockerfile");
      expect(await from("/missing")).toContain("the server answers 404");
    } finally {
      server.close();
    }
  });

  test("the shell of a command may come from a mount", async () => {
    const from = (...mounts: readonly string[]): string =>
      `RUN ${mounts.map((mount) => `--mount=from=tsukube.local/busybox,${mount}`).join(" ")} echo "of a mount" > /file`;
    for (const run of [
      from("source=/bin,target=/bin"),
      from("source=/bin/busybox,target=/bin/sh"),
      `COPY --from=linked /links/ /\n${from("source=/bin,target=/usr/bin")}`,
    ]) {
      const linked = "FROM tsukube.local/busybox AS linked\nRUN mkdir /links && ln -s /usr/bin /links/bin";
      const Dockerfile = `${linked}\nFROM scratch\n${run}`;
      const { error, output } = await build({ Dockerfile }, { t: "mounted-shell" });
      expect(error, output).toBeUndefined();
      const copy = "FROM tsukube.local/busybox\nCOPY --from=mounted-shell /file /file";
      expect((await build({ Dockerfile: copy })).error).toBeUndefined();
      expect(await runs("made", "cat", "/file")).toBe("of a mount\n");
    }
    const elsewhere = `FROM scratch\n${from("source=/bin,target=/bin2")}`;
    expect((await build({ Dockerfile: elsewhere })).error).toContain("the image has no /bin/sh");
  });

  test("a command waits for its other stages before it has a locked cache, and not at all for a result that is known", async () => {
    const cache = "--mount=type=cache,id=both,target=/c,sharing=locked";
    const Dockerfile = [
      ...["FROM tsukube.local/busybox AS a", "RUN sleep 0.5", `RUN ${cache} echo made > /made`],
      ...["FROM tsukube.local/busybox", `RUN ${cache} --mount=from=a,target=/a cat /a/made > /read`],
    ].join("\n");
    const { error, output } = await build({ Dockerfile });
    expect(error, output).toBeUndefined();
    expect(await runs("made", "cat", "/read")).toBe("made\n");
    const busy = `FROM tsukube.local/busybox\nRUN ${cache} touch /c/busy; while [ -e /c/busy ]; do sleep 0.1; done`;
    const holding = build({ Dockerfile: busy }, { t: "busy" });
    const again = await build({ Dockerfile });
    expect(again.output.match(/Using cache/g)?.length, again.output).toBe(3);
    const ends =
      "FROM tsukube.local/busybox\nRUN --mount=type=cache,id=both,target=/c while ! rm /c/busy 2> /dev/null; do sleep 0.1; done";
    expect((await build({ Dockerfile: ends }, { t: "ends" })).error).toBeUndefined();
    expect((await holding).error).toBeUndefined();
  });

  test("a cache that is locked is one command's at a time, and a private one is nobody else's", async () => {
    const use = (sharing: string): string =>
      `RUN --mount=type=cache,id=${sharing},target=/c,sharing=${sharing} mkdir /c/mine && sleep 0.3 && rmdir /c/mine`;
    for (const sharing of ["locked", "private"]) {
      const stages = ["a", "b", "c"].map(
        (name) => `FROM tsukube.local/busybox AS ${name}\nRUN echo ${name}\n${use(sharing)}`,
      );
      const last = "FROM tsukube.local/busybox\nCOPY --from=a /etc /a\nCOPY --from=b /etc /b\nCOPY --from=c /etc /c";
      expect((await build({ Dockerfile: [...stages, last].join("\n") }, { nocache: "1" })).error).toBeUndefined();
    }
  });

  test.each([
    ["FROM tsukube.local/busybox\nCOPY missing /", 'Dockerfile:2:1: COPY missing /: "missing" is not there'],
    ["FROM scratch\nCOPY Dockerfile /\nRUN echo a", "Dockerfile:3:1: RUN echo a: the image has no /bin/sh"],
    ["FROM tsukube.local/busybox AS made\nFROM scratch\nCOPY --from=mode /a /a", "the stages of the file are made"],
    ["FROM tsukube.local/busybox\nCOPY --chmod=u+q Dockerfile /", "--chmod=u+q is not understood"],
    ["FROM tsukube.local/nothing", "Dockerfile:1:1: FROM tsukube.local/nothing: Cannot find image"],
    ["FROM tsukube.local/busybox\nFOO", 'Dockerfile:2:1: unknown instruction "FOO"'],
    ["FROM tsukube.local/busybox\nCOPY Dockerfile Dockerfile /bin/sh", "expected a destination that ends with"],
    [
      "FROM tsukube.local/busybox\nRUN --mount=type=cache,target=/c,sharing=no true",
      "expected shared, private, locked",
    ],
    ["FROM tsukube.local/busybox\nRUN --mount=type=cache,target=/c,size=1 true", 'type=cache has no option "size"'],
    ["FROM tsukube.local/busybox\nRUN --mount=type=tmpfs,target=/c,size=some true", "size=some: expected a number"],
    ["FROM tsukube.local/busybox\nRUN --mount=type=secret,id=a,required true", 'needs "a", expected --secret id=a'],
    ["FROM tsukube.local/busybox\nRUN --mount=type=ssh,required true", 'needs "default", expected --ssh default'],
  ])("%j is refused where it is", async (Dockerfile, problem) => {
    expect((await build({ Dockerfile })).error).toContain(problem);
  });

  test("a link of the context cannot lead out of it, nor a destination out of the image", async () => {
    const folder = context({ Dockerfile: "FROM tsukube.local/busybox\nCOPY out/passwd /x" });
    symlinkSync("/etc", `${folder}/out`);
    expect((await build(folder)).error).toContain('"out/passwd" is not there');
    const inside = await build({
      Dockerfile:
        "FROM tsukube.local/busybox\nRUN ln -s /deep/place /link && mkdir -p /deep/place\nCOPY a /link/../a\nCOPY a /link/",
      a: "content",
    });
    expect(inside.error).toBeUndefined();
    expect(await runs("made", "cat", "/a", "/deep/place/a")).toBe("contentcontent");
    expect(existsSync("/deep/place")).toBe(false);
  });

  test("here-documents are commands, scripts and files", async () => {
    const { error } = await build({
      Dockerfile: [
        "FROM tsukube.local/busybox",
        "ENV NAME=you",
        "RUN <<EOF",
        "echo one > /a",
        "echo two >> /a",
        "EOF",
        "RUN <<EOF",
        "#!/bin/env sh",
        'echo "script" >> /a',
        "EOF",
        "RUN cat <<A >> /a",
        "three",
        "A",
        "COPY <<hello.txt <<'raw.txt' /d/",
        "hello $NAME",
        "hello.txt",
        "hello $NAME",
        "raw.txt",
      ].join("\n"),
    });
    expect(error).toBeUndefined();
    expect(await runs("made", "cat", "/a", "/d/hello.txt", "/d/raw.txt")).toBe(
      "one\ntwo\nscript\nthree\nhello you\nhello $NAME\n",
    );
  });

  test("mounts are there for a command and in no layer; a cache lasts", async () => {
    const Dockerfile = [
      "FROM tsukube.local/busybox AS other",
      "RUN echo from other > /file",
      "FROM tsukube.local/busybox",
      "RUN --mount=type=bind,from=other,source=/file,target=/m/file --mount=type=bind,target=/ctx \\",
      "    --mount=type=cache,target=/cache --mount=type=tmpfs,target=/t \\",
      "    cat /m/file /ctx/a > /out; echo x >> /cache/n; wc -l < /cache/n >> /out; touch /t/x",
    ].join("\n");
    const first = await build({ Dockerfile, a: "context\n" });
    expect(first.error, first.output).toBeUndefined();
    expect(await runs("made", "cat", "/out")).toBe("from other\ncontext\n1\n");
    await build(first.folder, { nocache: "1" });
    expect(await runs("made", "sh", "-c", "cat /out; ls /m /t /cache 2>&1 | head -1")).toContain("2\n");
    const caches = async () =>
      (
        JSON.parse((await askDocker(socket, "GET", "/system/df?type=build-cache")).text) as {
          readonly BuildCache: readonly {
            readonly Type: string;
            readonly Description: string;
            readonly Size: number;
          }[];
        }
      ).BuildCache.filter(({ Type }) => Type === "exec.cachemount");
    const found = (await caches()).find(({ Description }) => Description === "cached mount /cache");
    expect(found?.Size).toBeGreaterThan(0);
    await askDocker(socket, "POST", "/build/prune");
    expect(await caches()).toEqual([]);
    await build(first.folder, { nocache: "1" });
    expect(await runs("made", "cat", "/out")).toContain("context\n1\n");
  });

  test.each(["context", "other"])(
    "what a command writes to a folder of the client (%s) is gone after it",
    async (which) => {
      const from = which === "other" ? "from=other," : "";
      const [own, server] = [which === "other" ? "--from=other" : "", createServer()];
      server.on("request", (_, response) => void response.end("FROM busybox\n"));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const remote = `http://127.0.0.1:${(server.address() as AddressInfo).port}/Dockerfile`;
      const Dockerfile = [
        "FROM tsukube.local/busybox",
        `RUN --mount=type=bind,${from}target=/c,rw cd /c && echo changed > Dockerfile && cat Dockerfile && ln -s /etc link`,
        `RUN --mount=type=bind,${from}target=/c,rw head -n 1 /c/Dockerfile | cut -c -4 && ! ls /c/link`,
        `RUN --mount=type=bind,${from}source=Dockerfile,target=/c/one,rw echo changed > /c/one`,
        `COPY ${own} Dockerfile /kept`,
      ].join("\n");
      const { error, output } = await build({ Dockerfile }, { context: JSON.stringify({ name: "other", remote }) });
      server.close();
      expect([error, output]).toEqual([undefined, expect.stringMatching(/\nchanged\n[\s\S]*\nFROM\n/)]);
      expect(await runs("made", "cut", "-c", "-4", "/kept")).toMatch(/^FROM\n/);
    },
  );

  test("a command has a network only if it may", async () => {
    const { output } = await build({
      Dockerfile: "FROM tsukube.local/busybox\nRUN --network=none ls /sys/class/net; hostname",
    });
    expect(output).toContain("lo\nbuild\n");
    const Dockerfile = "FROM tsukube.local/busybox\nRUN ls /sys/class/net; echo for all";
    expect((await build({ Dockerfile }, { networkmode: "none" })).output).toContain("\nlo\nfor all\n");
    expect((await build({ Dockerfile }, { networkmode: "container:x" })).error).toContain("Cannot build in network");
  });

  test.each([
    ["--security=insecure", "security.insecure", "grep CapEff /proc/self/status", /CapEff:\t0*[1-9a-f]/],
    ["--network=host", "network.host", "readlink /proc/self/ns/net", readlinkSync("/proc/self/ns/net")],
  ])("RUN %s needs consent to %s, also as a base image has it", async (flag, right, command, expected) => {
    const run = `RUN ${flag} ${command}`;
    await build({ Dockerfile: `FROM tsukube.local/busybox\nONBUILD ${run}` }, { t: "triggers" });
    for (const Dockerfile of [`FROM tsukube.local/busybox\n${run}`, "FROM triggers"]) {
      expect((await build({ Dockerfile })).error).toContain(`${right} is not allowed`);
      const granted = await build({ Dockerfile }, { allow: right, nocache: "1" });
      expect([granted.error, granted.output]).toEqual([
        undefined,
        typeof expected === "string" ? expect.stringContaining(expected) : expect.stringMatching(expected),
      ]);
    }
  });

  test("what nobody can consent to is refused", async () => {
    const Dockerfile = "FROM tsukube.local/busybox\nRUN --security=lax true";
    expect((await build({ Dockerfile }, { allow: "everything" })).error).toContain('Cannot allow "everything"');
    expect((await build({ Dockerfile })).error).toContain("expected sandbox or insecure");
  });

  test("a command has hosts, limits and shared memory that the build asks for, and runs again when they change", async () => {
    const Dockerfile =
      "FROM tsukube.local/busybox\nRUN grep -w db /etc/hosts; ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1";
    const ulimits = JSON.stringify([{ Name: "nofile", Soft: 100, Hard: 200 }]);
    const wishes = { extrahosts: "db:1.2.3.4", ulimits, shmsize: String(3 << 20) };
    const { error, output } = await build({ Dockerfile }, wishes);
    expect(error, output).toBeUndefined();
    expect(output).toMatch(/1\.2\.3\.4\tdb\n100\n200\ntmpfs +3072 /);
    expect((await build({ Dockerfile }, { ...wishes, extrahosts: "db:1.2.3.5" })).output).toContain("1.2.3.5\tdb");
    for (const [bad, why] of [
      [{ extrahosts: "db" }, "expected NAME:ADDRESS"],
      [{ extrahosts: "db:host-gateway" }, "expected NAME:ADDRESS"],
      [{ ulimits: "nofile" }, "expected a list"],
      [{ shmsize: "a lot" }, "expected bytes"],
    ] as const)
      expect((await build({ Dockerfile }, bad)).error).toContain(why);
  });

  test("a cache that begins with files of a stage has them once, as long as the stage has the same", async () => {
    const dockerfile = (content: string, run: string): string =>
      [
        "FROM tsukube.local/busybox AS seed",
        `RUN mkdir -p /seed/sub && echo ${content} > /seed/sub/file && ln -s sub /seed/link`,
        "FROM tsukube.local/busybox",
        `RUN --mount=type=cache,id=begun,target=/c,from=seed,source=/seed ${run}`,
      ].join("\n");
    const show = "cat /c/link/file; ls /c";
    expect((await build({ Dockerfile: dockerfile("one", `${show}; touch /c/more`) })).output).toContain(
      "one\nlink\nsub\n",
    );
    expect((await build({ Dockerfile: dockerfile("one", show) })).output).toContain("one\nlink\nmore\nsub\n");
    expect((await build({ Dockerfile: dockerfile("two", show) })).output).toContain("two\nlink\nsub\n");
    const { error } = await build({ Dockerfile: dockerfile("two", show).replace("/seed ", "/seed/none ") });
    expect(error).toMatch(/none/);
  });

  test("ADD unpacks archives and fetches files that it can check", async () => {
    const archive = pack();
    archive.entry({ name: "inside/file.txt" }, "unpacked");
    archive.finalize();
    const bytes = Buffer.concat(await Array.fromAsync(archive as AsyncIterable<Buffer>));
    let answer: string | Buffer = "fetched";
    const server = createServer((_, response) => response.end(answer));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/file.bin`;
    const sum = createHash("sha256").update("fetched").digest("hex");
    const folder = context({
      Dockerfile: `FROM tsukube.local/busybox\nADD a.tar b.tar.txt /x/\nADD --checksum=sha256:${sum} ${url} /y/`,
      "b.tar.txt": "no archive",
    });
    writeFileSync(`${folder}/a.tar`, bytes);
    try {
      expect((await build(folder)).error).toBeUndefined();
      const shown = await runs("made", "cat", "/x/inside/file.txt", "/x/b.tar.txt", "/y/file.bin");
      expect(shown).toBe("unpackedno archivefetched");
      writeFileSync(
        `${folder}/Dockerfile`,
        `FROM tsukube.local/busybox\nADD --checksum=sha256:${"0".repeat(64)} ${url} /y/`,
      );
      expect((await build(folder)).error).toContain(`its content is sha256:${sum}`);
      answer = bytes;
      writeFileSync(
        `${folder}/Dockerfile`,
        `FROM tsukube.local/busybox\nADD ${url} /kept/\nADD --unpack=true ${url} /unpacked/\nADD --unpack=false a.tar /tar/`,
      );
      expect((await build(folder)).error).toBeUndefined();
      expect(await runs("made", "find", "/kept", "/unpacked", "/tar", "-type", "f")).toBe(
        "/kept/file.bin\n/unpacked/inside/file.txt\n/tar/a.tar\n",
      );
    } finally {
      server.close();
    }
  });

  test("what .dockerignore names is not there, whoever sends it", async () => {
    const files = {
      Dockerfile: "FROM tsukube.local/busybox\nCOPY . /all",
      ".dockerignore": "secret\n**/*.log\n",
      secret: "s",
      "deep/a.log": "l",
      "deep/kept": "k",
    };
    expect((await build(files)).error).toBeUndefined();
    expect(
      (await runs("made", "find", "/all", "-type", "f"))
        .split("\n")
        .filter((name) => name !== "")
        .sort(),
    ).toEqual(["/all/.dockerignore", "/all/Dockerfile", "/all/deep/kept"]);
  });

  test("a stage knows the ARGs of the one that it begins with, and of no other", async () => {
    const Dockerfile = [
      "FROM tsukube.local/busybox AS base\nARG ONE=1 TWO\nARG ONE=own",
      "FROM base AS middle\nARG THREE=$ONE",
      "FROM middle\nRUN echo $ONE $TWO $THREE > /known",
      "FROM tsukube.local/busybox\nCOPY --from=2 /known /\nRUN echo none$ONE >> /known",
    ];
    const { error } = await build({ Dockerfile: Dockerfile.join("\n") }, { buildargs: JSON.stringify({ TWO: "2" }) });
    expect(error).toBeUndefined();
    expect(await runs("made", "cat", "/known")).toBe("own 2 own\nnone\n");
  });

  test("an image of this machine stands in for none of another platform", async () => {
    const asked: string[] = [];
    const server = createServer(({ url = "" }, response) => {
      asked.push(url);
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const base = `127.0.0.1:${(server.address() as AddressInfo).port}/base:1`;
    try {
      expect((await build({ Dockerfile: "FROM scratch\nCOPY Dockerfile /" }, { t: base })).error).toBeUndefined();
      const own = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
      const Dockerfile = `FROM --platform=$BUILDPLATFORM ${base} AS a\nFROM ${base}\nCOPY --from=a Dockerfile /again`;
      expect((await build({ Dockerfile }, { platform: own })).error).toBeUndefined();
      expect(asked).toEqual([]);
      expect((await build({ Dockerfile }, { platform: "linux/riscv64" })).error).toContain("not found");
      expect(asked).toContain("/v2/base/manifests/1");
      const builtIn = await build({ Dockerfile: "FROM tsukube.local/busybox" }, { platform: "linux/riscv64" });
      expect(builtIn.error).toContain(`for linux/riscv64: it is for ${own}`);
    } finally {
      server.close();
    }
  });

  test("ONBUILD waits for the next image", async () => {
    await build(
      { Dockerfile: "FROM tsukube.local/busybox\nONBUILD COPY a /onbuild\nONBUILD RUN cat /onbuild > /ran" },
      { t: "parent" },
    );
    const { error } = await build({ Dockerfile: "FROM parent\nUSER 5", a: "child" });
    expect(error).toBeUndefined();
    expect(await runs("made", "cat", "/ran")).toBe("child");
  });

  test("only the stages that are needed are built", async () => {
    const Dockerfile =
      "FROM tsukube.local/busybox AS a\nRUN false\nFROM tsukube.local/busybox AS b\nRUN echo b\nFROM a\nRUN true";
    const { error, output } = await build({ Dockerfile }, { target: "b" });
    expect(error).toBeUndefined();
    expect(output).not.toContain("RUN false");
    expect((await build({ Dockerfile }, { target: "nothing" })).error).toContain("expected one of a, b, 2");
  });

  test("a build whose client leaves is stopped and leaves nothing", async () => {
    const folder = context({ Dockerfile: "FROM tsukube.local/busybox\nRUN echo begun; sleep 1000" });
    const outgoing = request({ socketPath: socket, method: "POST", path: "/build?t=never" });
    outgoing.on("error", () => {});
    const begun = new Promise<void>((resolve) =>
      outgoing.once("response", (response) =>
        response.on("data", (part) => {
          if (String(part).includes("begun")) resolve();
        }),
      ),
    );
    for await (const part of buildContext(folder, "Dockerfile")) outgoing.write(part);
    outgoing.end();
    await begun;
    outgoing.destroy();
    const roots = `${engine.folder}/run/build/roots`;
    await expect.poll(() => (existsSync(roots) ? readdirSync(roots).length : 0)).toBe(0);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(roots);
  });
});

test.skipIf(process.getuid?.() !== 0)(
  "layers that only a full cache held go with the next build (needs root)",
  async () => {
    const small = new EngineUnderTest({ buildCacheBytes: 10_000 });
    try {
      await small.start();
      const build = async (name: string): Promise<void> => {
        const folder = `${small.folder}/${name}`;
        mkdirSync(folder);
        writeFileSync(`${folder}/Dockerfile`, `FROM tsukube.local/busybox\nRUN yes ${name} | head -c 8000 > /${name}`);
        await askDocker(small.dockerSocket, "POST", `/build?t=${name}`, buildContext(folder, "Dockerfile"));
      };
      const holds = (name: string): boolean =>
        readdirSync(`${small.folder}/state/s/l`).some((layer) =>
          existsSync(`${small.folder}/state/s/l/${layer}/${name}`),
        );
      await build("first");
      await askDocker(small.dockerSocket, "DELETE", "/images/first");
      expect(holds("first")).toBe(true); // the cache still has it
      await build("second");
      expect([holds("first"), holds("second")]).toEqual([false, true]);
    } finally {
      await small.close();
    }
  },
);

function messageIn(text: string): string {
  return (JSON.parse(text) as { readonly message: string }).message;
}
