import type { FieldPlan, Plan } from "./plan.ts";

/** A message as protobuf nests it: inlined structs that JSON flattens are messages again. */
export interface MessagePlan {
  /** In rising field number. */
  readonly members: readonly Member[];
  readonly byNumber: ReadonlyMap<number, Member>;
}

/** A numbered member: a field, or an inlined struct. */
export interface Member {
  readonly number: number;
  readonly field: FieldPlan | undefined;
  /** Instead of `field`. */
  readonly inlined: MessagePlan | undefined;
}

const compiled = new WeakMap<Plan, MessagePlan>();

/** The message of an object's plan. */
export function messagePlanOf(plan: Plan): MessagePlan {
  let message = compiled.get(plan);
  if (message === undefined) {
    message = nest(plan.fieldList, 0);
    compiled.set(plan, message);
  }
  return message;
}

/** Groups the fields whose path goes on at `depth` under the number there. */
function nest(fields: readonly FieldPlan[], depth: number): MessagePlan {
  const own: Member[] = [];
  const inlined = new Map<number, FieldPlan[]>();
  for (const field of fields) {
    const step = field.field.protobufPath?.[depth];
    if (field.field.protobuf === undefined) continue;
    if (step === undefined) own.push({ number: field.field.protobuf.number, field, inlined: undefined });
    else inlined.set(step, [...(inlined.get(step) ?? []), field]);
  }
  for (const [number, inner] of inlined) own.push({ number, field: undefined, inlined: nest(inner, depth + 1) });
  const members = own.sort((a, b) => a.number - b.number);
  return { members, byNumber: new Map(members.map((member) => [member.number, member])) };
}
