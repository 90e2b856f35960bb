import type { Unstructured } from "../../object.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  all,
  atLeast,
  atMost,
  type Check,
  child,
  each,
  element,
  fields,
  listOf,
  member,
  noMoreThan,
  optional,
  optionalOneOf,
  required,
  run,
  text,
  union,
  uniqueElements,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { conditions } from "../conditions.ts";
import { frozen, lost, type RuleTable, type UpdateCheck, updates } from "../kind-rules.ts";
import { dnsSubdomain, pathSegment, serviceName as shortName } from "../names.ts";
import { typedValue } from "../typed-value.ts";

const HIGHEST_USER_PRIORITY = 1_000_000_000;
const MOST_TEMPLATES = 8;
const MOST_CLAIMS = 4;
const DEEPEST = 4;
const LISTS = ["podGroupTemplates", "compositePodGroupTemplates"] as const;

const workloadRef: Check = fields({
  workloadName: required(text(dnsSubdomain)),
  templateName: required(text(shortName)),
});

/** @param count How a gang says how many it needs. */
function schedulingPolicy(count: string): Check {
  return all(union("basic", "gang"), fields({ gang: optional(fields({ [count]: required(atLeast(1)) })) }));
}

const schedulingConstraints: Check = fields({
  topology: atMost(1, each(fields({ key: required(text(labelKeyProblems)) }))),
});

const resourceClaim: Check = (value, at, errors) => {
  union("resourceClaimName", "resourceClaimTemplateName")(value, at, errors);
  fields({
    name: required(text(shortName)),
    resourceClaimName: optional(text(dnsSubdomain)),
    resourceClaimTemplateName: optional(text(dnsSubdomain)),
  })(value, at, errors);
};

/** What groups and the templates of groups have alike. */
const COMMON = {
  schedulingConstraints: optional(schedulingConstraints),
  disruptionMode: optional(union("single", "all")),
  priorityClassName: unlessUnset(text(dnsSubdomain)),
  priority: optional(noMoreThan(HIGHEST_USER_PRIORITY)),
  preemptionPolicy: optionalOneOf("Never", "PreemptLowerPriority"),
};
const resourceClaims: Check = atMost(MOST_CLAIMS, uniqueElements("name"), each(resourceClaim));

const parent: Check = (spec, at, errors) => {
  text(dnsSubdomain)(member(spec, "parentCompositePodGroupName"), child(at, "parentCompositePodGroupName"), errors);
  if (member(spec, "workloadRef") === undefined)
    errors.push(fieldError.required(child(at, "workloadRef"), "must be set when parentCompositePodGroupName is set"));
};

const podGroupSpec: Check = (spec, at, errors) => {
  if (member(spec, "parentCompositePodGroupName") !== undefined) parent(spec, at, errors);
  const { schedulingConstraints: topology, ...others } = COMMON;
  fields({
    workloadRef: optional(workloadRef),
    schedulingPolicy: schedulingPolicy("minCount"),
    schedulingConstraints: topology,
    resourceClaims,
    ...others,
  })(spec, at, errors);
};

const compositeSpec: Check = fields({
  parentCompositePodGroupName: optional(text(dnsSubdomain)),
  workloadRef: (value, at, errors) => {
    if (value === undefined) errors.push(fieldError.required(at));
    else workloadRef(value, at, errors);
  },
  schedulingPolicy: schedulingPolicy("minGroupCount"),
  ...COMMON,
});

const { schedulingConstraints: templateTopology, ...templateOthers } = COMMON;
const podGroupTemplate: Check = fields({
  name: required(text(shortName)),
  schedulingPolicy: schedulingPolicy("minCount"),
  schedulingConstraints: templateTopology,
  resourceClaims,
  ...templateOthers,
});

/** Templates of a list have names of their own. */
const distinct: Readonly<Record<string, Check>> = {
  podGroupTemplates: namedOnce("PodGroupTemplate"),
  compositePodGroupTemplates: namedOnce("CompositePodGroupTemplate"),
};

function namedOnce(type: string): Check {
  return uniqueElements("name", (template) => typedValue(template, `scheduling/v1alpha3.${type}`));
}

const podGroupTemplates: Check = atMost(MOST_TEMPLATES, distinct["podGroupTemplates"]!, each(podGroupTemplate));

const compositeTemplates: Check = (value, at, errors) =>
  atMost(MOST_TEMPLATES, distinct["compositePodGroupTemplates"]!, each(compositeTemplate))(value, at, errors);

const compositeTemplate: Check = fields({
  name: required(text(shortName)),
  schedulingPolicy: schedulingPolicy("minGroupCount"),
  ...COMMON,
  podGroupTemplates,
  compositePodGroupTemplates: compositeTemplates,
});

/** Templates within one another, those above first. @param visit Gets the place of a template, its depth from 1 on. */
function walk(
  spec: unknown,
  at: string,
  depth: number,
  visit: (template: unknown, at: string, depth: number) => void,
): void {
  for (const list of LISTS)
    listOf(member(spec, list)).forEach((template, index) => {
      visit(template, element(child(at, list), index), depth);
    });
  listOf(member(spec, "compositePodGroupTemplates")).forEach((template, index) => {
    walk(template, element(child(at, "compositePodGroupTemplates"), index), depth + 1, visit);
  });
}

/** Names that are used twice in different lists; twice in one list is told there. */
const distinctNames: Check = (spec, at, errors) => {
  const seen = new Map<unknown, string>();
  walk(spec, at, 1, (template, here) => {
    const [name, list] = [member(template, "name"), here.replace(/\[\d+\]$/, "")];
    if (seen.has(name) && seen.get(name) !== list) errors.push(fieldError.duplicate(child(here, "name"), name));
    seen.set(name, list);
  });
};

const notTooDeep: Check = (spec, at, errors) => {
  const list = child(at, "compositePodGroupTemplates");
  listOf(member(spec, "compositePodGroupTemplates")).forEach((template, index) => {
    let deepest = 1;
    walk(template, "", 2, (inner, _at, depth) => {
      if (member(inner, "compositePodGroupTemplates") !== undefined || member(inner, "podGroupTemplates") !== undefined)
        deepest = Math.max(deepest, depth);
    });
    if (deepest >= DEEPEST) {
      const why = `maximum template hierarchy depth is ${DEEPEST}`;
      errors.push(fieldError.invalid(element(list, index), member(template, "compositePodGroupTemplates"), why));
    }
  });
};

const onePriority: Check = (spec, at, errors) => {
  const found = new Set<string>();
  const priorityOf = (template: unknown): string =>
    `${String(member(template, "priorityClassName") ?? "")} ${String(member(template, "priority") ?? "none")}`;
  for (const template of listOf(member(spec, "podGroupTemplates"))) found.add(priorityOf(template));
  if (found.size > 1)
    return void errors.push(fieldError.invalid(at, null, "detected multiple priority configurations"));
  walk(spec, at, 1, (template) => found.add(priorityOf(template)));
  if (found.size > 1) {
    const why = "all priority and priorityClassName values must be identical, detected multiple values";
    errors.push(fieldError.invalid(at, null, why));
  }
};

const notEmpty: Check = (spec, at, errors) => {
  walk(spec, at, 1, (template, here) => {
    if (!here.replace(/\[\d+\]$/, "").endsWith("compositePodGroupTemplates")) return;
    if (LISTS.some((list) => listOf(member(template, list)).length > 0)) return;
    const why = "must have at least one child PodGroupTemplate or CompositePodGroupTemplate";
    errors.push(fieldError.invalid(here, member(template, "name"), why));
  });
};

/** What templates must be together. */
const templates: Check = all(distinctNames, notTooDeep, onePriority, notEmpty);

/** A workload has templates of one sort; which it has is looked at when that changes. */
const templateListsStay: UpdateCheck = (next, old) => {
  const has = (object: Unstructured, list: string): boolean => listOf(valueAt(object, `spec.${list}`)).length > 0;
  const isSame = LISTS.every((list) => has(next, list) === has(old, list));
  return isSame ? [] : run(union(...LISTS), valueAt(next, "spec") ?? {}, "spec");
};

const workloadSpec: Check = all(
  templates,
  union(...LISTS),
  fields({
    controllerRef: optional(
      fields({
        apiGroup: unlessUnset(text(dnsSubdomain)),
        kind: required(text(pathSegment)),
        name: required(text(pathSegment)),
      }),
    ),
    podGroupTemplates,
    compositePodGroupTemplates: compositeTemplates,
  }),
);

/** A gang stays a gang, and no other policy becomes one; how many it needs may change. */
function policyStays(at: string): UpdateCheck {
  return (next, old) => {
    const gang = `${at}.gang`;
    const [has, had] = [next, old].map((object) => valueAt(object, gang) !== undefined);
    const errors = [...frozen(`${at}.basic`)(next, old, NO_CONTEXT)];
    if (has && !had) errors.push(fieldError.invalid(gang, null, "field cannot be set once created"));
    if (had && !has) errors.push(fieldError.invalid(gang, null, "field cannot be cleared once set"));
    return errors;
  };
}

const NO_CONTEXT = { kind: { group: "", version: "", kind: "" } };
const PARTS = [
  "schedulingConstraints",
  "resourceClaims",
  "disruptionMode",
  "priorityClassName",
  "priority",
  "preemptionPolicy",
];

/** Templates of a list by name: none comes or goes, and of each only the count of its gang changes. */
function templatesStay(next: unknown, old: unknown, at: string, list: string): FieldError[] {
  const here = child(at, list);
  const [now, before] = [listOf(member(next, list)), listOf(member(old, list))];
  const named = (of: readonly unknown[], name: unknown): unknown => of.find((one) => member(one, "name") === name);
  const twice = now.length === before.length ? [] : run(distinct[list]!, now, here);
  const errors = now.flatMap((template, index) => {
    const same = named(before, member(template, "name"));
    const place = element(here, index);
    return same === undefined
      ? [fieldError.forbidden(place, "item may not be added")]
      : templateStays(template, same, place);
  });
  if (before.some((template) => named(now, member(template, "name")) === undefined))
    errors.push(fieldError.forbidden(here, "item may not be removed"));
  return [...twice, ...errors];
}

function templateStays(next: unknown, old: unknown, at: string): FieldError[] {
  const [template, same] = [next, old] as [object, object];
  const own = updates(policyStays("schedulingPolicy"), frozen(...PARTS))({ ...template }, { ...same }, NO_CONTEXT);
  const count = at.replace(/\[\d+\]$/, "").endsWith("compositePodGroupTemplates") ? "minGroupCount" : "minCount";
  return [
    ...run(schedulingPolicy(count), member(next, "schedulingPolicy"), child(at, "schedulingPolicy")),
    ...own.map((error) => ({ ...error, field: child(at, error.field) })),
    ...templatesStay(next, old, at, "podGroupTemplates"),
    ...templatesStay(next, old, at, "compositePodGroupTemplates"),
  ];
}

const templatesOfWorkload: UpdateCheck = (next, old) =>
  LISTS.flatMap((list) => templatesStay(valueAt(next, "spec"), valueAt(old, "spec"), "spec", list));

const groupStatus: UpdateCheck = (next) => {
  const errors = run(fields({ status: fields({ conditions }) }), next);
  const names = listOf(valueAt(next, "spec.resourceClaims")).map((claim) => member(claim, "name"));
  const at = "status.resourceClaimStatuses";
  listOf(valueAt(next, at)).forEach((status, index) => {
    const name = member(status, "name");
    const why = "must match the name of an entry in `spec.resourceClaims`";
    if (!names.includes(name)) errors.push(fieldError.invalid(`${element(at, index)}.name`, name ?? "", why));
  });
  const claims = each(fields({ resourceClaimName: optional(text(dnsSubdomain)) }));
  return [...errors, ...run(atMost(MOST_CLAIMS, uniqueElements("name"), claims), valueAt(next, at), at)];
};

const inSpec = (names: readonly string[]): readonly string[] => names.map((name) => `spec.${name}`);

/** Groups of pods that are scheduled together (KEP-4671), groups of those, and the workloads that they are made from. */
export const SCHEDULING = {
  "scheduling.k8s.io/CompositePodGroup": {
    state: fields({ spec: compositeSpec }),
    updateState: () => [],
    update: updates(
      frozen(...inSpec(["parentCompositePodGroupName", "workloadRef"])),
      (next, old) => (lost(next, old, "spec.workloadRef") ? [fieldError.required("spec.workloadRef")] : []),
      frozen("spec.schedulingPolicy", ...inSpec(PARTS.filter((part) => part !== "resourceClaims"))),
    ),
    subresources: { status: (next) => run(fields({ status: fields({ conditions }) }), next) },
  },
  "scheduling.k8s.io/PodGroup": {
    state: fields({ spec: podGroupSpec }),
    updateState: () => [],
    update: updates(
      frozen("spec.parentCompositePodGroupName", "spec.workloadRef"),
      (next) => run(fields({ spec: fields({ schedulingPolicy: schedulingPolicy("minCount") }) }), next),
      policyStays("spec.schedulingPolicy"),
      frozen(...inSpec(PARTS)),
    ),
    subresources: { status: groupStatus },
  },
  "scheduling.k8s.io/Workload": {
    state: fields({ spec: workloadSpec }),
    updateState: (next) => run(fields({ spec: templates }), next),
    update: updates(templateListsStay, frozen("spec.controllerRef"), templatesOfWorkload),
  },
} satisfies RuleTable;
