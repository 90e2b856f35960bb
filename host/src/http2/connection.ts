import type { Socket } from "node:net";
import type { OutgoingHeaders, Peer } from "../https-server.ts";
import { type Answer, AnswerSender } from "./answer.ts";
import { type ExchangeCarrier, Http2Exchange } from "./exchange.ts";
import { type Frame, FrameReader } from "./frame-reader.ts";
import {
  CODE,
  ConnectionError,
  FLAG,
  FRAME,
  FRAME_BYTES,
  FRAME_HEAD_BYTES,
  MOST_WINDOW,
  SETTING,
  settingsFrame,
  smallFrame,
  WINDOW,
  writeFrameHead,
} from "./frames.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { Outbox } from "./outbox.ts";
import { areTrailers, type RequestHead, requestHead } from "./request-head.ts";

/** Streams at a time, as kube-apiserver has it. */
const MOST_STREAMS = 100;
/** Bytes that a client may send before we have read them, of one request and of all: none that waits keeps others from coming. */
const REQUEST_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = MOST_STREAMS * REQUEST_WINDOW;
/** Frames of one head: nobody needs as many. */
const MOST_CONTINUATIONS = 128;
/** Answers to pings and settings that a client leaves unread. */
const MOST_UNREAD_REPLIES = 1000;
/** Streams that a client may give up in a burst, and a second in the long run: each has cost us a request (CVE-2023-44487). */
const RESET_BURST = 1000;
const RESETS_A_SECOND = 33;
/** Streams that we ended while the client was still sending. */
const MOST_REMEMBERED = 1000;

export interface Http2ConnectionOptions {
  readonly remoteAddress: string;
  readonly peer: Peer;
  /** Bytes of the head of a request, as RFC 9113 section 10.5.1 counts them. */
  readonly headBytes: number;
  /** Milliseconds after which a connection without streams is closed. */
  readonly idle: number;
  handle(exchange: Http2Exchange): void;
}

/** A head that comes in several frames. */
interface OpenHead {
  readonly id: number;
  readonly flags: number;
  readonly parts: Buffer[];
  size: number;
}

/** The server's side of one HTTP/2 connection (RFC 9113), without push and priorities. */
export class Http2Connection implements ExchangeCarrier {
  readonly remoteAddress: string;
  readonly peer: Peer;
  readonly #socket: Socket;
  readonly #options: Http2ConnectionOptions;
  readonly #reader = new FrameReader((frame) => this.#frame(frame));
  readonly #decoder = new HpackDecoder();
  readonly #encoder = new HpackEncoder();
  readonly #outbox: Outbox;
  readonly #sender: AnswerSender;
  readonly #streams = new Map<number, Http2Exchange>();
  /** Requests that came with what is being read: most have their body with them. */
  #begun: Http2Exchange[] = [];
  #openHead: OpenHead | undefined;
  #lastId = 0;
  /** Bytes that the client may send; those that were taken since it was told so. */
  #window = CONNECTION_WINDOW;
  #taken = 0;
  #hasSettings = false;
  #isEnding = false;
  #unreadReplies = 0;
  #resets = RESET_BURST;
  #resetsAt = 0;
  readonly #ended = new Set<number>();

  constructor(socket: Socket, options: Http2ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.remoteAddress = options.remoteAddress;
    this.peer = options.peer;
    this.#outbox = new Outbox(socket, () => this.#drained());
    this.#sender = new AnswerSender(this.#outbox);
    this.#outbox.write(
      settingsFrame(
        [SETTING.streams, MOST_STREAMS],
        [SETTING.window, REQUEST_WINDOW],
        [SETTING.headerListSize, options.headBytes],
      ),
    );
    this.#outbox.write(smallFrame(FRAME.windowUpdate, 0, 0, CONNECTION_WINDOW - WINDOW));
    socket.on("data", (piece: Buffer) => this.#read(piece));
    socket.once("close", () => this.#closed());
    socket.setTimeout(options.idle);
    socket.on("timeout", () => {
      if (this.#streams.size === 0) this.#end(CODE.none); // a watch may have nothing to tell for long
    });
  }

  sendHead(exchange: Http2Exchange, status: number, headers: OutgoingHeaders, length: number | undefined): void {
    this.#writeHead(exchange.id, status, headers, length);
    if (length === 0) this.answered(exchange);
  }

  sendBody(answer: Answer): boolean {
    return this.#sender.send(answer);
  }

  consumed({ id, request }: Http2Exchange, bytes: number): void {
    this.#takeMore(bytes);
    request.taken += bytes;
    if (!request.isOpen || request.taken < REQUEST_WINDOW / 2) return;
    this.#outbox.write(smallFrame(FRAME.windowUpdate, 0, id, request.taken));
    request.window += request.taken;
    request.taken = 0;
  }

  answered(exchange: Http2Exchange): void {
    if (exchange.request.isOpen) this.reset(exchange, CODE.none);
    else this.#forget(exchange);
  }

  reset(exchange: Http2Exchange, code: number): void {
    this.#remember(exchange.id);
    this.#outbox.write(smallFrame(FRAME.reset, 0, exchange.id, code));
    this.#forget(exchange);
  }

  #forget(exchange: Http2Exchange): void {
    if (!this.#streams.delete(exchange.id)) return;
    const { unread, isWanted } = exchange.request;
    if (!isWanted && unread > 0) this.#takeMore(unread);
    this.#sender.forget(exchange.answer);
    exchange.gone();
    if (this.#isEnding && this.#streams.size === 0) this.#end(CODE.none);
  }

  #remember(id: number): void {
    this.#ended.add(id);
    if (this.#ended.size > MOST_REMEMBERED) this.#ended.delete(this.#ended.values().next().value!);
  }

  #writeHead(id: number, status: number, headers: OutgoingHeaders, length: number | undefined): void {
    const block = this.#encoder.encode(status, headers, httpDate(), length);
    const flags = length === 0 ? FLAG.endStream : 0;
    const most = FRAME_BYTES;
    let type: number = FRAME.headers;
    for (let at = 0; at === 0 || at < block.length; at += most) {
      const size = Math.min(most, block.length - at);
      const isLast = at + size === block.length;
      const own = type === FRAME.headers ? flags : 0;
      const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + size);
      writeFrameHead(frame, 0, size, type, own | (isLast ? FLAG.endHeaders : 0), id);
      block.copy(frame, FRAME_HEAD_BYTES, at, at + size);
      this.#outbox.write(frame);
      type = FRAME.continuation;
    }
  }

  #read(piece: Buffer): void {
    try {
      this.#reader.read(piece);
    } catch (error) {
      this.#end(error instanceof ConnectionError ? error.code : CODE.internal);
    }
    if (this.#begun.length === 0) return;
    const begun = this.#begun;
    this.#begun = [];
    for (const exchange of begun) if (this.#streams.has(exchange.id)) this.#options.handle(exchange);
  }

  #frame(frame: Frame): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    const { type, id } = frame;
    if (!this.#hasSettings && type !== FRAME.settings) throw new ConnectionError(CODE.protocol, "no settings first");
    if (this.#openHead !== undefined && (type !== FRAME.continuation || id !== this.#openHead.id))
      throw new ConnectionError(CODE.protocol, "a head is not complete");
    switch (type) {
      case FRAME.data:
        this.#data(frame);
        break;
      case FRAME.headers:
        this.#headers(frame);
        break;
      case FRAME.continuation:
        this.#continuation(frame);
        break;
      case FRAME.reset:
        this.#peerReset(frame);
        break;
      case FRAME.settings:
        this.#settings(frame);
        break;
      case FRAME.ping:
        this.#ping(frame);
        break;
      case FRAME.windowUpdate:
        this.#windowUpdate(frame);
        break;
      case FRAME.goAway:
        this.#goAway(frame);
        break;
      case FRAME.priority:
        checkPriority(frame);
        break;
      case FRAME.pushPromise:
        throw new ConnectionError(CODE.protocol, "a client cannot push");
    } // others are extensions that we do not know (RFC 9113 section 4.1)
  }

  #data(frame: Frame): void {
    const { flags, id, bytes, start, end } = frame;
    if (id === 0 || id > this.#lastId) throw new ConnectionError(CODE.protocol, "data of no stream");
    const [from, to] = unpadded(frame);
    const size = end - start;
    this.#window -= size;
    if (this.#window < 0) throw new ConnectionError(CODE.flowControl, "more data than there is room for");
    const exchange = this.#streams.get(id);
    if (exchange?.request.isOpen !== true) {
      this.#takeMore(size);
      this.#late(id, exchange);
      return;
    }
    const { request } = exchange;
    request.window -= size;
    const isFit = request.window >= 0 && request.add(bytes.subarray(from, to));
    this.#consumedAtOnce(exchange, size, to - from);
    if (!isFit) this.reset(exchange, request.window < 0 ? CODE.flowControl : CODE.protocol);
    else if ((flags & FLAG.endStream) !== 0) this.#endRequest(exchange);
  }

  /** Padding is never read by anybody; a body is where somebody waits for it. */
  #consumedAtOnce(exchange: Http2Exchange, size: number, dataSize: number): void {
    const consumed = exchange.request.isWanted ? size : size - dataSize;
    if (consumed > 0) this.consumed(exchange, consumed);
  }

  #endRequest(exchange: Http2Exchange): void {
    if (!exchange.request.end()) this.reset(exchange, CODE.protocol);
  }

  /** Data or fields of a stream whose request has ended. */
  #late(id: number, exchange: Http2Exchange | undefined): void {
    if (this.#ended.has(id)) return; // we ended it, and the client did not know yet
    if (exchange !== undefined) this.reset(exchange, CODE.streamClosed);
    else {
      this.#remember(id);
      this.#outbox.write(smallFrame(FRAME.reset, 0, id, CODE.streamClosed));
    }
  }

  #headers(frame: Frame): void {
    const { flags, id, bytes } = frame;
    if (id % 2 === 0) throw new ConnectionError(CODE.protocol, "a stream that no client begins");
    let [from, to] = unpadded(frame);
    if ((flags & FLAG.priority) !== 0) {
      if (to - from < 5) throw new ConnectionError(CODE.frameSize, "a head without its priority");
      checkDependency(id, bytes, from);
      from += 5;
    }
    if ((flags & FLAG.endHeaders) !== 0) this.#head(flags, id, bytes, from, to);
    else this.#openHead = { id, flags, parts: [bytes.subarray(from, to)], size: to - from };
  }

  #continuation({ flags, bytes, start, end }: Frame): void {
    const head = this.#openHead;
    if (head === undefined) throw new ConnectionError(CODE.protocol, "nothing to continue");
    head.parts.push(bytes.subarray(start, end));
    head.size += end - start;
    // a head that is somewhat too long is answered
    if (head.size > 2 * this.#options.headBytes || head.parts.length > MOST_CONTINUATIONS)
      throw new ConnectionError(CODE.calm, "a head without end");
    if ((flags & FLAG.endHeaders) === 0) return;
    this.#openHead = undefined;
    this.#head(head.flags, head.id, Buffer.concat(head.parts), 0, head.size);
  }

  #head(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const fields = this.#decoder.decode(bytes, start, end, this.#options.headBytes);
    const isWhole = (flags & FLAG.endStream) !== 0;
    if (id <= this.#lastId) this.#trailers(id, isWhole, fields ?? []);
    else {
      this.#lastId = id;
      if (fields === undefined) this.#refuseHead(id, isWhole);
      else if (!this.#isEnding) this.#request(id, isWhole, requestHead(fields));
    }
  }

  #request(id: number, isWhole: boolean, head: RequestHead | undefined): void {
    const code = this.#streams.size >= MOST_STREAMS ? CODE.refused : CODE.protocol;
    if (head === undefined || code === CODE.refused) {
      this.#remember(id);
      this.#outbox.write(smallFrame(FRAME.reset, 0, id, code));
      return;
    }
    const windows = { incoming: REQUEST_WINDOW, outgoing: this.#sender.initialWindow };
    const exchange = new Http2Exchange(id, head, windows, this);
    this.#streams.set(id, exchange);
    if (isWhole && !exchange.request.end()) this.reset(exchange, CODE.protocol);
    else this.#begun.push(exchange);
  }

  #refuseHead(id: number, isWhole: boolean): void {
    this.#writeHead(id, 431, {}, 0);
    if (isWhole) return;
    this.#remember(id);
    this.#outbox.write(smallFrame(FRAME.reset, 0, id, CODE.none));
  }

  #trailers(id: number, isWhole: boolean, fields: readonly string[]): void {
    const exchange = this.#streams.get(id);
    if (exchange === undefined && !this.#ended.has(id))
      throw new ConnectionError(CODE.streamClosed, "a head of a stream that has ended");
    if (exchange?.request.isOpen !== true) this.#late(id, exchange);
    else if (!isWhole || !areTrailers(fields)) this.reset(exchange, CODE.protocol);
    else this.#endRequest(exchange);
  }

  #peerReset({ id, start, end }: Frame): void {
    if (end - start !== 4) throw new ConnectionError(CODE.frameSize, "a reset of another size");
    if (id === 0 || id > this.#lastId) throw new ConnectionError(CODE.protocol, "a reset of no stream");
    const exchange = this.#streams.get(id);
    if (exchange === undefined) return;
    this.#countReset();
    this.#forget(exchange);
  }

  #countReset(): void {
    const now = Date.now();
    this.#resets = Math.min(RESET_BURST, this.#resets + ((now - this.#resetsAt) / 1000) * RESETS_A_SECOND) - 1;
    this.#resetsAt = now;
    if (this.#resets < 0) throw new ConnectionError(CODE.calm, "too many streams are given up");
  }

  #settings({ flags, id, bytes, start, end }: Frame): void {
    const isAck = (flags & FLAG.ack) !== 0;
    if (id !== 0 || (isAck && !this.#hasSettings)) throw new ConnectionError(CODE.protocol, "settings of a stream");
    if ((end - start) % 6 !== 0 || (isAck && end > start)) throw new ConnectionError(CODE.frameSize, "odd settings");
    if (isAck) return;
    this.#hasSettings = true;
    this.#reply(smallFrame(FRAME.settings, FLAG.ack, 0)); // before what they let go
    for (let at = start; at < end; at += 6) this.#setting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
  }

  #setting(setting: number, value: number): void {
    if (setting === SETTING.tableSize) this.#encoder.resize(value);
    if (setting === SETTING.push && value > 1) throw new ConnectionError(CODE.protocol, "an odd setting of push");
    if (setting === SETTING.frameSize) {
      if (value < FRAME_BYTES || value > 0xffffff) throw new ConnectionError(CODE.protocol, "an odd frame size");
    } // we send no larger ones than the usual: they would only keep others waiting
    if (setting !== SETTING.window) return;
    if (value > MOST_WINDOW) throw new ConnectionError(CODE.flowControl, "an odd window");
    const more = value - this.#sender.initialWindow;
    this.#sender.initialWindow = value;
    for (const { answer } of this.#streams.values()) {
      if (answer.window + more > MOST_WINDOW) throw new ConnectionError(CODE.flowControl, "a window without end");
      answer.window += more;
      this.#sender.send(answer);
    }
  }

  #ping({ flags, id, bytes, start, end }: Frame): void {
    if (id !== 0) throw new ConnectionError(CODE.protocol, "a ping of a stream");
    if (end - start !== 8) throw new ConnectionError(CODE.frameSize, "a ping of another size");
    if ((flags & FLAG.ack) !== 0) return;
    this.#reply(smallFrame(FRAME.ping, FLAG.ack, 0, bytes.readUInt32BE(start), bytes.readUInt32BE(start + 4)));
  }

  /** What a client can ask for without end; it has to read the replies. */
  #reply(frame: Buffer): void {
    this.#outbox.write(frame);
    if (!this.#socket.writableNeedDrain) this.#unreadReplies = 0;
    else if (++this.#unreadReplies > MOST_UNREAD_REPLIES) throw new ConnectionError(CODE.calm, "replies are not read");
  }

  #windowUpdate({ id, bytes, start, end }: Frame): void {
    if (end - start !== 4) throw new ConnectionError(CODE.frameSize, "a window of another size");
    const more = bytes.readUInt32BE(start) & MOST_WINDOW;
    if (id === 0) {
      if (more === 0) throw new ConnectionError(CODE.protocol, "a window that does not grow");
      this.#sender.window += more;
      if (this.#sender.window > MOST_WINDOW) throw new ConnectionError(CODE.flowControl, "a window without end");
      this.#sender.resume();
      return;
    }
    if (id > this.#lastId) throw new ConnectionError(CODE.protocol, "a window of no stream");
    const exchange = this.#streams.get(id);
    if (exchange === undefined) return;
    exchange.answer.window += more;
    if (more === 0) this.reset(exchange, CODE.protocol);
    else if (exchange.answer.window > MOST_WINDOW) this.reset(exchange, CODE.flowControl);
    else this.#sender.send(exchange.answer);
  }

  /** The client begins no more streams. */
  #goAway({ id, start, end }: Frame): void {
    if (id !== 0) throw new ConnectionError(CODE.protocol, "a stream that goes away");
    if (end - start < 8) throw new ConnectionError(CODE.frameSize, "a farewell of another size");
    this.#isEnding = true;
    if (this.#streams.size === 0) this.#end(CODE.none);
  }

  /** Room for bytes of the whole connection; told when half of it is used. */
  #takeMore(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < CONNECTION_WINDOW / 2) return;
    this.#outbox.write(smallFrame(FRAME.windowUpdate, 0, 0, this.#taken));
    this.#window += this.#taken;
    this.#taken = 0;
  }

  #drained(): void {
    this.#unreadReplies = 0;
    this.#sender.resume();
  }

  /** Says why, then closes. */
  #end(code: number): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#outbox.write(smallFrame(FRAME.goAway, 0, 0, this.#lastId, code));
    this.#outbox.end();
  }

  #closed(): void {
    for (const exchange of [...this.#streams.values()]) this.#forget(exchange);
  }
}

/** Where a payload lies without its padding. */
function unpadded({ flags, bytes, start, end }: Frame): [start: number, end: number] {
  if ((flags & FLAG.padded) === 0) return [start, end];
  if (end === start) throw new ConnectionError(CODE.frameSize, "a padded frame without its padding");
  const padding = bytes[start]!;
  if (start + 1 + padding > end) throw new ConnectionError(CODE.protocol, "more padding than there is");
  return [start + 1, end - padding];
}

/** Priorities are deprecated, and not followed (RFC 9113 section 5.3.2). */
function checkPriority({ id, bytes, start, end }: Frame): void {
  if (id === 0) throw new ConnectionError(CODE.protocol, "a priority of no stream");
  if (end - start !== 5) throw new ConnectionError(CODE.frameSize, "a priority of another size");
  checkDependency(id, bytes, start);
}

function checkDependency(id: number, bytes: Buffer, at: number): void {
  if ((bytes.readUInt32BE(at) & MOST_WINDOW) === id)
    throw new ConnectionError(CODE.protocol, "a stream that depends on itself");
}

let date = "";
let dateUntil = 0;

/** As in the Date field (RFC 9110 section 5.6.7). */
function httpDate(): string {
  const now = Date.now();
  if (now < dateUntil) return date;
  dateUntil = now - (now % 1000) + 1000;
  date = new Date(now).toUTCString();
  return date;
}
