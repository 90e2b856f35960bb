import { expect, test } from "vitest";
import { checkPropagation, rootfsPropagation } from "./propagation.ts";

const mountinfo = (): string => `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
44 27 0:39 / /shared rw,relatime shared:1 - tmpfs x rw
45 27 0:40 / /follows\\040it rw,relatime master:1 - tmpfs x rw
46 44 0:41 / /shared/own rw,relatime - tmpfs x rw
`;

test("mounts reach a container, or the host, only where the mount that they are in is shared", () => {
  const check = (hostPath: string, propagation?: "PROPAGATION_BIDIRECTIONAL" | "PROPAGATION_HOST_TO_CONTAINER") =>
    checkPropagation([{ hostPath, ...(propagation === undefined ? {} : { propagation }) }], mountinfo);
  check("/etc");
  check("/shared/a", "PROPAGATION_BIDIRECTIONAL");
  check("/shared", "PROPAGATION_HOST_TO_CONTAINER");
  check("/follows it/a", "PROPAGATION_HOST_TO_CONTAINER");
  expect(() => check("/etc/a", "PROPAGATION_HOST_TO_CONTAINER")).toThrow("on / but it is not a shared or slave mount");
  expect(() => check("/sharedish", "PROPAGATION_BIDIRECTIONAL")).toThrow("on / but it is not a shared mount");
  expect(() => check("/shared/own/a", "PROPAGATION_BIDIRECTIONAL")).toThrow("mounted on /shared/own but");
  expect(() => check("/follows it", "PROPAGATION_BIDIRECTIONAL")).toThrow("it is not a shared mount");
});

test("while a container is made the mounts around it are as its freest one needs them", () => {
  const slave = { propagation: "PROPAGATION_HOST_TO_CONTAINER" } as const;
  expect(rootfsPropagation([{}, { propagation: "PROPAGATION_PRIVATE" }])).toBeUndefined();
  expect(rootfsPropagation([{}, slave])).toBe("rslave");
  expect(rootfsPropagation([slave, { propagation: "PROPAGATION_BIDIRECTIONAL" }])).toBe("rshared");
});
