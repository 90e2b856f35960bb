import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atLeast,
  atMost,
  type Check,
  each,
  fields,
  isUnset,
  member,
  noMoreThan,
  oneOf,
  optional,
  required,
  run,
  text,
  union,
  uniqueElements,
  valueAt,
} from "../check.ts";
import { conditions } from "../conditions.ts";
import { foreignKey, prefixedKey } from "../core/eviction-responders.ts";
import { frozen, lost, type RuleTable, type UpdateCheck, updates } from "../kind-rules.ts";
import { dnsSubdomain, longName } from "../names.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MOST_RESPONDERS = 11;
const MOST_REQUESTERS = 100;
const LONGEST_MESSAGE = 4000;

const target: Check = all(
  union("pod"),
  fields({
    pod: optional(
      fields({
        name: required(text(dnsSubdomain)),
        uid: required(text((uid) => (UUID.test(uid) ? [] : ["must be a lowercase UUID in 8-4-4-4-12 format"]))),
      }),
    ),
  }),
);

const intent: Check = oneOf("Eviction", "Withdrawn");

const observed: UpdateCheck = (next, old) => {
  const at = "status.observedGeneration";
  const [now, before] = [valueAt(next, at), valueAt(old, at)];
  if (now === undefined)
    return before === undefined ? [] : [fieldError.invalid(at, null, "field cannot be cleared once set")];
  return run(atLeast(1), now, at);
};

const observedStatus: UpdateCheck = updates((next) => run(fields({ status: fields({ conditions }) }), next), observed);

const responderStates = oneOf("Active", "Canceled", "Completed", "Inactive", "Interrupted");

/** A priority of 0 is one. */
const priority: Check = (value, at, errors) => {
  if (value === undefined) errors.push(fieldError.required(at));
  else all(atLeast(0), noMoreThan(100_000))(value, at, errors);
};

const participants: Check = fields({
  requesters: atMost(
    MOST_REQUESTERS,
    uniqueElements("name"),
    each(fields({ name: required(text(prefixedKey)), intent })),
  ),
  targetResponders: atMost(
    MOST_RESPONDERS,
    uniqueElements("name"),
    each(fields({ name: required(text(prefixedKey)), priority, state: responderStates })),
  ),
  responders: atMost(
    MOST_RESPONDERS,
    uniqueElements("name"),
    each(
      fields({
        name: required(text(prefixedKey)),
        message: (value, at, errors) => {
          if (String(value ?? "").length > LONGEST_MESSAGE)
            errors.push(fieldError.tooLong(at, LONGEST_MESSAGE, "characters"));
        },
      }),
    ),
  ),
});

/** What a name lacks that is missing is said as well. */
const named: Check = (object, at, errors) => {
  if (isUnset(valueAt(object, "metadata.name"))) text(longName)("", `${at}metadata.name`, errors);
};

/** Requests to evict, and the evictions that they ask for (KEP-4563). */
export const LIFECYCLE = {
  "lifecycle.k8s.io/EvictionRequest": {
    name: longName,
    state: all(named, fields({ spec: fields({ target, requester: required(text(foreignKey)), intent }) })),
    updateState: (next) => run(fields({ spec: fields({ intent }) }), next),
    updateFirst: true,
    update: updates(frozen("spec.target", "spec.requester"), (next, old) =>
      lost(next, old, "spec.requester") ? [fieldError.required("spec.requester")] : [],
    ),
    subresources: { status: observedStatus },
  },
  "lifecycle.k8s.io/Eviction": {
    name: longName,
    state: all(named, fields({ spec: fields({ target }) })),
    updateState: () => [],
    update: frozen("spec.target"),
    subresources: {
      status: updates(observedStatus, (next) => run(participants, member(next, "status") ?? {}, "status")),
    },
  },
} satisfies RuleTable;
