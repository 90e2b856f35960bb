import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generateDeclared } from "./generate-declared.ts";
import { writeGrpcTypes } from "./generate-grpc-types.ts";
import { generateResources } from "./generate-resources.ts";
import { writeTypes } from "./generate-types.ts";

/** Writes everything that is generated from facts and from the files of resources: `./tools/node tools/src/generate.ts`. */
const root = dirname(dirname(import.meta.dirname));
writeFileSync(join(root, "api/generated/resources.ts"), generateResources(root));
writeFileSync(join(root, "api/generated/declared.json"), await generateDeclared(root));
writeTypes(root);
writeGrpcTypes(root);
