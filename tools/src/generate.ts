import { dirname } from "node:path";
import { writeGrpcTypes } from "./generate-grpc-types.ts";
import { writeTypes } from "./generate-types.ts";

/** Writes everything that is generated from facts: `./tools/node tools/src/generate.ts`. */
const root = dirname(dirname(import.meta.dirname));
writeTypes(root);
writeGrpcTypes(root);
