import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const FOLDER = "api/src/resources";
const DECLARATION = /^export const (\w+): Resource = \{$/m;

/** The list of all resources: every file below api/src/resources that declares one. The text of api/generated/resources.ts. */
export function generateResources(root: string): string {
  const files = readdirSync(join(root, FOLDER), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .sort();
  const imports: string[] = [];
  const names: string[] = [];
  for (const file of files) {
    const name = DECLARATION.exec(readFileSync(join(root, FOLDER, file), "utf8"))?.[1];
    if (name === undefined) continue;
    const own = `${file.slice(0, file.indexOf("/")).replaceAll("-", "_")}_${name}`;
    imports.push(`import { ${name} as ${own} } from "../src/resources/${file}";`);
    names.push(own);
  }
  return [
    `// Generated from ${relative(root, join(root, FOLDER))} by tools/src/generate-resources.ts. Do not edit.`,
    ...imports,
    'import type { Resource } from "../src/resources/resource.ts";',
    "",
    "/** Every built-in resource. */",
    `export const RESOURCES: readonly Resource[] = [\n${names.map((name) => `  ${name},`).join("\n")}\n];`,
    "",
  ].join("\n");
}
