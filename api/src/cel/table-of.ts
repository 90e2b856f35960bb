/** A table by names that come from expressions: it has none of those that every object of JavaScript has. */
export function tableOf<Value>(entries: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return Object.assign(Object.create(null), entries) as Readonly<Record<string, Value>>;
}
