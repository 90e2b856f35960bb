import {
  adapt,
  type CelEnvironment,
  CelObject,
  type CelProgram,
  compileCel,
  DYN,
  type Expression,
  partsOf,
  type StaticType,
  unescapeName,
} from "@tsukube/api";

const STRING: StaticType = { name: "string" };
const STRINGS: StaticType = { name: "list", element: STRING };

/** What expressions about tokens know. */
const CLAIMS: CelEnvironment = { variables: { claims: { name: "map", key: STRING, element: DYN } } };

/** What expressions about users know. */
const USER: CelEnvironment = {
  variables: {
    user: {
      name: "kubernetes.UserInfo",
      fields: {
        username: STRING,
        uid: STRING,
        groups: STRINGS,
        extra: { name: "map", key: STRING, element: STRINGS },
      },
    },
  },
};

export type Subject = "claims" | "user";

/** @throws {CelCompileError} */
export function compileAbout(subject: Subject, source: string): CelProgram {
  return compileCel(source, subject === "claims" ? CLAIMS : USER);
}

/** The value of an expression about this. @throws {CelError} */
export function evaluateAbout(program: CelProgram, subject: object): unknown {
  const shown = new Claims(subject as Readonly<Record<string, unknown>>, undefined);
  return program.evaluate(() => shown);
}

/** Whether an expression looks at `claims.NAME`. */
export function looksAtClaim(expression: Expression, name: string): boolean {
  if (expression.type === "select" && expression.field === name) {
    const { operand } = expression;
    if (operand.type === "identifier" && operand.name === "claims") return true;
  }
  return partsOf(expression).some((part) => looksAtClaim(part, name));
}

/** Members may be asked for by escaped names; numbers are doubles, as Go decodes those of JSON. */
class Claims extends CelObject {
  override has(name: string): boolean {
    return super.has(this.#named(name));
  }

  override get(name: string): unknown {
    return shownToExpressions(this.raw[this.#named(name)]);
  }

  #named(name: string): string {
    return Object.hasOwn(this.raw, name) ? name : unescapeName(name);
  }
}

function shownToExpressions(value: unknown): unknown {
  if (typeof value === "number") return value;
  if (Array.isArray(value)) return value.map(shownToExpressions);
  const isObject = typeof value === "object" && value !== null;
  return isObject ? new Claims(value as Readonly<Record<string, unknown>>, undefined) : adapt(value);
}
