import { lutimes, rm } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { type CopySource, findSources } from "./copy-sources.ts";

/** A repository as ADD names it: "https://example.com/app.git#v1.0:docs". */
export interface GitReference {
  readonly url: string;
  /** A branch, a tag, a reference or a commit; the repository's default by default. */
  readonly ref?: string;
  /** A folder in it; all by default. */
  readonly folder?: string;
}

interface CloneOptions {
  readonly keepGitFolder: boolean;
  /** The commit that it must be. */
  readonly commit?: string | undefined;
  /** Socket of an ssh agent. */
  readonly agent?: string;
  readonly signal: AbortSignal;
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** @throws {TsukubeError} `invalid`. */
export function parseGitReference(word: string): GitReference {
  const [url = "", fragment = ""] = word.split("#", 2);
  const [ref = "", folder = ""] = fragment.split(":", 2);
  if (ref.startsWith("-") || url.startsWith("-") || url.includes("?"))
    throw new TsukubeError("invalid", `Cannot use "${word}": expected a repository as URL, URL#REF or URL#REF:FOLDER`);
  return { url, ...(ref === "" ? {} : { ref }), ...(folder === "" ? {} : { folder }) };
}

/**
 * Clones a commit with its submodules into an empty folder; all of its files get the commit's time, so that equal commits make equal layers.
 * @throws {TsukubeError} `not-found` without git on this machine; `failed`; `wrong-digest` when it is not the wanted commit.
 */
export async function cloneSource(
  reference: GitReference,
  folder: string,
  { keepGitFolder, commit, agent, signal }: CloneOptions,
): Promise<CopySource> {
  const { url, ref = "HEAD", folder: below = "." } = reference;
  if (commit !== undefined && !COMMIT.test(commit))
    throw new TsukubeError("invalid", `Cannot use checksum "${commit}" of "${url}": expected the digits of a commit`);
  const git = gitIn(folder, agent, signal);
  try {
    await git("init", "--quiet");
    const found = await fetchCommit(git, url, ref, signal);
    if (commit !== undefined && commit !== found)
      throw new TsukubeError("wrong-digest", `Cannot use "${url}": ${ref} is commit ${found}, expected ${commit}`);
    await git("checkout", "--quiet", "--detach", found);
    await git("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1");
    const time = Number(await git("show", "--no-patch", "--format=%ct", found));
    if (!keepGitFolder) await removeGitFolders(folder, git);
    const [source] = await findSources(folder, [below]);
    if (source === undefined) throw new TsukubeError("not-found", `"${below}" is not in the repository`);
    for (const { file } of source.entries) await lutimes(file, time, time);
    const value = `commit ${found}${keepGitFolder ? " with .git" : ""}`;
    return { ...source, revision: { of: `${url} ${below}`, value } };
  } catch (error) {
    if (codeOf(error) === "not-found" && /^Cannot run "git/.test(messageOf(error)))
      throw new TsukubeError("not-found", "git is not installed on this machine, expected its Debian package", {
        cause: error,
      });
    throw error;
  }
}

/** @returns the whole name of the commit that a reference is now. */
async function fetchCommit(git: Git, url: string, ref: string, signal: AbortSignal): Promise<string> {
  try {
    await git("fetch", "--quiet", "--no-tags", "--depth=1", "--", url, ref);
    return (await git("rev-parse", "--verify", "FETCH_HEAD^{commit}")).trim();
  } catch (error) {
    if (!/^[0-9a-f]{7,64}$/.test(ref) || signal.aborted) throw error;
    // not every server gives a commit by its name: then it is found among all
    await git("fetch", "--quiet", "--", url, "+refs/*:refs/fetched/*");
    return (await git("rev-parse", "--verify", `${ref}^{commit}`)).trim();
  }
}

type Git = (...args: readonly string[]) => Promise<string>;

/** Submodules have a file of that name. */
async function removeGitFolders(folder: string, git: Git): Promise<void> {
  const modules = await git("submodule", "--quiet", "foreach", "--recursive", "echo $displaypath");
  for (const path of ["", ...modules.split("\n").filter((line) => line !== "")])
    await rm(join(folder, path, ".git"), { recursive: true, force: true });
}

/** Git without anyone's settings, questions, or ways to reach files of this machine. */
function gitIn(folder: string, agent: string | undefined, signal: AbortSignal): Git {
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "https:http:git:ssh",
    GIT_SSH_COMMAND: "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
    ...proxies(),
    ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
  };
  return async (...args) =>
    (await run("git", ["-c", "advice.detachedHead=false", ...args], { cwd: folder, env, signal })).stdout;
}

function proxies(): NodeJS.ProcessEnv {
  const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
