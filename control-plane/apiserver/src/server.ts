import {
  decodeJson,
  decodeUnstructured,
  FeatureGates,
  kindOf,
  recordFeatureGates,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import { type ApiRequest, createClient, type Transport } from "@tsukube/client";
import { type Clock, Lifetime, type Logger, type Metrics, messageOf, type Random } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import {
  createHttpsServer,
  type Exchange,
  type HealthCheck,
  type HttpsServer,
  type HttpsServerOptions,
  KeptConnections,
} from "@tsukube/host";
import type { OpenStore } from "@tsukube/store";
import { Admission } from "./admission/admission.ts";
import { AdmissionMetrics } from "./admission/admission-metrics.ts";
import { expectConfigured, type PluginConfigurations } from "./admission/configuration/plugin-configurations.ts";
import { chosenPlugins, isBuiltIn, type PluginChoice } from "./admission/plugin-choice.ts";
import { admissionPlugins } from "./admission/plugins.ts";
import { PolicyTypeChecker } from "./admission/policies/type-check.ts";
import { WebhookClient } from "./admission/webhooks/webhook-client.ts";
import { Aggregator } from "./aggregation/aggregator.ts";
import { AvailabilityController } from "./aggregation/availability.ts";
import { ExtensionClient, type FrontProxyCredentials } from "./aggregation/extension-client.ts";
import { AddressObjects } from "./allocation/address-objects.ts";
import { storedNodePorts } from "./allocation/node-port-record.ts";
import { ServiceAllocator } from "./allocation/service-allocator.ts";
import { ServiceHoldings } from "./allocation/service-holdings.ts";
import { ServiceRecords } from "./allocation/service-records.ts";
import { type AuditBackend, Auditor } from "./audit/auditor.ts";
import type { AuditPolicy } from "./audit/policy.ts";
import { Authentication, type CredentialOptions } from "./authentication/authentication.ts";
import { type AuthorizationOptions, authorizersOf } from "./authorization/authorization.ts";
import { ClaimRights } from "./authorization/claim-rights.ts";
import { mustCreate } from "./authorization/must-create.ts";
import { RbacAuthorizer } from "./authorization/rbac.ts";
import { authenticationConfig } from "./bootstrap/authentication-config.ts";
import { type BootstrapObjects, bootstrap } from "./bootstrap/bootstrap.ts";
import { gatedRoles } from "./bootstrap/gated-roles.ts";
import { IdentityLease } from "./bootstrap/identity-lease.ts";
import { legacyTokenTracking } from "./bootstrap/legacy-token-tracking.ts";
import { localServices } from "./bootstrap/local-services.ts";
import { SERVICE_CIDRS, serviceRange, storedServiceRange, widenedServiceRange } from "./bootstrap/service-range.ts";
import { standingObjects } from "./bootstrap/standing-objects.ts";
import { Chain } from "./chain/chain.ts";
import type { User } from "./contracts.ts";
import { conversionWebhook } from "./crd/conversion-webhook.ts";
import { CrdController } from "./crd/crd-controller.ts";
import { CustomServices } from "./crd/custom-services.ts";
import { Discovery } from "./discovery/discovery.ts";
import { ResourceHandler } from "./endpoints/resource-handler.ts";
import { SigningMetrics } from "./endpoints/signing-metrics.ts";
import { Subresources } from "./endpoints/subresources.ts";
import { Writer } from "./endpoints/writer.ts";
import { extentIn } from "./flow-control/extent.ts";
import { FlowControl } from "./flow-control/flow-control.ts";
import { FlowSchemaStatus } from "./flow-control/flow-schema-status.ts";
import { Health } from "./health/health.ts";
import { Presence } from "./health/presence.ts";
import { storeProblem } from "./health/store-problem.ts";
import { OpenApiHandler } from "./openapi/openapi-handler.ts";
import { HttpProxy } from "./proxying/http-proxy.ts";
import { KubeletConnection, type KubeletCredentials } from "./proxying/kubelet-connection.ts";
import { PodStreams } from "./proxying/pod-streams.ts";
import { Upgrades } from "./proxying/upgrades.ts";
import { Registry } from "./registry/registry.ts";
import { servedResources } from "./registry/runtime-config.ts";
import { Router } from "./router.ts";
import { requestOf } from "./sending/exchanged-request.ts";
import { send } from "./sending/send.ts";
import { eventMetrics } from "./storage/event-metrics.ts";
import { ObjectStore } from "./storage/object-store.ts";
import { stateMetrics } from "./storage/state-metrics.ts";
import { StorageMetrics } from "./storage/storage-metrics.ts";
import { kindOfStored } from "./storage/stored-kind.ts";
import { type CacheSeed, WatchCache } from "./storage/watch-cache.ts";
import { tableOfDefinition } from "./tables/custom-table.ts";

export interface ApiServerOptions extends PluginChoice, CredentialOptions, AuthorizationOptions {
  /** What admission plugins are told by file; without it they have what upstream gives them. */
  readonly pluginConfigurations?: PluginConfigurations;
  readonly openStore: OpenStore;
  /** Whether the plugins that keep its keys are well; absent: it follows no configuration of encryption. */
  readonly encryptionCheck?: HealthCheck;
  /** {@link ApiServer.seed} of a server whose objects are the same: spares reading them. */
  readonly seed?: CacheSeed;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Network of Services, such as "10.160.0.0/16"; or one of each family by comma, the primary one first. */
  readonly serviceCidr: string;
  readonly nodePorts: { readonly first: number; readonly last: number };
  /** Where pods reach this server: the endpoint of the `kubernetes` Service. */
  readonly advertise: { readonly address: string; readonly port: number };
  /** Of the machine: a server that knows it has a Lease by which it tells that it is there. */
  readonly hostname?: string;
  /** Serves over TLS; without it the server is reached in process only. */
  readonly tls?: Pick<HttpsServerOptions, "key" | "cert" | "minVersion" | "ciphers"> & { readonly clientCa?: string };
  /** Shown to kubelets: logs, exec and the like need it. */
  readonly kubelets?: KubeletCredentials;
  /** Which addresses of pods and nodes proxies lead to: by default none of a machine's own. */
  readonly isProxied?: (address: string) => boolean;
  /** Shown to the servers behind APIServices; without it they do not know who asks. */
  readonly frontProxy?: FrontProxyCredentials;
  /** Who is told of requests, and of which: nobody without it. */
  readonly audit?: { readonly policy: AuditPolicy; readonly backends: readonly AuditBackend[] };
  /** Which built-in resources are served, as {@link servedResources} takes it; upstream's defaults without it. */
  readonly runtimeConfig?: string;
  /** Upstream's defaults without it. */
  readonly featureGates?: FeatureGates;
  /** How many requests are served at a time, as far as they are not exempt, is the sum of both: 400 and 200 without them. */
  readonly maxRequestsInflight?: number;
  readonly maxMutatingRequestsInflight?: number;
  /** How long an event is kept after it was written: an hour without it; 0: for ever. */
  readonly eventTtlMs?: number;
  /** Of kube-apiserver's flags those that say what is in force, for /flagz; there is none without them. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Objects to have from the start besides upstream's, by "group/version resource". */
  readonly bootstrapObjects?: BootstrapObjects;
}

/** A running API server. */
export interface ApiServer {
  /** In process, as this user, through the whole chain; undefined: without credentials. */
  transport(user: User | undefined): Transport;
  /** What it holds, for a server that begins with the same: a fork. Resolves when it holds everything that its store holds. */
  seed(): Promise<CacheSeed>;
  /** Starts serving over TLS. @returns the port. @throws EADDRINUSE and the like. */
  listen(address: string, port: number): Promise<number>;
  close(): Promise<void>;
}

/** As upstream's --event-ttl. */
const EVENT_TTL_MS = 60 * 60 * 1000;
/** Who it is where it asks itself. */
const SELF: User = { name: "system:apiserver", groups: ["system:masters", "system:authenticated"], extra: {} };

/** Opens the store, fills the cache, makes what a fresh server has, and is then ready to answer. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const lifetime = new Lifetime();
  const { clock, random, logger, metrics, featureGates: gates = FeatureGates.defaults } = options;
  const registry = new Registry(servedResources(options.runtimeConfig ?? "", gates));
  recordFeatureGates(gates, metrics);
  const cache = await WatchCache.open(options.openStore, { decode: decodeStored, clock, logger }, options.seed);
  lifetime.own("watch cache", cache);
  stateMetrics(metrics, registry, cache, clock);
  eventMetrics(metrics, registry, cache);
  const store = new ObjectStore(cache, new StorageMetrics(metrics, clock));
  const rbac = new RbacAuthorizer(cache);
  const authorizers = authorizersOf(options, { cache, rbac, clock, random, metrics, logger, lifetime });
  const { authorizer } = authorizers;
  const authentication = new Authentication(options, options.tls?.clientCa, {
    ...{ cache, store, registry, gates, clock, random, logger, metrics, lifetime },
    allowsAll: options.authorizationModes?.includes("AlwaysAllow") === true,
  });
  const serviceCidr = storedServiceRange(cache, options.serviceCidr) ?? options.serviceCidr;
  const holdings = new ServiceHoldings(cache);
  const nodePorts = storedNodePorts(cache) ?? options.nodePorts;
  const giving = { cache, holdings, nodePorts, random, clock, metrics };
  const services = new ServiceAllocator({ ...giving, cidr: serviceCidr });
  store.accompany(registry.get("", "v1", "services")!, new ServiceRecords({ ...giving, registry }));
  const plugins = chosenPlugins(options);
  const { pluginConfigurations = {} } = options;
  expectConfigured(plugins, pluginConfigurations);
  const connections = lifetime.own("connections to webhooks", new KeptConnections());
  const admission = new Admission(
    admissionPlugins({
      ...{ cache, store, registry, authorizer, rbac, gates, clock, random, logger, metrics, connections },
      configured: pluginConfigurations,
      client: () => createClient(inProcess(chain, SELF), { userAgent: "kube-apiserver", clock }),
    }).filter(({ name }) => plugins.has(name) || isBuiltIn(name)),
    new AdmissionMetrics(metrics, clock),
  );
  const claims = new ClaimRights(cache, authorizer, gates);
  const signing = new SigningMetrics(metrics);
  const writer = new Writer({
    store,
    registry,
    clock,
    random,
    admission,
    gates,
    eventTtlMs: options.eventTtlMs ?? EVENT_TTL_MS,
    allocate: (request, object, old) => {
      const { group, resource } = request.definition;
      return group === "" && resource === "services" ? services.allocate(object, old, request) : object;
    },
    unrightful: (request, next, live) => claims.refused(request, next, live),
    mustCreate: (context) => mustCreate(authorizer, context),
    written: (request, before, after) => signing.written(request, before, after),
    release: (request) => services.release(request),
  });
  const kubelets = new KubeletConnection(cache, options.kubelets);
  const streams = new PodStreams(cache, kubelets, gates);
  const proxy = new HttpProxy(cache, kubelets, random, options.isProxied);
  const resources = new ResourceHandler(writer, tableOfDefinition, authorizer, metrics);
  const extensions = lifetime.own("extension servers", new ExtensionClient(cache, options.frontProxy, random));
  const aggregator = new Aggregator(cache, extensions, clock);
  const flows = new FlowControl({
    ...{ cache, clock, metrics },
    seats: (options.maxRequestsInflight ?? 400) + (options.maxMutatingRequestsInflight ?? 200),
    bySize: gates.isOn("SizeBasedListCostEstimate"),
    extentOf: extentIn(registry, cache),
  });
  lifetime.own("flows", flows);
  const presence = new Presence();
  const { address, port } = options.advertise;
  const discovery = new Discovery(registry, aggregator, () => withPort(address, port));
  const router = new Router({
    flows,
    registry,
    resources,
    subresources: new Subresources({
      writer,
      tokens: authentication.tokens,
      cache,
      clock,
      streams,
      proxy,
    }),
    aggregator,
    discovery,
    openApi: new OpenApiHandler(registry, aggregator, () => clock.now()),
    health: new Health(
      metrics,
      authentication.tokens,
      {
        store: () => storeProblem(cache, clock),
        ...(options.encryptionCheck !== undefined && { encryption: options.encryptionCheck }),
        isClosing: () => lifetime.signal.aborted,
      },
      () => discovery.paths,
      { clock, featureGates: gates, ...(options.flags !== undefined && { flags: options.flags }) },
    ),
    components: { registry, presence, cache, clock },
    reviews: { authentication, authorizer, rbac, clock, asks: (mode) => authorizers.has(mode) },
    store,
    deprecatedUse: metrics.gauge(
      "apiserver_requested_deprecated_apis",
      "Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.",
      ["group", "version", "resource", "subresource", "removed_release"],
    ),
  });
  const auditor =
    options.audit === undefined ? undefined : new Auditor(options.audit.policy, options.audit.backends, clock, metrics);
  if (auditor !== undefined) lifetime.own("audit", auditor);
  const chain = new Chain({
    ...(auditor !== undefined && { auditor }),
    clock,
    random,
    logger,
    metrics,
    authorizer,
    serves: ({ group, version, resource, subresource }) => registry.serves(group, version, resource, subresource),
    isElsewhere: (info) => aggregator.serves(info),
    admitsAnonymous: (path) => authentication.admitsAnonymous(path),
    constrainsImpersonation: gates.isOn("ConstrainedImpersonation"),
    flows,
    authenticators: authentication.authenticators,
    dispatch: async (context) => presence.noted(context.user.name, await router.dispatch(context)),
  });
  const more = [
    options.bootstrapObjects ?? {},
    gatedRoles(gates),
    { "v1 configmaps": [legacyTokenTracking(clock.now())] },
    { [SERVICE_CIDRS]: [serviceRange(serviceCidr)] },
  ];
  await bootstrap({ store, registry, clock, random, more });
  await widenedServiceRange({ store, registry, clock }, serviceCidr);
  await localServices({ store, registry, clock, random });
  const { requestHeaders } = options;
  const frontProxyCa = requestHeaders?.ca ?? options.frontProxy?.ca;
  const trusted = { clientCa: options.tls?.clientCa, frontProxyCa, headers: requestHeaders };
  await authenticationConfig(writer.deps, trusted, { lifetime, logger });
  if (options.hostname !== undefined && gates.isOn("APIServerIdentity"))
    await new IdentityLease(options.hostname, { store, registry, clock, random, logger, lifetime }).start();
  await standingObjects({ ...writer.deps, logger, lifetime }, serviceCidr, options.advertise);
  new AvailabilityController({
    ...{ store, registry, clock, logger, lifetime },
    client: extensions,
    available: (service) => aggregator.learn(service, lifetime.signal),
  });
  new CustomServices({ store, registry, clock, random, logger, lifetime });
  new FlowSchemaStatus({ store, registry, clock, logger, lifetime });
  new AddressObjects({ store, registry, clock, random, logger, lifetime });
  new PolicyTypeChecker(store, registry, clock, logger);
  const hooks = new WebhookClient(cache, clock, random, connections);
  new CrdController(store, registry, writer, clock, logger, (crd) => conversionWebhook(crd, hooks, random));
  const upgrades = new Upgrades({ chain, admission, aggregator, streams, proxy, logger });
  const server =
    options.tls === undefined
      ? undefined
      : lifetime.own(
          "listener",
          serve(chain, upgrades, { ...options.tls, ...clientAuthorities(options) }, logger, clock),
        );
  return {
    transport: (user) => inProcess(chain, user),
    async seed() {
      await cache.reached(cache.store.revision);
      return cache.seed();
    },
    async listen(address, port) {
      if (server === undefined)
        throw new Error("Cannot listen: the server was started without a certificate, expected tls");
      return server.listen(address, port);
    },
    close: () => lifetime.close(),
  };
}

/** Stored bytes are what we encoded: problems in them are not looked for. */
function decodeStored(_key: string, bytes: Uint8Array): Unstructured {
  const gvk = kindOfStored(bytes);
  const schema = kindOf(gvk) === undefined ? undefined : schemaOf(gvk);
  const options = { collectProblems: false };
  return schema === undefined
    ? decodeUnstructured<Unstructured>(bytes, options).object
    : decodeJson<Unstructured>(bytes, schema, options).object;
}

function inProcess(chain: Chain, user: User | undefined): Transport {
  return {
    request: (request: ApiRequest) =>
      chain.handle({ ...request, ...(user !== undefined && { user }), remoteAddress: "" }),
    close: async () => {},
  };
}

function clientAuthorities({ tls, requestHeaders }: ApiServerOptions): Pick<HttpsServerOptions, "clientCa"> {
  const all = [tls?.clientCa, requestHeaders?.ca].filter((ca) => ca !== undefined);
  return all.length === 0 ? {} : { clientCa: all };
}

function serve(
  chain: Chain,
  upgrades: Upgrades,
  tls: Pick<HttpsServerOptions, "key" | "cert" | "clientCa" | "minVersion" | "ciphers">,
  logger: Logger,
  clock: Clock,
): HttpsServer {
  return createHttpsServer({
    ...tls,
    handle(exchange) {
      answer(chain, exchange, clock).catch((error: unknown) => {
        const { method, path } = exchange;
        logger.error("cannot send an answer", { method, path, error: messageOf(error) });
        exchange.abandon(); // of one client: the others are served
      });
    },
    upgrade: (request) => upgrades.handle(request),
  });
}

/** For the client to read why, before it is cut off. */
const FAREWELL_MS = 1000;

async function answer(chain: Chain, exchange: Exchange, clock: Clock): Promise<void> {
  if (/^[^?]*%(?![0-9a-fA-F]{2})/.test(exchange.path)) {
    exchange.send(400, { "content-type": "text/plain; charset=utf-8" }, Buffer.from("400 Bad Request"));
    return;
  }
  const request = requestOf(exchange, clock);
  const response = await chain.handle(request);
  if (request.arrive !== undefined && response.status === 504 && !exchange.isWhole)
    clock.after(FAREWELL_MS, () => exchange.abandon(), { background: true });
  await send(exchange, response);
}
