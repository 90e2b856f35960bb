import { isIP } from "node:net";
import { checkServerIdentity as checkIdentity, type PeerCertificate } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { messageOf } from "@tsukube/foundation";
import protobuf from "protobufjs";

export type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
export { grpc };

/** A call's shape, as the generated service interfaces give it. */
interface MethodShape {
  readonly request: unknown;
  readonly response: unknown;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** Messages decode to plain objects: enums as names, int64 as decimal strings, bytes as Buffer, defaults filled in. */
const PLAIN: protobuf.IConversionOptions = {
  enums: String,
  longs: String,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: false,
};

/** The service `name` ("runtime.v1.RuntimeService") of a protobufjs JSON descriptor. */
export function serviceDefinition(descriptor: unknown, name: string): grpc.ServiceDefinition {
  const root = protobuf.Root.fromJSON(descriptor as protobuf.INamespace);
  const definition: Record<string, grpc.MethodDefinition<object, object>> = {};
  for (const method of root.lookupService(name).methodsArray) {
    method.resolve();
    const request = method.resolvedRequestType;
    const response = method.resolvedResponseType;
    if (request === null || response === null) continue;
    definition[method.name] = {
      path: `/${name}/${method.name}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      requestSerialize: (message) => Buffer.from(request.encode(request.fromObject(message)).finish()),
      requestDeserialize: (bytes) => request.toObject(request.decode(bytes), PLAIN),
      responseSerialize: (message) => Buffer.from(response.encode(response.fromObject(message)).finish()),
      responseDeserialize: (bytes) => response.toObject(response.decode(bytes), PLAIN),
    };
  }
  return definition;
}

/** What a server implements: unary calls return a promise, streaming ones an async iterable. Throw {@link grpcError} for a status. */
export type GrpcHandlers<Service> = {
  readonly [Name in keyof Service]?: Service[Name] extends MethodShape
    ? Service[Name]["responseStream"] extends true
      ? (request: Service[Name]["request"], signal: AbortSignal) => AsyncIterable<Service[Name]["response"]>
      : (request: Service[Name]["request"], signal: AbortSignal) => Promise<Service[Name]["response"]>
    : never;
};

/** An error that reaches the client with this gRPC status. */
export function grpcError(code: keyof typeof grpc.status, message: string): Error {
  return Object.assign(new Error(message), { code: grpc.status[code], details: message });
}

/** What a failed call comes to, without gRPC's own troubles: "connect ECONNREFUSED 127.0.0.1:2379". */
export function grpcWords(error: unknown): string {
  const { code, details = "" } = error as { readonly code?: number; readonly details?: string };
  const [, last = details] = /Last error: (?:Error: )?(.*?)\.? ?Resolution note: $/.exec(details) ?? [];
  if (code === grpc.status.DEADLINE_EXCEEDED) return "no answer in time";
  return last === "" ? messageOf(error) : last;
}

export interface GrpcServer {
  close(): Promise<void>;
}

/**
 * Serves on "unix:/path" or "host:port". Methods without a handler answer UNIMPLEMENTED.
 * @param toError Maps what a handler throws to an error of {@link grpcError}; INTERNAL with its message by default.
 */
export async function serveGrpc(
  address: string,
  services: readonly { readonly definition: grpc.ServiceDefinition; readonly handlers: GrpcHandlers<never> | object }[],
  toError: (error: unknown) => Error = asInternal,
): Promise<GrpcServer> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": 16 << 20,
    "grpc.max_send_message_length": 64 << 20,
  });
  for (const { definition, handlers } of services)
    server.addService(definition, implementation(definition, handlers, toError));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return {
    close: async () => server.forceShutdown(),
  };
}

function asInternal(error: unknown): Error {
  if (typeof (error as { code?: unknown }).code === "number") return error as Error;
  return grpcError("INTERNAL", error instanceof Error ? error.message : String(error));
}

type Handler = (request: unknown, signal: AbortSignal) => unknown;

function implementation(
  definition: grpc.ServiceDefinition,
  handlers: object,
  toError: (error: unknown) => Error,
): grpc.UntypedServiceImplementation {
  const out: Record<string, grpc.UntypedHandleCall> = {};
  for (const [name, method] of Object.entries(definition)) {
    const handler = (handlers as Record<string, Handler | undefined>)[name];
    out[name] = method.responseStream ? streaming(name, handler, toError) : unary(name, handler, toError);
  }
  return out;
}

function unary(name: string, handler: Handler | undefined, toError: (error: unknown) => Error): grpc.UntypedHandleCall {
  const handle: grpc.handleUnaryCall<unknown, unknown> = (call, callback) => {
    if (handler === undefined) return callback(grpcError("UNIMPLEMENTED", `method ${name} is not served yet`), null);
    const abort = new AbortController();
    call.once("cancelled", () => abort.abort());
    void (async () => handler(call.request, abort.signal))().then(
      (response) => callback(null, response),
      (error: unknown) => callback(toError(error), null),
    );
  };
  return handle as grpc.UntypedHandleCall;
}

function streaming(
  name: string,
  handler: Handler | undefined,
  toError: (error: unknown) => Error,
): grpc.UntypedHandleCall {
  const handle: grpc.handleServerStreamingCall<unknown, unknown> = (call) => {
    if (handler === undefined) {
      call.destroy(grpcError("UNIMPLEMENTED", `method ${name} is not served yet`));
      return;
    }
    const abort = new AbortController();
    call.once("cancelled", () => abort.abort());
    void (async () => {
      try {
        for await (const response of handler(call.request, abort.signal) as AsyncIterable<unknown>) {
          if (abort.signal.aborted) return;
          if (!call.write(response)) await new Promise<void>((resolve) => call.once("drain", () => resolve()));
        }
        call.end();
      } catch (error) {
        if (!abort.signal.aborted) call.destroy(toError(error));
      }
    })();
  };
  return handle as grpc.UntypedHandleCall;
}

/** Both directions of one call. Iterating throws what ended it, with the gRPC `code`; it ends with the call. */
export interface GrpcDuplex<Request, Response> extends AsyncIterable<Response> {
  send(request: Request): void;
  cancel(): void;
}

/** A client whose unary calls return promises and whose streams are async iterables. Failures carry the gRPC `code` (a number). */
export type GrpcClient<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends MethodShape
    ? Service[Name]["responseStream"] extends true
      ? Service[Name]["requestStream"] extends true
        ? (options?: CallOptions) => GrpcDuplex<Service[Name]["request"], Service[Name]["response"]>
        : (request: Service[Name]["request"], options?: CallOptions) => AsyncIterable<Service[Name]["response"]>
      : (request: Service[Name]["request"], options?: CallOptions) => Promise<Service[Name]["response"]>
    : never;
} & { readonly close: () => void };

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch; none by default. */
  readonly deadline?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** PEM texts. Without `ca` the system's authorities are trusted. */
export interface GrpcTls {
  readonly ca?: string;
  readonly key?: string;
  readonly cert?: string;
}

export interface DialOptions {
  readonly tls?: GrpcTls;
  /** Pings a silent connection every so many ms, and gives it up after half of that without an answer. */
  readonly keepaliveMs?: number;
  /** The largest message that is taken or sent; 64 and 16 MiB by default. */
  readonly maxMessageBytes?: number;
}

/** Dials "unix:/path" or "host:port" lazily: nothing is connected before the first call. */
export function dialGrpc<Service>(
  address: string,
  definition: grpc.ServiceDefinition,
  options: DialOptions = {},
): GrpcClient<Service> {
  const { keepaliveMs, maxMessageBytes } = options;
  const ip = options.tls === undefined ? undefined : addressIn(address);
  const client = new grpc.Client(address, credentialsOf(options.tls, ip), {
    "grpc.max_receive_message_length": maxMessageBytes ?? 64 << 20,
    "grpc.max_send_message_length": maxMessageBytes ?? 16 << 20,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.enable_http_proxy": 0, // sockets and addresses of this host or its pods: no proxy leads there
    ...(ip !== undefined && { "grpc.ssl_target_name_override": NAMELESS, "grpc.default_authority": address }),
    ...(keepaliveMs !== undefined && {
      "grpc.keepalive_time_ms": keepaliveMs,
      "grpc.keepalive_timeout_ms": keepaliveMs / 2,
      "grpc.keepalive_permit_without_calls": 1,
    }),
  });
  const out: Record<string, unknown> = { close: () => client.close() };
  for (const [name, method] of Object.entries(definition)) {
    if (method.requestStream) {
      if (method.responseStream) out[name] = (call?: CallOptions) => callDuplex(client, method, call);
    } else {
      out[name] = method.responseStream
        ? (request: object, call?: CallOptions) => callStream(client, method, request, call)
        : (request: object, call?: CallOptions) => callUnary(client, method, request, call);
    }
  }
  return out as GrpcClient<Service>;
}

/** Credentials of the same files are the same object: clients of several services then share a connection. */
const known = new Map<string, grpc.ChannelCredentials>();

function credentialsOf(tls: GrpcTls | undefined, ip: string | undefined): grpc.ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  const bytes = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  const name = JSON.stringify([tls.ca, tls.key, tls.cert, ip]);
  const checkServerIdentity = (host: string, cert: PeerCertificate) => checkIdentity(ip ?? host, cert);
  const present =
    known.get(name) ??
    grpc.credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.cert), { checkServerIdentity });
  known.set(name, present);
  return present;
}

/** Node takes no address as a server's name and grpc-js gives it one: a name that stands for none, and the address is checked. */
const NAMELESS = "address.invalid";

function addressIn(address: string): string | undefined {
  const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return isIP(host) === 0 ? undefined : host;
}

type Method = grpc.MethodDefinition<unknown, unknown>;

function metadataOf(options: CallOptions): grpc.Metadata {
  const out = new grpc.Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) out.set(name, value);
  return out;
}

function callOptionsOf(options: CallOptions): grpc.CallOptions {
  return options.deadline === undefined ? {} : { deadline: options.deadline };
}

function callUnary(client: grpc.Client, method: Method, request: unknown, options: CallOptions = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadataOf(options),
      callOptionsOf(options),
      (error, response) => {
        options.signal?.removeEventListener("abort", cancel);
        if (error === null) resolve(response);
        else reject(error);
      },
    );
    const cancel = (): void => call.cancel();
    if (options.signal?.aborted === true) cancel();
    else options.signal?.addEventListener("abort", cancel, { once: true });
  });
}

async function* callStream(
  client: grpc.Client,
  method: Method,
  request: unknown,
  options: CallOptions = {},
): AsyncIterable<unknown> {
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    metadataOf(options),
    callOptionsOf(options),
  );
  const cancel = (): void => call.cancel();
  if (options.signal?.aborted === true) cancel();
  else options.signal?.addEventListener("abort", cancel, { once: true });
  try {
    yield* call as AsyncIterable<unknown>;
  } finally {
    options.signal?.removeEventListener("abort", cancel);
    call.cancel();
  }
}

function callDuplex(client: grpc.Client, method: Method, options: CallOptions = {}): GrpcDuplex<unknown, unknown> {
  const call = client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    metadataOf(options),
    callOptionsOf(options),
  );
  const cancel = (): void => call.cancel();
  call.on("error", () => {}); // whoever iterates gets it too; nobody may iterate any more
  call.once("close", () => options.signal?.removeEventListener("abort", cancel));
  if (options.signal?.aborted === true) cancel();
  else options.signal?.addEventListener("abort", cancel, { once: true });
  return {
    send: (request) => void call.write(request),
    cancel,
    [Symbol.asyncIterator]: () => call[Symbol.asyncIterator]() as AsyncIterator<unknown>,
  };
}
