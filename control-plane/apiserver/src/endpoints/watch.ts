import {
  ApiError,
  apiVersionOf,
  encodeWatchFrame,
  envelopeOfMessage,
  type ObjectSchema,
  schemaOfType,
  type Unstructured,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Cancel, Clock, Random } from "@tsukube/foundation";
import type { ResponseSink } from "@tsukube/host";
import type { RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import { formOf } from "../registry/form.ts";
import { writeJoined } from "../sending/chunks.ts";
import { FlowingBody } from "../sending/flowing-body.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import { withRevision } from "../storage/cached-object.ts";
import { messageOf } from "../storage/encodings.ts";
import { type ObjectStore, servesStoredBytes } from "../storage/object-store.ts";
import type { CacheEvent } from "../storage/watch-cache.ts";
import { lateness } from "./freshness.ts";
import { type ListOptions, parseListOptions } from "./list-options.ts";
import { encode, headersOf, represent, tableOf, type View } from "./represent.ts";
import { type Selection, selectionOf } from "./selection.ts";
import type { WatchMetrics, WatchSeries } from "./watch-metrics.ts";
import type { WriterDeps } from "./writer.ts";

type EventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

const BOOKMARK_EVERY_MS = 60_000;
const BOOKMARK_BEFORE_END_MS = 2000;
const MIN_TIMEOUT_MS = 1800_000;
/** Bytes that may wait for a client that reads slowly; past it the watch ends and the client lists again. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

/** Bytes of the initial state that are written at a time. */
const CHUNK_BYTES = 256 * 1024;

/** Events serialized once for all watchers that want the same form: those that get them in this turn of the loop. */
const serialized = new Map<CachedObject, Map<string, Uint8Array>>();

function formsOf(cached: CachedObject): Map<string, Uint8Array> {
  let forms = serialized.get(cached);
  if (forms === undefined) {
    if (serialized.size === 0) setImmediate(() => serialized.clear());
    forms = new Map();
    serialized.set(cached, forms);
  }
  return forms;
}

/** WATCH: what is there (if asked), then every change, until the client leaves or the time is up. */
export async function watch(
  { store, clock, random, registry }: Pick<WriterDeps, "store" | "clock" | "random" | "registry">,
  metrics: WatchMetrics,
  context: RequestContext,
  view: View,
): Promise<ApiResponse> {
  const options = parseListOptions(context.info.query, true);
  const selection = selectionOf(store, view.definition, context.info);
  const asked = options.resourceVersion ?? 0;
  const wantsState = options.sendInitialEvents === true;
  const late = wantsState && asked > 0 ? await lateness(store, view.definition, asked, clock) : undefined;
  const stream = new WatchStream(store, clock, metrics.of(view.definition), context, view, selection, options);
  if (late !== undefined) stream.refuse(late);
  else {
    await stream.prepare();
    stream.start(random, (ended) => registry.whenReplaced(view.definition, ended));
  }
  const { accepted } = view;
  const contentType = accepted.encoding === "protobuf" ? `${accepted.mediaType};stream=watch` : accepted.mediaType;
  return { status: 200, headers: { ...headersOf(accepted), "content-type": contentType }, body: stream };
}

class WatchStream extends FlowingBody {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #sent: WatchSeries;
  readonly #context: RequestContext;
  readonly #view: View;
  readonly #selection: Selection;
  readonly #options: ListOptions;
  /** Where its objects lie. */
  readonly #folder: string;
  /** Of what it hears of. */
  readonly #prefix: string;
  readonly #form: string;
  readonly #cancels: Cancel[] = [];
  readonly #began: number;
  /** What is still to be sent of the state that the watch begins with, as it was at a revision. */
  #initial: { readonly objects: Iterable<readonly [string, CachedObject]>; readonly revision: number } | undefined;
  #queue: Uint8Array[] = [];
  /** Bytes in the queue that came since the watch is live. */
  #queued = 0;
  /** What the client is taking. */
  #sending: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  /** What begins with the whole state may be large. */
  override readonly isPackable: boolean;
  override readonly lasts = true;
  /** Takes events as they happen. */
  #sink: ResponseSink | undefined;
  #ended = false;
  /** The present state may be of any size; only what comes after it counts as backlog. */
  #live = false;
  #columnsSent = false;
  /** Of the last event. */
  #revision = 0;
  #since = 0;
  /** Batches of events that wait for a conversion webhook. */
  #converting = 0;

  constructor(
    store: ObjectStore,
    clock: Clock,
    sent: WatchSeries,
    context: RequestContext,
    view: View,
    selection: Selection,
    options: ListOptions,
  ) {
    super();
    const { definition, accepted } = view;
    this.#store = store;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#sent = sent;
    this.#context = context;
    this.#view = view;
    this.#selection = selection;
    this.#options = options;
    this.isPackable = this.#marksEnd;
    const { namespace } = context.info;
    this.#folder = definition.storage.prefix + (definition.namespaced && namespace !== "" ? `${namespace}/` : "");
    this.#prefix = prefixOf(definition, this.#folder, selection);
    this.#form = `${accepted.encoding} ${accepted.as} ${accepted.asVersion} ${formOf(definition)}`;
  }

  /** Has converted what the stream begins with. */
  async prepare(): Promise<void> {
    const { definition } = this.#view;
    if (definition.custom?.convert === undefined) return;
    const { cache } = this.#store;
    const present = [...cache.head.range(this.#prefix)].map(([, cached]) => cached);
    const since = this.#options.resourceVersion ?? 0;
    const missed = since === 0 ? [] : (cache.since(since, this.#prefix) ?? []);
    await this.#store.readable(definition, [...present, ...missed.flatMap(([events]) => events.flatMap(objectsOf))]);
  }

  /** Tells why it does not begin: as an event, as upstream does, which has sent the head of its answer by then. */
  refuse(error: ApiError): void {
    this.#fail(error);
  }

  /** @param whenReplaced Tells when what is watched is served otherwise: the client has to look again then. */
  start(random: Random, whenReplaced: (tell: () => void) => Cancel): void {
    const { cache } = this.#store;
    this.#revision = cache.revision;
    this.#begin();
    if (this.#initial !== undefined) this.#context.seating?.keep();
    this.#live = true;
    const receive = (events: readonly CacheEvent[], revision: number): void => {
      for (const event of events) this.#deliver(event);
      this.#revision = revision;
    };
    const { definition } = this.#view;
    const unsubscribe = cache.subscribe(
      this.#prefix,
      definition.custom?.convert === undefined ? receive : this.#afterConversion(receive),
      this.#selection.having,
    );
    this.#cancels.push(
      unsubscribe,
      whenReplaced(() => this.#end()),
    );
    const timeout = this.#options.timeoutSeconds;
    const ms = timeout === undefined || timeout <= 0 ? MIN_TIMEOUT_MS * (1 + random.float()) : timeout * 1000;
    this.#cancels.push(this.#clock.after(ms, () => this.#end(), { background: true }));
    if (this.#options.bookmarks) {
      this.#cancels.push(this.#clock.every(BOOKMARK_EVERY_MS, () => this.#bookmark(), { background: true }));
      if (ms > BOOKMARK_BEFORE_END_MS) {
        this.#cancels.push(
          this.#clock.after(ms - BOOKMARK_BEFORE_END_MS, () => this.#bookmark(), { background: true }),
        );
      }
    }
    const { signal } = this.#context;
    if (signal.aborted) this.#end();
    else signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** Events in order, each batch when its objects are converted; where that fails, the client has to watch again. */
  #afterConversion(receive: (events: readonly CacheEvent[], revision: number) => void): typeof receive {
    let before = Promise.resolve();
    return (events, revision) => {
      this.#converting += 1;
      before = before
        .then(() => this.#store.readable(this.#view.definition, events.flatMap(objectsOf)))
        .then(
          () => receive(events, revision),
          (error: unknown) => this.#fail(ApiError.from(error)),
        )
        .then(() => {
          this.#converting -= 1;
        });
    };
  }

  /** Events go to the connection as they happen, as long as the client keeps up; what it does not take at once is queued. */
  async flow(sink: ResponseSink, signal: AbortSignal): Promise<void> {
    try {
      for (const batch of this.#batchesOfState()) await writeJoined(sink, batch, signal);
      for (;;) {
        this.#sending = this.#queue;
        this.#queue = [];
        this.#queued = 0;
        for (const bytes of this.#sending) if (!sink.write(bytes)) await sink.drained();
        this.#sending = [];
        if (this.#queue.length > 0) continue;
        if (this.#ended) return;
        this.#sink = sink;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#sink = undefined;
        await sink.drained();
      }
    } finally {
      this.#end();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      let isFirst = true;
      for (const batch of this.#batchesOfState()) {
        // whoever reads it in this process never waits by itself: others have a turn
        if (!isFirst) await this.#clock.track(new Promise<void>((resolve) => setImmediate(resolve)));
        isFirst = false;
        yield Buffer.concat(batch);
      }
      for (;;) {
        if (this.#queue.length > 0) {
          const batch = this.#queue;
          this.#queue = [];
          this.#queued = 0;
          yield batch.length === 1 ? batch[0]! : Buffer.concat(batch);
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#end();
    }
  }

  /** Made as the client takes them: what is there may be of any size. */
  *#batchesOfState(): Generator<readonly Uint8Array[], void> {
    if (this.#initial === undefined) return;
    const { objects, revision } = this.#initial;
    this.#initial = undefined;
    yield* this.#batchesOf(objects, revision);
    this.#context.seating?.end();
  }

  *#batchesOf(
    objects: Iterable<readonly [string, CachedObject]>,
    revision: number,
  ): Generator<readonly Uint8Array[], void> {
    let pieces: Uint8Array[] = [];
    let size = 0;
    for (const [, cached] of objects) {
      if (this.#ended) return;
      if (!this.#selection.matches(cached)) continue;
      const before = size;
      for (const piece of this.#piecesOf(cached)) {
        pieces.push(piece);
        size += piece.length;
      }
      this.#count(size - before);
      this.#sent.initial.inc();
      if (size < CHUNK_BYTES) continue;
      yield pieces;
      pieces = [];
      size = 0;
    }
    if (this.#marksEnd) {
      pieces.push(this.#bookmarkAt(revision, true));
      this.#measureList();
    }
    if (pieces.length > 0) yield pieces;
  }

  /** Of an event that says that the object is there. */
  #piecesOf(cached: CachedObject): readonly Uint8Array[] {
    if (this.#servesStored) return [ADDED, ...cached.pieces(), CLOSE];
    const metadata = this.#metadataOf(cached, cached.revision);
    if (metadata !== undefined) return [ADDED, ...metadata, CLOSE];
    return [frame(this.#view.accepted.encoding, "ADDED", this.#encode(cached, cached.revision))];
  }

  get #servesStored(): boolean {
    const { accepted, definition } = this.#view;
    return accepted.as === "" && accepted.encoding === "json" && servesStoredBytes(definition);
  }

  /** The metadata of an object as one of its own, where that can be had from what is stored. */
  #metadataOf(cached: CachedObject, revision: number): readonly Uint8Array[] | undefined {
    const { accepted, definition } = this.#view;
    const isMetadata = accepted.as === "PartialObjectMetadata" && accepted.asVersion === "v1";
    if (!isMetadata || accepted.encoding !== "json" || !servesStoredBytes(definition)) return undefined;
    const pieces = cached.metadataPieces(revision);
    return pieces && [METADATA, ...pieces, END];
  }

  /** Whether the end of the initial events is marked (KEP-3157). */
  get #marksEnd(): boolean {
    return this.#options.sendInitialEvents === true && this.#options.bookmarks;
  }

  /** What comes before live events: the present state, or what changed since the revision asked for. */
  #begin(): void {
    const { resourceVersion, sendInitialEvents } = this.#options;
    const wantsState = sendInitialEvents ?? (resourceVersion === undefined || resourceVersion === 0);
    if (wantsState) {
      const objects = this.#selection.candidates(this.#store.cache.head, this.#folder).entries;
      if (this.#view.accepted.as === "Table") this.#beginTable(objects);
      else this.#initial = { objects, revision: this.#revision };
      return;
    }
    const since = resourceVersion ?? this.#store.cache.revision;
    this.#since = since;
    const missed = since === 0 ? [] : this.#store.cache.since(since, this.#prefix);
    if (missed === undefined) {
      this.#fail(ApiError.expired(`too old resource version: ${since} (${this.#store.cache.oldestRevision})`));
      return;
    }
    for (const [events] of missed) for (const event of events) this.#deliver(event);
  }

  /** The first event brings the columns. */
  #beginTable(objects: Iterable<readonly [string, CachedObject]>): void {
    for (const [, cached] of objects) if (this.#selection.matches(cached)) this.#send("ADDED", cached, cached.revision);
    if (!this.#marksEnd) return;
    this.#push(this.#bookmarkAt(this.#revision, true));
    this.#measureList();
  }

  #measureList(): void {
    const { namespace } = this.#context.info;
    this.#sent.listed((this.#clock.monotonic() - this.#began) / 1000, namespace === "" ? "cluster" : "namespace");
  }

  /** An object that leaves the selection is deleted as far as this watcher is concerned, one that enters it is new. */
  #deliver(event: CacheEvent): void {
    // a watch may begin after a revision that is still to come: until then it is silent
    if (!event.key.startsWith(this.#prefix) || event.revision <= this.#since) return;
    const was = event.previous !== undefined && this.#selection.matches(event.previous);
    const is = event.current !== undefined && this.#selection.matches(event.current);
    if (is) this.#send(was ? "MODIFIED" : "ADDED", event.current!, event.revision);
    else if (was) this.#send("DELETED", event.previous!, event.revision);
  }

  #send(type: EventType, cached: CachedObject, revision: number): void {
    const { accepted } = this.#view;
    if (accepted.as === "Table") {
      const object = withRevision(this.#store.view(this.#view.definition, cached), revision);
      const table = tableOf(this.#view, [object], { resourceVersion: String(revision) }, !this.#columnsSent);
      this.#columnsSent = true;
      this.#push(
        frame(
          accepted.encoding,
          type,
          encode(table, schemaOfType("meta/v1.Table") as ObjectSchema, { ...accepted, pretty: false }),
        ),
      );
      return;
    }
    const forms = formsOf(cached);
    const key = `${this.#form} ${type} ${revision}`;
    let bytes = forms.get(key);
    if (bytes === undefined) {
      bytes = frame(accepted.encoding, type, this.#encode(cached, revision));
      forms.set(key, bytes);
    }
    this.#push(bytes);
  }

  #encode(cached: CachedObject, revision: number): Uint8Array {
    const { definition, accepted } = this.#view;
    if (this.#servesStored) return cached.json(revision);
    if (accepted.as === "" && accepted.encoding === "protobuf" && servesStoredBytes(definition)) {
      const kind = { apiVersion: apiVersionOf(definition), kind: definition.kind };
      return envelopeOfMessage(kind, messageOf(definition.schema, cached, revision));
    }
    const metadata = this.#metadataOf(cached, revision);
    if (metadata !== undefined) return Buffer.concat(metadata);
    const object = this.#store.view(definition, cached);
    const { value, schema } = represent(
      this.#view,
      revision === cached.revision ? object : withRevision(object, revision),
    );
    return encode(value, schema, { ...accepted, pretty: false });
  }

  /** Tells the client how far it is: whatever its watch does not show may have made newer revisions. */
  #bookmark(): void {
    const reached = this.#converting > 0 ? this.#revision : this.#store.cache.revision;
    this.#push(this.#bookmarkAt(Math.max(reached, this.#since)));
  }

  /** @param initialEnd Marks the end of the initial events (KEP-3157). */
  #bookmarkAt(revision: number, initialEnd = false): Uint8Array {
    const { definition, accepted } = this.#view;
    const resourceVersion = String(revision);
    const annotations = initialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
    const metadata = { resourceVersion, ...annotations };
    const object = { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata } as Unstructured;
    const { value, schema } =
      accepted.as === "Table"
        ? {
            value: tableOf(this.#view, [object], { resourceVersion }, false),
            schema: schemaOfType("meta/v1.Table") as ObjectSchema,
          }
        : represent(this.#view, object);
    return frame(accepted.encoding, "BOOKMARK", encode(value, schema, { ...accepted, pretty: false }));
  }

  #fail(error: ApiError): void {
    const { accepted } = this.#view;
    this.#push(
      frame(
        accepted.encoding,
        "ERROR",
        encode(error.status, schemaOfType("meta/v1.Status") as ObjectSchema, { ...accepted, pretty: false }),
      ),
    );
    this.#end();
  }

  #count(bytes: number): void {
    this.#sent.events.inc();
    this.#sent.sizes.observe(bytes);
  }

  #push(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#count(bytes.length);
    if (this.#sink !== undefined) {
      if (this.#sink.write(bytes)) return;
      this.#sink = undefined; // from here on events wait until the client has caught up
      this.#wake?.();
      return;
    }
    this.#queue.push(bytes);
    if (this.#live) this.#queued += bytes.length;
    if (this.#queued > MAX_BACKLOG_BYTES) this.#overrun();
    this.#wake?.();
    this.#wake = undefined;
  }

  /** What the client has not taken is not kept for it: it begins again from the last event that it read. */
  #overrun(): void {
    this.#sending.length = 0;
    this.#queue = [];
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#context.seating?.end();
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.over();
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** Of all that the watch may have to tell: one that is about a single object hears of that alone. */
function prefixOf({ storage, namespaced }: ResourceDefinition, folder: string, { fields }: Selection): string {
  const isAnywhere = namespaced && folder === storage.prefix;
  return isAnywhere ? folder : folder + (fields.exactValue("metadata.name") ?? "");
}

function objectsOf({ current, previous }: CacheEvent): readonly CachedObject[] {
  return [current, previous].filter((cached) => cached !== undefined);
}

const ADDED = Buffer.from('{"type":"ADDED","object":');
const CLOSE = Buffer.from("}\n");
const METADATA = Buffer.from('{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":');
const END = Buffer.from("}");

/** One event on the wire: a JSON line, a YAML document, or a length-prefixed protobuf message. */
function frame(encoding: string, type: EventType, object: Uint8Array): Uint8Array {
  if (encoding === "protobuf") return encodeWatchFrame(type, object);
  const trimmed = object.at(-1) === 0x0a ? object.subarray(0, -1) : object;
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), trimmed, CLOSE]);
}
