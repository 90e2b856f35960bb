import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";

/** The container that a probe or a hook is about. */
export interface ProbeTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** How a single look at a container ended. */
export interface ProbeResult {
  readonly ok: boolean;
  readonly message: string;
}

/** A port by number or by the name that one of the container's ports has. @throws {TsukubeError} `port`. */
export function portOf(port: number | string | undefined, container: Container): number {
  const named = container.ports?.find(({ name }) => name !== undefined && name === port)?.containerPort;
  const number = named ?? Number(port);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new TsukubeError("port", `couldn't find port: ${JSON.stringify(port ?? "")} in container "${container.name}"`);
}
