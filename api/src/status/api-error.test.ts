import { describe, expect, test } from "vitest";
import facts from "../../facts/validation.json" with { type: "json" };
import { ApiError, aggregateMessage, fieldError, fieldErrorMessage, type Qualified } from "./index.ts";

interface Recorded {
  readonly case: string;
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly causes?: readonly { readonly message: string }[];
  };
}

const GENERIC = facts.generic as readonly unknown[] as readonly Recorded[];

function recorded(name: string): Recorded {
  return GENERIC.find((one) => one.case === name)!;
}

/** The error that a recorded answer should be, rebuilt from what it names. */
function rebuild({ reason, message = "", details = {} }: Recorded): ApiError | undefined {
  const what: Qualified = { group: details.group ?? "", resource: details.kind ?? "" };
  const name = details.name ?? "";
  const after = (marker: string): string => message.slice(message.indexOf(marker) + marker.length);
  if (reason === "NotFound" && details.kind !== undefined) return ApiError.notFound(what, name);
  if (reason === "AlreadyExists") return ApiError.alreadyExists(what, name);
  if (reason === "Conflict" && message.startsWith("Operation"))
    return ApiError.conflict(what, name, after(`"${name}": `));
  if (reason === "Forbidden" && details.causes === undefined)
    return ApiError.forbidden(what, name, after(" is forbidden: "));
  return undefined;
}

const rebuildable = GENERIC.filter((one) => one.message !== undefined && rebuild(one) !== undefined);

test("there are recorded answers of every sort", () => {
  expect(rebuildable.length).toBeGreaterThan(25);
  expect(new Set(rebuildable.map((one) => one.reason))).toEqual(
    new Set(["NotFound", "AlreadyExists", "Conflict", "Forbidden"]),
  );
});

test.each(rebuildable.map((one) => [one.case, one] as const))("%s", (_name, answer) => {
  const { httpCode, reason, message, status } = rebuild(answer)!;
  expect({ code: httpCode, reason, message, details: status.details }).toEqual({
    code: answer.code,
    reason: answer.reason,
    message: answer.message,
    details: answer.details,
  });
});

describe("fixed texts", () => {
  test.each<[string, ApiError]>([
    ["method not allowed on collection", ApiError.methodNotAllowed()],
    ["unknown resource", ApiError.generic(404)],
    ["json patch failed test", ApiError.generic(422)],
    ["anonymous", ApiError.unauthorized()],
    ["body over 3 MiB", ApiError.requestEntityTooLarge("limit is 3145728")],
    [
      "unsupported content type",
      ApiError.unsupportedMediaType(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]),
    ],
    [
      "as=Table of unsupported version",
      ApiError.notAcceptable(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]),
    ],
    ["future resourceVersion list", ApiError.tooLargeResourceVersion(99999999, 413)],
    ["resourceVersion on create", ApiError.unknown("resourceVersion should not be set on objects to be created")],
    ["stale put", ApiError.modified({ group: "", resource: "configmaps" }, "c1")],
    [
      "dryRun=x",
      ApiError.invalid({ group: "meta.k8s.io", kind: "CreateOptions" }, "", [
        fieldError.notSupported("dryRun", ["x"], ["All"]),
      ]),
    ],
    [
      "fieldManager 129 chars",
      ApiError.invalid({ group: "meta.k8s.io", kind: "CreateOptions" }, "", [fieldError.tooLong("fieldManager", 128)]),
    ],
    [
      "tls secret without keys",
      ApiError.invalid({ group: "", kind: "Secret" }, "t", [
        fieldError.required("data[tls.crt]"),
        fieldError.required("data[tls.key]"),
      ]),
    ],
    [
      "pod mount of unknown volume",
      ApiError.invalid({ group: "", kind: "Pod" }, "q", [
        fieldError.notFound("spec.containers[0].volumeMounts[0].name", "v"),
      ]),
    ],
    [
      "pod eviction blocked",
      ApiError.tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0, [
        { reason: "DisruptionBudget", message: "The disruption budget b needs 1 healthy pods and has 1 currently" },
      ]),
    ],
  ])("%s", (name, { status }) => {
    const answer = recorded(name);
    expect(status.code).toBe(answer.code);
    expect(status.reason).toBe(answer.reason);
    expect(status.message).toBe(answer.message);
    if (answer.details !== undefined) expect(status.details).toEqual(answer.details);
  });
});

test("one message stands alone, several distinct ones in brackets", () => {
  expect(aggregateMessage(["a"])).toBe("a");
  expect(aggregateMessage(["a", "b", "a"])).toBe("[a, b]");
});

test.each(
  (
    [
      [fieldError.invalid("a", "x\n", "no"), 'a: Invalid value: "x\\n": no'],
      [fieldError.invalid("a", -1, "no"), "a: Invalid value: -1: no"],
      [fieldError.invalid("a", null, "no"), "a: Invalid value: null: no"],
      [fieldError.invalid("a", { b: [1n] }, "no"), 'a: Invalid value: {"b":[1]}: no'],
      [fieldError.duplicate("a", "x"), 'a: Duplicate value: "x"'],
      [fieldError.forbidden("a", "why"), "a: Forbidden: why"],
      [fieldError.required("a"), "a: Required value"],
      [fieldError.tooMany("a", 12, 10), "a: Too many: 12: must have at most 10 items"],
    ] as const
  ).map(([error, text]) => [text, error] as const),
)("%s", (text, error) => {
  expect(fieldErrorMessage(error)).toBe(text);
});
