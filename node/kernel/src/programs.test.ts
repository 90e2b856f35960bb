import { expect, test } from "vitest";
import { run, startProgram } from "./programs.ts";

const onLinux = test.skipIf(process.platform !== "linux");

onLinux("a program gets its input and environment, and gives its output", async () => {
  const script = 'cat; echo "$GREETING" >&2; pwd';
  const { code, stdout, stderr } = await run("sh", ["-c", script], {
    input: "in\n",
    env: { ...process.env, GREETING: "hi" },
    cwd: "/",
  });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "in\n/\n", stderr: "hi\n" });
});

onLinux("much input and output pass at the same time", async () => {
  const input = "x".repeat(3_000_000);
  expect((await run("cat", [], { input })).stdout.length).toBe(input.length);
});

onLinux("many programs at a time do not mix their arguments, environments and output", async () => {
  const words = Array.from({ length: 100 }, (_, index) => `word-${index}`);
  const said = await Promise.all(
    words.map(async (word) => {
      const { stdout } = await run("sh", ["-c", 'echo "$1 $MINE"', "sh", word], {
        env: { ...process.env, MINE: word },
      });
      return stdout;
    }),
  );
  expect(said).toEqual(words.map((word) => `${word} ${word}\n`));
});

onLinux("an exit code that is not accepted is an error with the last words", async () => {
  await expect(run("sh", ["-c", "echo why >&2; exit 3"])).rejects.toThrow(/exit code 3, expected 0: why$/);
  expect((await run("sh", ["-c", "exit 3"], { accept: [3] })).code).toBe(3);
});

onLinux("what is missing, killed or too talkative is reported", async () => {
  await expect(run("no-such-program", [])).rejects.toMatchObject({ code: "not-found" });
  await expect(run("sh", ["-c", "kill -9 $$"])).rejects.toMatchObject({ code: "signal" });
  await expect(run("yes", [], { maxOutput: 1000 })).rejects.toMatchObject({ code: "signal" });
  await expect(run("sleep", ["100"], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "signal" });
});

onLinux("signals that Node ignores end a program as usual", async () => {
  const { stdout } = await run("sh", ["-c", "yes | head -n 1; grep SigIgn /proc/self/status"]);
  expect(stdout).toMatch(/^y\nSigIgn:\s+0+$/m);
});

onLinux("descriptors are ours, pipes or nothing; no other is inherited", async () => {
  const program = await startProgram("sh", ["-c", "echo three >&3; ls /proc/self/fd | tr '\\n' ' ' >&3"], {
    descriptors: ["null", "null", "null", "output"],
    detached: true,
  });
  let text = "";
  for await (const part of program.outputs.get(3) ?? []) text += String(part);
  expect(text).toMatch(/^three\n0 1 2 3 \d+ $/);
  expect(await program.ended()).toEqual({ code: 0 });
});
