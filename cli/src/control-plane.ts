import type { ApiServer } from "@tsukube/apiserver";
import { Lifetime, type Logger } from "@tsukube/foundation";

/** Starts what works on the API from inside: controllers and scheduler, each with its own identity. */
export async function startControlPlane(_server: ApiServer, _logger: Logger): Promise<Lifetime> {
  return new Lifetime();
}
