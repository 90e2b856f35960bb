import type { Cancel, Clock } from "@tsukube/foundation";
import type { GrpcDuplex } from "@tsukube/host/grpc";
import type { Event, WatchRequest, WatchResponse } from "../generated/etcd.ts";
import type { EtcdConnection, EtcdMember } from "./etcd-connection.ts";
import type { EtcdKeys } from "./etcd-keys.ts";
import { compacted } from "./memory-store.ts";
import { StoreError, type StoreEvent } from "./store.ts";
import { Watcher } from "./watchers.ts";

export interface EtcdWatchDeps {
  readonly connection: EtcdConnection;
  readonly keys: EtcdKeys;
  readonly clock: Clock;
  /** Told of each revision that etcd mentions. */
  learn(revision: number): void;
  /** Told of the oldest revision that etcd keeps. */
  learnCompacted(revision: number): void;
  /** The newest revision known. */
  newest(): number;
  /** Writes a key of our own in sight of a watch of everything. */
  tick(): Promise<void>;
}

/** How long an event may be on its way before the watch is asked how far it is. */
const HURRY_MS = 20;
const HURRY_AGAIN_MS = 250;
/** A watch that is behind and says nothing for so long goes on at another server. */
const STALLED_MS = 2500;
const RECONNECT_MS = 200;

/** One watch, held through reconnects, changes of leader and lost servers, without gaps: it goes on after what was delivered last. */
export class EtcdWatch {
  readonly #deps: EtcdWatchDeps;
  readonly #prefix: string;
  readonly #watcher: Watcher;
  readonly #stop = new AbortController();
  /** Everything up to it was delivered. */
  #at: number;
  /** Watches that ask for all of the past begin where etcd's begins, until something was delivered: then there is a place to go on from. */
  #fromOldest: boolean;
  #call: GrpcDuplex<WatchRequest, WatchResponse> | undefined;
  #progressIsSafe = false;
  #timer: Cancel | undefined;
  #silentSince = 0;
  #fragments: Event[] = [];
  readonly ended: Promise<void>;

  constructor(deps: EtcdWatchDeps, prefix: string, revision: number) {
    this.#deps = deps;
    this.#prefix = prefix;
    this.#watcher = new Watcher(prefix, () => this.close());
    this.#at = revision;
    this.#fromOldest = revision === 0;
    this.ended = this.#run();
  }

  get events(): AsyncIterable<StoreEvent> {
    return this.#watcher;
  }

  /** Ends it: quietly, or with an error for who watches. */
  close(error?: StoreError): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#timer?.();
    this.#call?.cancel();
    this.#watcher.close(error);
  }

  /** There is something newer than what was delivered: see that it comes. */
  hurry(): void {
    if (this.#timer !== undefined || this.#stop.signal.aborted || this.#at >= this.#deps.newest()) return;
    this.#silentSince = this.#deps.clock.monotonic();
    this.#timer = this.#deps.clock.after(HURRY_MS, () => this.#press(), { background: true });
  }

  #press(): void {
    this.#timer = undefined;
    const { clock } = this.#deps;
    if (this.#stop.signal.aborted || this.#at >= this.#deps.newest()) return;
    if (clock.monotonic() - this.#silentSince > STALLED_MS) {
      this.#silentSince = clock.monotonic();
      this.#call?.cancel(); // whoever reads it goes on elsewhere
    } else if (this.#progressIsSafe) {
      this.#call?.send({ progressRequest: {} });
    } else {
      void this.#deps.tick().catch(() => {}); // tried again below
    }
    this.#timer = clock.after(HURRY_AGAIN_MS, () => this.#press(), { background: true });
  }

  async #run(): Promise<void> {
    const { connection, clock } = this.#deps;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { member } = connection;
      try {
        if ((await this.#follow(member)) === "done") return;
      } catch (error) {
        if (error instanceof StoreError && isFinal(error)) return this.close(error);
      }
      if (signal.aborted) return;
      connection.leave(member);
      await clock.sleep(RECONNECT_MS, signal).catch(() => {});
    }
  }

  async #follow(member: EtcdMember): Promise<"done" | "again"> {
    const { connection, keys, clock } = this.#deps;
    const options = await connection.callOptions(member, clock.now() + STALLED_MS);
    const { version = "", header } = await member.maintenance.Status({}, options);
    connection.mustBeSame(header);
    this.#progressIsSafe = answersProgress(version);
    const { metadata } = options;
    const call = member.watch.Watch({ ...(metadata !== undefined && { metadata }), signal: this.#stop.signal });
    this.#call = call;
    this.#fragments = [];
    // whoever cannot be asked how far it is shows that by a tick, which a watch of some keys alone would not see
    const { key, rangeEnd } = keys.bounds(this.#progressIsSafe ? this.#prefix : "");
    const startRevision = this.#at + 1;
    const progressNotify = this.#progressIsSafe;
    call.send({ createRequest: { key, rangeEnd, startRevision, prevKv: true, fragment: true, progressNotify } });
    try {
      for await (const response of call) {
        this.#silentSince = clock.monotonic();
        const next = this.#take(response);
        if (next !== "go on") return next;
      }
    } finally {
      this.#call = undefined;
      call.cancel();
    }
    return "again";
  }

  #take(response: WatchResponse): "go on" | "again" | "done" {
    if (response.canceled === true) return this.#canceled(response);
    this.#fragments.push(...(response.events ?? []));
    if (response.fragment === true) return "go on";
    const events = this.#fragments;
    this.#fragments = [];
    const revision = Number(response.header?.revision ?? 0);
    if (events.length > 0) return this.#deliver(events);
    if (response.created !== true && this.#progressIsSafe && revision > this.#at) {
      this.#reach(revision);
      this.#watcher.offer([{ type: "progress", revision }]);
    }
    this.#deps.learn(revision);
    return "go on";
  }

  #deliver(events: readonly Event[]): "go on" | "done" {
    const out: StoreEvent[] = [];
    for (const [index, event] of events.entries()) {
      const revision = Number(event.kv?.modRevision);
      const change = this.#deps.keys.eventOf(event, revision);
      if (change === "lost") {
        this.#deps.learnCompacted(revision);
        this.close(compacted(this.#at, revision));
        return "done";
      }
      if (change !== undefined) out.push(change);
      const next = events[index + 1];
      if (next === undefined || Number(next.kv?.modRevision) !== revision) {
        out.push({ type: "progress", revision });
        this.#reach(revision);
      }
    }
    // known before it is told, so that nobody sees an event of a revision that the store denies
    this.#deps.learn(this.#at);
    this.#watcher.offer(out);
    return "go on";
  }

  #reach(revision: number): void {
    this.#at = revision;
    this.#fromOldest = false;
  }

  #canceled({ compactRevision, cancelReason = "" }: WatchResponse): "again" | "done" {
    const oldest = Number(compactRevision ?? 0);
    if (oldest > 0) {
      this.#deps.learnCompacted(oldest);
      if (this.#fromOldest) {
        this.#at = oldest;
        return "again";
      }
      this.close(compacted(this.#at, oldest));
      return "done";
    }
    if (/permission denied/.test(cancelReason)) {
      this.close(new StoreError("failed", `Cannot watch "${this.#prefix}" in etcd: ${cancelReason}`));
      return "done";
    }
    return "again";
  }
}

function isFinal({ code }: StoreError): boolean {
  return code === "failed" || code === "unusable";
}

/** Whether the answer to a progress request proves that everything before it was delivered. */
function answersProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (major !== 3 || minor > 5) return major >= 3;
  return minor === 5 ? patch >= 13 : minor === 4 && patch >= 31;
}
