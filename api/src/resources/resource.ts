import type { ColumnRow } from "../declared.ts";
import type { Defaulters } from "../defaults/defaulter.ts";
import type { FactField } from "../facts.ts";
import type { Unstructured } from "../object.ts";
import type { KindRules, UpdateCheck } from "../validation/kind-rules.ts";
import type { Warner } from "../warnings/warner.ts";
import type { Cells } from "./cells.ts";
import type { Strategy } from "./strategy.ts";

/**
 * A built-in resource, in a file of its own. Upstream's have their names, versions and types in facts; here stands what sets them
 * apart from others. One that upstream does not have declares those here as well.
 */
export interface Resource extends Differences {
  /** "" for the core group. */
  readonly group: string;
  /** Such as "deployments". */
  readonly resource: string;
  /** Names, versions, columns and types, of a resource that facts do not know. */
  readonly declares?: Declaration;
  /** What the values of its fields must be; metadata is checked in any case. */
  readonly rules?: KindRules;
  /** What a write of its status must be. */
  readonly statusRules?: UpdateCheck;
  /** What whoever writes one is told: accepted, but old or probably not meant. */
  readonly warnings?: Warner;
  readonly statusWarnings?: Warner;
  /** Its rows as a table, below the columns of facts. Absent: its name and, where there is a column for it, its age. */
  readonly cells?: Cells;
  /** Of the rows of a table. Absent: by name. */
  readonly order?: (a: Unstructured, b: Unstructured) => number;
  /** Defaults by the name of the type, where those that types are marked with do not do. Only with `declares`. */
  readonly defaults?: Defaulters;
  /** Answers are made on the spot, nothing is stored. */
  readonly isVirtual?: true;
  /** Stored, but nothing of Tsukube's acts on one: whoever writes it is told. */
  readonly isUnreconciled?: true;
  /** The feature gate without which it is not served in any version. */
  readonly gate?: string;
  /** What differs in one version from the others, by version. */
  readonly versions?: Readonly<Record<string, VersionDifferences>>;
}

type Differences = Partial<Strategy>;

interface VersionDifferences extends Differences {
  readonly lifetime?: Lifetime;
  readonly rules?: KindRules;
}

/** Of a version on its way out: minor versions of Kubernetes 1. */
export interface Lifetime {
  /** Since when it is deprecated. */
  readonly since: number;
  /** From when on it is gone; undefined: that is not known. */
  readonly until?: number;
  /** The version, or the kind, that takes its place. */
  readonly use?: string;
}

/** What facts say of upstream's resources. */
interface Declaration {
  /** The one version, such as "v1". */
  readonly version: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Default: all eight of what is stored. */
  readonly verbs?: readonly string[];
  /** Their verbs are get, patch and update. */
  readonly subresources?: readonly "status"[];
  readonly columns?: readonly ColumnRow[];
  /** Types by name, fields by name; the one named as the kind has apiVersion, kind and metadata besides. */
  readonly types: Readonly<Record<string, Readonly<Record<string, DeclaredField>>>>;
}

/** A type, such as "int32", "[]string" or "WindmillSpec", or what is more to say: `req`, `default`, `enum`, `listType`. */
type DeclaredField = string | Omit<FactField, "name" | "pb" | "wire">;
