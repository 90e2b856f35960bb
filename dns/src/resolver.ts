import { type Logger, messageOf } from "@tsukube/foundation";
import { formatIp } from "@tsukube/foundation/ip-network";
import type { Answer, DecodedPacket, Packet, Question } from "dns-packet";
import { type ClusterView, lookup, type ResourceRecord, reverseLookup, type ZoneAnswer } from "./zone.ts";

/** Asks the resolvers outside the cluster. */
export interface Upstream {
  /** @returns the decoded response, for the query's question. @throws when no resolver answered. */
  query(question: Question): Promise<DecodedPacket>;
}

/** Answers DNS queries. Never throws. */
export interface Answerer {
  /** @param client Address of who asks. */
  answer(query: DecodedPacket, client: string): Promise<Packet>;
}

export interface ResolverOptions {
  /** "cluster.local". */
  readonly zone: string;
  readonly view: ClusterView;
  readonly upstream: Upstream;
  readonly logger: Logger;
}

/** Response codes, RFC 1035 section 4.1.1. */
const RCODE = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4 } as const;
const AUTHORITATIVE = 1 << 10;
const RECURSION_AVAILABLE = 1 << 7;
const RECURSION_DESIRED = 1 << 8;

/** Answers one query: names of the cluster from the view, everything else by asking upstream. Never throws. */
export class Resolver implements Answerer {
  readonly #options: ResolverOptions;
  readonly #suffix: string;

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#suffix = `.${options.zone}`;
  }

  async answer(query: DecodedPacket): Promise<Packet> {
    const question = query.questions?.[0];
    if (question === undefined || query.questions?.length !== 1) return respond(query, RCODE.formatError);
    if (((query.flags ?? 0) >> 11) & 0xf) return respond(query, RCODE.notImplemented);
    const name = question.name.toLowerCase().replace(/\.$/, "");
    if (name === this.#options.zone || name.endsWith(this.#suffix)) return this.#inZone(query, question, name);
    const address = addressOfPointer(name);
    const pointer = address && reverseLookup(this.#options.view, this.#options.zone, address, question.name);
    if (pointer)
      return this.#authoritative(query, question, question.type === "PTR" ? pointer : { ...pointer, answers: [] });
    return this.#forward(query, question);
  }

  async #inZone(query: DecodedPacket, question: Question, name: string): Promise<Packet> {
    const { zone, view } = this.#options;
    const labels = name === zone ? [] : name.slice(0, -this.#suffix.length).split(".");
    const response = this.#authoritative(query, question, lookup(view, zone, labels, question.type));
    const alias = response.answers?.[0];
    if (alias?.type !== "CNAME" || question.type === "CNAME") return response;
    return this.#follow(query, question, response, alias.data);
  }

  /** The records behind an ExternalName, so that a client's one query is enough. */
  async #follow(query: DecodedPacket, question: Question, response: Packet, target: string): Promise<Packet> {
    const next = await this.answer({ ...query, questions: [{ ...question, name: target }] } as DecodedPacket);
    return { ...response, answers: [...(response.answers ?? []), ...(next.answers ?? [])] };
  }

  #authoritative(query: DecodedPacket, question: Question, result: ZoneAnswer): Packet {
    const rcode = result.result === "found" ? RCODE.ok : RCODE.noSuchName;
    // the question's own spelling comes back: resolvers compare it (draft-vixie-dnsext-dns0x20)
    const spell = (record: ResourceRecord): Answer =>
      ({
        ...record,
        name: record.name === question.name.toLowerCase() ? question.name : record.name,
      }) as unknown as Answer;
    const packet = respond(query, rcode, AUTHORITATIVE);
    const authorities = result.answers.length === 0 ? [this.#startOfAuthority()] : [];
    return { ...packet, answers: result.answers.map(spell), additionals: result.additionals.map(spell), authorities };
  }

  #startOfAuthority(): Answer {
    const { zone } = this.#options;
    const data = {
      mname: `ns.dns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: 5,
    };
    return { type: "SOA", name: zone, ttl: 5, data };
  }

  async #forward(query: DecodedPacket, question: Question): Promise<Packet> {
    try {
      const { answers, authorities, flags } = await this.#options.upstream.query(question);
      const keep = (records: Answer[] | undefined): Answer[] =>
        (records ?? []).filter((record) => record.type !== "OPT");
      return { ...respond(query, (flags ?? 0) & 0xf), answers: keep(answers), authorities: keep(authorities) };
    } catch (error) {
      this.#options.logger.debug("no answer from upstream", { name: question.name, error: messageOf(error) });
      return respond(query, RCODE.serverFailure);
    }
  }
}

/** The frame of a response: id, question and recursion bit of the query. */
export function respond(query: DecodedPacket, rcode: number, flags = 0): Packet {
  const desired = (query.flags ?? 0) & RECURSION_DESIRED;
  return {
    type: "response",
    id: query.id ?? 0,
    flags: flags | desired | RECURSION_AVAILABLE | rcode,
    questions: query.questions ?? [],
    answers: [],
    authorities: [],
    additionals: [],
  };
}

/** "2.0.64.10.in-addr.arpa" as "10.64.0.2", and the 32 digits below ip6.arpa as an IPv6 address. */
function addressOfPointer(name: string): string | undefined {
  const labels = /^((?:\d+\.){3}\d+)\.in-addr\.arpa$/.exec(name)?.[1];
  if (labels !== undefined) return labels.split(".").reverse().join(".");
  const digits = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1]?.split(".").reverse().join("");
  return digits === undefined ? undefined : formatIp({ family: "IPv6", value: BigInt(`0x${digits}`) });
}
