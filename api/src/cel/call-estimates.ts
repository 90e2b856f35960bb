import type { Expression } from "./ast.ts";
import { DYN, type StaticType } from "./checker.ts";
import { maxSizeOf, type Place, type Reckoned, share, sizeOf, tenth, times } from "./sizes.ts";
import { tableOf } from "./table-of.ts";

/** Of a list that is made. */
export const LIST = 10;

export interface Own {
  readonly cost: number;
  readonly type?: StaticType;
  readonly size?: number | undefined;
  readonly place?: Place | undefined;
}

export const ONE: Own = { cost: 1 };

export function asList(type: StaticType): StaticType {
  if (type.name === "list") return type.element === undefined ? type : { name: "list", element: type.element };
  return { name: "list" };
}

function isText({ type }: Reckoned): boolean {
  return type.name === "string" || type.name === "bytes";
}

export function sortCost(size: number, { name }: StaticType): number {
  return share(times(size, size), name === "string" || name === "bytes" ? 2.1 : 2);
}

/** @param args The operands as they are written, without what a method is called on. */
type Cost = (parts: readonly Reckoned[], args: readonly Expression[]) => Own;

const free: Cost = () => ({ cost: 0 });

/** Reads a text once; @param position Which operand it is. */
function traversal(position: number, factor = 0.1): Cost {
  return (parts) => ({ cost: parts[position] === undefined ? 1 : share(sizeOf(parts[position]), factor) });
}

/** A text of the same length, made by reading it. */
const rewrite: Cost = ([text]) => ({ cost: tenth(sizeOf(text!)), size: sizeOf(text!) });

const equality: Cost = ([a, b]) => {
  if (UNIT_EQUALITY.has(a!.type.name)) return ONE;
  return { cost: tenth(Math.min(sizeOf(a!), sizeOf(b!))) };
};

const UNIT_EQUALITY = new Set(["kubernetes.Quantity", "kubernetes.Semver", "net.IP", "net.CIDR"]);

const order: Cost = (parts) => (isText(parts[0]!) && isText(parts[1]!) ? equality(parts, []) : ONE);

/** Each character may be where a match of any part of the pattern begins, which is taken for four characters long. */
function matching(text: Reckoned, pattern: Reckoned): number {
  return times(tenth(sizeOf(text) + 1), share(sizeOf(pattern), 0.25));
}

const search: Cost = ([text, pattern]) => ({ cost: matching(text!, pattern!), size: sizeOf(text!) });

/** Looks at each element of a list, or once through a string. */
const scan: Cost = ([target]) => {
  const size = sizeOf(target!);
  if (target!.type.name === "string") return { cost: tenth(size) };
  const element = target!.type.element;
  if (element === undefined || (element.name !== "string" && element.name !== "bytes")) return { cost: size };
  return { cost: times(size, 1 + tenth(elementSize(target!))) };
};

function elementSize({ place }: Reckoned): number {
  const schema = place?.schema;
  if (schema?.kind === "list") return maxSizeOf(schema.items);
  return Infinity;
}

function madeList(size: number, cost = size): Own {
  return { cost: cost + LIST + 1, type: { name: "list" }, size };
}

function literalNumber(expression: Expression | undefined, otherwise: number): number {
  return expression?.type === "literal" && typeof expression.value === "bigint" ? Number(expression.value) : otherwise;
}

/** The longest that a text can be when parts of it are replaced. */
function replacedSize(text: number, from: Reckoned, to: Reckoned): number {
  const shortest = from.place === undefined && from.size !== undefined ? from.size : 0;
  if (shortest === 0) return times(text + 1, sizeOf(to)) + text;
  return sizeOf(to) <= shortest ? text : times(Math.ceil(text / shortest), sizeOf(to));
}

function joinedSize([list, separator]: readonly Reckoned[]): number {
  const count = sizeOf(list!);
  const between = separator === undefined ? 0 : times(sizeOf(separator), Math.max(0, count - 1));
  return times(count, elementSize(list!)) + between;
}

/** An address is compared bit by bit; one that is a string is read first. */
function within(extra: number): Cost {
  const address = 16;
  return ([, other]) => ({
    cost: tenth(2 * address) + extra + (other?.type.name === "string" ? tenth(sizeOf(other)) : 0),
  });
}

function sets(factor: number): Cost {
  return ([a, b]) => ({ cost: times(sizeOf(a!), sizeOf(b!)) * factor + 1 });
}

const sorted: Cost = ([list]) => {
  const size = times(sizeOf(list!), sizeOf(list!));
  return { ...madeList(size, sortCost(sizeOf(list!), list!.type.element ?? DYN)), type: list!.type };
};

/** The longest pattern of a named format. */
const FORMAT_PATTERN = 128;

/** What calls cost besides their operands, and what they give; all others cost one. */
export const COSTS: Readonly<Record<string, Cost>> = tableOf({
  "_&&_": free,
  "_||_": free,
  "_?_:_": ([, a, b]) => ({
    cost: 0,
    size: Math.max(sizeOf(a!), sizeOf(b!)),
    type: a!.type.name === b!.type.name ? { ...a!.type } : DYN,
  }),
  "_==_": equality,
  "_!=_": equality,
  "_<_": order,
  "_<=_": order,
  "_>_": order,
  "_>=_": order,
  "@in": ([, container]) => ({ cost: container!.type.name === "map" ? 1 : sizeOf(container!) }),
  "_+_": ([a, b]) => {
    const size = sizeOf(a!) + sizeOf(b!);
    if (isText(a!)) return { cost: tenth(size), size, type: { name: a!.type.name } };
    return a!.type.name === "list"
      ? { cost: 1, size, type: asList(a!.type) }
      : { cost: 1, type: { name: a!.type.name } };
  },
  dyn: ([value]) => ({ cost: 1, size: value!.size, place: value!.place }),
  string: ([value]) => {
    if (value!.type.name !== "bytes" && value!.type.name !== "dyn") return ONE;
    return { cost: Math.max(value!.type.name === "dyn" ? 1 : 0, tenth(sizeOf(value!))), size: sizeOf(value!) };
  },
  bytes: ([value]) => (value!.type.name === "string" ? { cost: tenth(sizeOf(value!)), size: 4 * sizeOf(value!) } : ONE),
  orValue: ([, otherwise]) => ({ cost: 1, type: { name: otherwise!.type.name } }),
  startsWith: traversal(1),
  endsWith: traversal(1),
  contains: ([text, part]) => ({ cost: times(tenth(sizeOf(text!)), tenth(sizeOf(part!))) }),
  matches: ([text, pattern]) => ({ cost: matching(text!, pattern!) }),
  find: search,
  findAll: search,
  lowerAscii: rewrite,
  upperAscii: rewrite,
  substring: rewrite,
  trim: rewrite,
  url: rewrite,
  "jsonpatch.escapeKey": rewrite,
  replace: ([text, from, to]) => ({
    cost: share(sizeOf(text!), 0.2),
    size: replacedSize(sizeOf(text!), from!, to!),
  }),
  split: ([text], args) => ({
    cost: share(sizeOf(text!), 0.2),
    size: literalNumber(args[1], sizeOf(text!)),
    type: { name: "list", element: { name: "string" } },
  }),
  join: (parts) => ({ cost: tenth(joinedSize(parts)), size: joinedSize(parts) }),
  format: traversal(0),
  indexOf: scan,
  lastIndexOf: scan,
  includes: scan,
  isSorted: scan,
  sum: scan,
  min: scan,
  max: scan,
  slice: ([list], args) => ({
    ...madeList(literalNumber(args[1], sizeOf(list!)) - literalNumber(args[0], 0)),
    type: asList(list!.type),
  }),
  flatten: ([list], args) =>
    madeList(sizeOf(list!), times(sizeOf(list!), args.length === 0 ? 1 : literalNumber(args[0], Infinity))),
  reverse: ([list]) => ({ ...madeList(sizeOf(list!)), type: asList(list!.type) }),
  distinct: ([list]) => {
    const size = times(sizeOf(list!), sizeOf(list!));
    return { ...madeList(size, 2 * size), type: asList(list!.type) };
  },
  sort: sorted,
  "lists.range": (_, args) => madeList(literalNumber(args[0], Infinity)),
  "sets.contains": sets(1),
  "sets.intersects": sets(1),
  "sets.equivalent": sets(2),
  isQuantity: traversal(0),
  quantity: traversal(0),
  isSemver: traversal(0),
  semver: traversal(0),
  isIP: traversal(0),
  isCIDR: traversal(0),
  cidr: traversal(0),
  ip: ([value]) => (value!.type.name === "string" ? { cost: tenth(sizeOf(value!)) } : ONE),
  "ip.isCanonical": traversal(0, 0.2),
  containsIP: within(0),
  containsCIDR: within(3),
  validate: ([, text]) => ({ cost: times(tenth(sizeOf(text!)), FORMAT_PATTERN / 4) }),
});
