import { type Logger, messageOf } from "@tsukube/foundation";
import { formatIp } from "@tsukube/foundation/ip-network";
import type { Answer, DecodedPacket, Packet, Question } from "dns-packet";
import { type Answerer, respond, type Upstream } from "./resolver.ts";

/** A container on a network, as names need to know it. */
export interface NamedAttachment {
  readonly containerId: string;
  readonly networkId: string;
  readonly address: string;
  readonly ipv6?: { readonly address: string };
  readonly names: readonly string[];
  /** Whom to ask for names that are no container's. */
  readonly resolvers?: readonly string[];
}

export interface NamedNetwork {
  readonly id: string;
  readonly name: string;
  readonly internal: boolean;
}

/** What is attached where, now. */
export interface ContainerView {
  readonly attachments: readonly NamedAttachment[];
  readonly networks: readonly NamedNetwork[];
}

interface Options {
  readonly view: () => ContainerView;
  readonly upstream: (servers: readonly string[]) => Upstream;
  readonly logger: Logger;
}

const TTL_S = 5;
const RCODE = { formatError: 1, serverFailure: 2, notImplemented: 4 } as const;

/**
 * Answers containers on user-defined networks: names and aliases of those that share a network with who asks, alone or before
 * the network's name ("web", "web.shop"); everything else by asking the resolvers that the container was given.
 */
export class ContainerResolver implements Answerer {
  readonly #options: Options;
  readonly #upstreams = new Map<string, Upstream>();

  constructor(options: Options) {
    this.#options = options;
  }

  async answer(query: DecodedPacket, client: string): Promise<Packet> {
    const question = query.questions?.[0];
    if (question === undefined || query.questions?.length !== 1) return respond(query, RCODE.formatError);
    if (((query.flags ?? 0) >> 11) & 0xf) return respond(query, RCODE.notImplemented);
    const { attachments, networks } = this.#options.view();
    const asker = attachments.find(({ address }) => address === client);
    if (asker === undefined) return respond(query, RCODE.serverFailure);
    const shared = new Set(
      attachments.filter(({ containerId }) => containerId === asker.containerId).map(({ networkId }) => networkId),
    );
    const neighbours = attachments.filter(({ networkId }) => shared.has(networkId));
    const known = localAnswer(question, neighbours, networks);
    if (known !== undefined) return { ...respond(query, 0), answers: [...known] };
    const isClosed = networks.filter(({ id }) => shared.has(id)).every(({ internal }) => internal);
    return isClosed ? respond(query, RCODE.serverFailure) : this.#forward(query, question, asker.resolvers ?? []);
  }

  async #forward(query: DecodedPacket, question: Question, servers: readonly string[]): Promise<Packet> {
    const key = servers.join(" ");
    const upstream = this.#upstreams.get(key) ?? this.#options.upstream(servers);
    this.#upstreams.set(key, upstream);
    try {
      const { answers, authorities, flags } = await upstream.query(question);
      const keep = (records: Answer[] | undefined): Answer[] =>
        (records ?? []).filter((record) => record.type !== "OPT");
      return { ...respond(query, (flags ?? 0) & 0xf), answers: keep(answers), authorities: keep(authorities) };
    } catch (error) {
      this.#options.logger.debug("no answer from upstream", { name: question.name, error: messageOf(error) });
      return respond(query, RCODE.serverFailure);
    }
  }
}

/** Pure: undefined for what is no name of a container here; a name without records of the type asked for has no answers. */
export function localAnswer(
  { name, type }: Question,
  neighbours: readonly NamedAttachment[],
  networks: readonly NamedNetwork[],
): readonly Answer[] | undefined {
  const wanted = name.toLowerCase().replace(/\.$/, "");
  const networkName = (id: string): string => networks.find((network) => network.id === id)?.name ?? "";
  const reversed = addressIn(wanted);
  if (reversed !== undefined) {
    const holder = neighbours.find(({ address, ipv6 }) => [address, ipv6?.address].includes(reversed));
    const data = `${holder?.names[0]}.${networkName(holder?.networkId ?? "")}`;
    return holder === undefined ? undefined : type === "PTR" ? [{ type: "PTR", name, ttl: TTL_S, data }] : [];
  }
  const fits = ({ names, networkId }: NamedAttachment): boolean =>
    names.some((each) => [each, `${each}.${networkName(networkId)}`].some((one) => one.toLowerCase() === wanted));
  const found = neighbours.filter(fits);
  if (found.length === 0) return undefined;
  if (type === "A") return found.map(({ address }) => ({ type, name, ttl: TTL_S, data: address }));
  if (type !== "AAAA") return [];
  return found.flatMap(({ ipv6 }) => (ipv6 === undefined ? [] : [{ type, name, ttl: TTL_S, data: ipv6.address }]));
}

/** Of a name below in-addr.arpa (RFC 1035, 3.5) or ip6.arpa (RFC 3596, 2.5). */
function addressIn(name: string): string | undefined {
  const four = /^((?:\d+\.){3}\d+)\.in-addr\.arpa$/.exec(name)?.[1];
  if (four !== undefined) return four.split(".").reverse().join(".");
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (six === undefined) return undefined;
  const value = BigInt(`0x${six.split(".").reverse().join("")}`);
  return formatIp({ family: "IPv6", value });
}
