import { type FieldRequirement, parseFieldSelector, parseLabelSelector } from "@tsukube/api";
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
} from "@tsukube/api/types/authorization-v1";
import type { AuthorizationAttributes, User } from "../contracts.ts";

/** What an access review asks, and what of it could not be understood. */
export interface Question {
  readonly attributes: AuthorizationAttributes;
  readonly problems: readonly string[];
}

const LABEL_OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"];

/** The question of a spec about `user`. Parts of selectors that cannot be understood confine nothing. */
export function questionOf(user: User, spec: object): Question {
  const { resourceAttributes: resource, nonResourceAttributes: nonResource } = spec as {
    readonly resourceAttributes?: ResourceAttributes | null;
    readonly nonResourceAttributes?: NonResourceAttributes | null;
  };
  const fields = requirementsOf(resource?.fieldSelector ?? undefined);
  const problems = [fields?.problem, labelProblem(resource?.labelSelector ?? undefined)];
  return {
    attributes: {
      user,
      isResource: resource !== undefined && resource !== null,
      verb: resource?.verb ?? nonResource?.verb ?? "",
      group: resource?.group ?? "",
      version: resource?.version || "*",
      resource: resource?.resource ?? "",
      subresource: resource?.subresource ?? "",
      namespace: resource?.namespace ?? "",
      name: resource?.name ?? "",
      path: nonResource?.path ?? "",
      ...(fields !== undefined && { fieldSelector: fields.requirements }),
    },
    problems: problems.filter((problem) => problem !== undefined),
  };
}

interface FieldRequirements {
  readonly requirements: readonly FieldRequirement[];
  readonly problem: string | undefined;
}

function requirementsOf(selector: FieldSelectorAttributes | undefined): FieldRequirements | undefined {
  if (selector === undefined) return undefined;
  const raw = selector.rawSelector ?? "";
  if (raw !== "") {
    try {
      return { requirements: parseFieldSelector(raw).requirements, problem: undefined };
    } catch {
      return { requirements: [], problem: ignored("field", false) };
    }
  }
  const given = selector.requirements ?? [];
  const requirements = given.flatMap(({ key = "", operator, values }) => {
    const [value] = values ?? [];
    if (value === undefined || values?.length !== 1 || (operator !== "In" && operator !== "NotIn")) return [];
    return [{ field: key, operator: operator === "In" ? ("=" as const) : ("!=" as const), value }];
  });
  const isWhole = requirements.length === given.length;
  return { requirements, problem: isWhole ? undefined : ignored("field", requirements.length > 0) };
}

/** No authorizer asks for labels, but who asks is told what would not count. */
function labelProblem(selector: LabelSelectorAttributes | undefined): string | undefined {
  const raw = selector?.rawSelector ?? "";
  if (raw !== "") {
    try {
      parseLabelSelector(raw);
      return undefined;
    } catch {
      return ignored("label", false);
    }
  }
  const given = selector?.requirements ?? [];
  const known = given.filter(({ operator }) => LABEL_OPERATORS.includes(operator ?? ""));
  return known.length === given.length ? undefined : ignored("label", known.length > 0);
}

function ignored(kind: "field" | "label", isPartial: boolean): string {
  return `spec.resourceAttributes.${kind}Selector ${isPartial ? "partially " : ""}ignored due to parse error`;
}
