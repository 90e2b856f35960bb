import { createHash } from "node:crypto";
import {
  apiVersionOf,
  applyDefaults,
  decodeEnvelope,
  decodeJson,
  decodeProtobuf,
  decodeUnstructured,
  encodeJson,
  encodeProtobuf,
  encodeUnstructured,
  type GroupVersionKind,
  isProtobuf,
  kindOf,
  type ObjectSchema,
  parseApiVersion,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { NODE_PORT_RECORD, NODE_PORT_RECORD_UID } from "../allocation/node-port-record.ts";
import { convert } from "../registry/conversion.ts";
import { indexOf } from "./cached-object.ts";
import { definitionFromStored, definitionToStored } from "./definition-form.ts";
import type { ReadableBytes, StoredForm } from "./stored-form.ts";
import { kindOfStored } from "./stored-kind.ts";

const NEWLINE = Buffer.from("\n");
const QUIET = { collectProblems: false } as const;
const DEFINITIONS = { group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition" } as const;

/**
 * Values as kube-apiserver keeps them in etcd: built-in kinds as protobuf in its envelope, CustomResourceDefinitions and
 * APIServices as JSON structs, custom resources as JSON with sorted keys; each JSON value ends with a newline.
 */
export const upstreamForm: StoredForm = { read, write };

function write(_key: string, value: Uint8Array): Uint8Array {
  const gvk = kindOfStored(value);
  const kind = kindOf(gvk);
  const schema = kind === undefined ? undefined : schemaOf(gvk);
  const isProto = kind?.etcdEncoding === "proto" || gvk.kind === RANGE.kind;
  if (isProto && schema !== undefined)
    return encodeProtobuf(decodeJson(value, schema, QUIET).object, schema, { ...gvk, apiVersion: apiVersionOf(gvk) });
  return Buffer.concat([isDefinition(gvk) ? definitionToStored(value) : value, NEWLINE]);
}

function read(key: string, { value }: ReadableBytes): ReadableBytes | undefined {
  try {
    const json = isProtobuf(value) ? fromProtobuf(key, value) : value[0] === OPEN ? fromJson(key, value) : undefined;
    return json === undefined ? undefined : indexed(json);
  } catch (cause) {
    throw new TsukubeError("damaged", `Cannot read "${key}": ${messageOf(cause)}, expected an object`, { cause });
  }
}

const OPEN = 0x7b;
/** Of built-in kinds that no resource serves, the one that is needed: which node ports are given. */
const RANGE = { group: "", version: "v1", kind: "RangeAllocation" } as const;

function fromProtobuf(key: string, value: Uint8Array): Readable | undefined {
  const envelope = decodeEnvelope(value);
  const gvk = { ...parseApiVersion(envelope.apiVersion), kind: envelope.kind };
  const schema = kindOf(gvk)?.object === true ? schemaOf(gvk) : undefined;
  if (schema === undefined) return undefined; // kinds of other versions
  const object = decodeProtobuf<Unstructured>(envelope, schema, QUIET);
  return inStorageVersion(key === NODE_PORT_RECORD ? identified(object) : object, gvk);
}

interface Readable {
  readonly value: Uint8Array;
  readonly uid: string;
  readonly isOutdated?: boolean;
}

/** Who kept it may have been older: what is read is always in today's storage version, with today's defaults. */
function inStorageVersion(object: Unstructured, gvk: GroupVersionKind): Readable {
  const wanted = { ...parseApiVersion(kindOf(gvk)?.storageVersion ?? apiVersionOf(gvk)), kind: gvk.kind };
  const target = schemaOf(wanted) === undefined ? gvk : wanted;
  const schema = schemaOf(target) as ObjectSchema;
  const whole = applyDefaults(target, convert(object, target, schema));
  const isOutdated = apiVersionOf(gvk) !== apiVersionOf(target);
  return { value: encodeJson(whole, schema), uid: object.metadata?.uid ?? "", ...(isOutdated && { isOutdated }) };
}

function fromJson(key: string, value: Uint8Array): Readable {
  const gvk = kindOfStored(value);
  if (isDefinition(gvk)) {
    const json = definitionFromStored(value);
    const object = decodeJson<Unstructured>(json, schemaOf(DEFINITIONS)!, QUIET).object;
    return inStorageVersion(withUid(key, object), DEFINITIONS);
  }
  const schema = kindOf(gvk)?.object === true ? schemaOf(gvk) : undefined;
  if (schema !== undefined) return inStorageVersion(decodeJson<Unstructured>(value, schema, QUIET).object, gvk);
  const object = withUid(key, decodeUnstructured<Unstructured>(value, QUIET).object);
  return { value: encodeUnstructured(object), uid: object.metadata?.uid ?? "" };
}

function indexed({ value, uid, ...rest }: Readable): ReadableBytes | undefined {
  return uid === "" ? undefined : { value, index: indexOf(value, uid), ...rest }; // leases of API servers have none
}

/** What nobody made by way of an API server, such as a tool that writes to etcd, has one by its key. */
function withUid(key: string, object: Unstructured): Unstructured {
  const { name = "", uid: own = "" } = object.metadata ?? {};
  if (own !== "" || name === "" || (object.kind ?? "") === "") return object;
  const hash = createHash("sha256").update(key).digest("hex");
  const uid = hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/s, "$1-$2-8$3-8$4-$5");
  return { ...object, metadata: { ...object.metadata, uid } };
}

/** Upstream gives it neither name nor uid. */
function identified(record: Unstructured): Unstructured {
  return { ...record, metadata: { ...record.metadata, uid: NODE_PORT_RECORD_UID } };
}

function isDefinition(gvk: GroupVersionKind): boolean {
  return gvk.group === DEFINITIONS.group && gvk.kind === DEFINITIONS.kind;
}
