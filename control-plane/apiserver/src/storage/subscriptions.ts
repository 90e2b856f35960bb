import type { Cancel } from "@tsukube/foundation";
import type { CachedObject } from "./cached-object.ts";
import type { CacheEvent, Having, Subscriber } from "./contract.ts";
import type { Attribute } from "./object-index.ts";

/** Who hears of what lies below one prefix. */
interface Audience {
  /** Of everything. */
  readonly all: Set<Subscriber>;
  /** Of what has a value, by the attribute's name. */
  readonly having: Map<string, { readonly attribute: Attribute; readonly byValue: Map<string, Set<Subscriber>> }>;
}

/** Tells changes to those whom they concern: what it costs grows with who hears of it, not with who listens. */
export class Subscriptions {
  readonly #audiences = new Map<string, Audience>();

  add(prefix: string, subscriber: Subscriber, having?: Having): Cancel {
    const audience = this.#audiences.get(prefix) ?? { all: new Set(), having: new Map() };
    this.#audiences.set(prefix, audience);
    if (having === undefined) audience.all.add(subscriber);
    else addHaving(audience, subscriber, having);
    return () => {
      if (having === undefined) audience.all.delete(subscriber);
      else removeHaving(audience, subscriber, having);
      const isEmpty = audience.all.size === 0 && audience.having.size === 0;
      if (isEmpty && this.#audiences.get(prefix) === audience) this.#audiences.delete(prefix);
    };
  }

  /** @param events All of one revision, in order. */
  publish(events: readonly CacheEvent[], revision: number): void {
    for (const [audience, group] of this.#groups(events)) {
      for (const subscriber of audience.all) subscriber(group, revision);
      for (const [subscriber, chosen] of chosenBy(audience, group)) subscriber(chosen, revision);
    }
  }

  #groups(events: readonly CacheEvent[]): ReadonlyMap<Audience, readonly CacheEvent[]> {
    const groups = new Map<Audience, CacheEvent[]>();
    for (const event of events) {
      for (const prefix of prefixesOf(event.key)) {
        const audience = this.#audiences.get(prefix);
        if (audience === undefined) continue;
        const group = groups.get(audience);
        if (group === undefined) groups.set(audience, [event]);
        else group.push(event);
      }
    }
    return groups;
  }
}

function addHaving({ having }: Audience, subscriber: Subscriber, { attribute, values }: Having): void {
  const entry = having.get(attribute.name) ?? { attribute, byValue: new Map<string, Set<Subscriber>>() };
  having.set(attribute.name, entry);
  for (const value of values) {
    const subscribers = entry.byValue.get(value) ?? new Set();
    entry.byValue.set(value, subscribers.add(subscriber));
  }
}

function removeHaving({ having }: Audience, subscriber: Subscriber, { attribute, values }: Having): void {
  const entry = having.get(attribute.name);
  for (const value of values) {
    const subscribers = entry?.byValue.get(value);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) entry?.byValue.delete(value);
  }
  if (entry?.byValue.size === 0) having.delete(attribute.name);
}

/** What each hears of who hears of some values only, in order: of objects that have one of them, or had. */
function chosenBy({ having }: Audience, events: readonly CacheEvent[]): ReadonlyMap<Subscriber, CacheEvent[]> {
  const chosen = new Map<Subscriber, CacheEvent[]>();
  for (const { attribute, byValue } of having.values()) {
    for (const event of events) {
      const [before, after] = [valueIn(event.previous, attribute), valueIn(event.current, attribute)];
      for (const value of before === after ? [after] : [before, after]) {
        for (const subscriber of (value !== undefined && byValue.get(value)) || []) {
          const heard = chosen.get(subscriber);
          if (heard === undefined) chosen.set(subscriber, [event]);
          else if (heard.at(-1) !== event) heard.push(event);
        }
      }
    }
  }
  return chosen;
}

function valueIn(cached: CachedObject | undefined, attribute: Attribute): string | undefined {
  return cached && attribute.valueOf(cached);
}

/** What one may subscribe to and get this key: each of its folders, and itself. */
function prefixesOf(key: string): readonly string[] {
  const out: string[] = [];
  for (let at = key.indexOf("/", 1); at > 0; at = key.indexOf("/", at + 1)) out.push(key.slice(0, at + 1));
  if (!key.endsWith("/")) out.push(key);
  return out;
}
