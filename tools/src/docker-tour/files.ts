import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What steps read: variables, a folder to mount and copy, a seccomp profile, contexts of builds. */
export function makeFiles(folder: string, image: string): void {
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  for (const name of ["dir", "ctx", "ctxfail"]) mkdirSync(join(folder, name));
  write("env", "A=file\n# comment\nB=two words\n");
  write("dir/f", "content\n");
  symlinkSync("f", join(folder, "dir/link"));
  const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }];
  write("seccomp.json", JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }));
  write("ctx/f", "content\n");
  write("ctx/Dockerfile", [`FROM ${image} AS base`, ...INSTRUCTIONS].join("\n"));
  write("ctxfail/Dockerfile", `FROM ${image}\nRUN exit 3\n`);
}

const INSTRUCTIONS = [
  ...["ARG V=1", "ENV X=$V", "LABEL a=b", "WORKDIR /app", "COPY f ./", "RUN cat f > g", "EXPOSE 80/tcp 81/udp"],
  ...['VOLUME ["/data"]', "USER 5:6", "STOPSIGNAL SIGINT", "HEALTHCHECK --interval=5s CMD true"],
  ...['ENTRYPOINT ["cat"]', 'CMD ["g"]'],
];
