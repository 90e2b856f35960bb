import { documentOf } from "../images/image-document.ts";
import type { ImageRecord } from "../images/image-store.ts";
import type { LayerRecord } from "../images/layer-records.ts";

/** What people write: "docker.io/library/busybox:latest" is "busybox:latest". */
export function familiarName(name: string): string {
  return name.replace(/^docker\.io\/(library\/)?/, "");
}

/** An entry of `GET /images/json` (Engine API v1.51, ImageSummary). */
export function imageSummary(image: ImageRecord) {
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: image.names.map(familiarName),
    RepoDigests: image.digests.map(familiarName),
    Created: Math.floor((Date.parse(image.created ?? "") || 0) / 1000),
    Size: image.sizeBytes,
    SharedSize: -1,
    Containers: -1,
    Labels: image.config.Labels ?? {},
  };
}

/** `GET /images/NAME/history` (HistoryResponseItem), the newest step first; sizes of pulled layers are those of their archives. */
export function imageHistory(image: ImageRecord, layerOf: (diffId: string) => LayerRecord | undefined) {
  const { history = [] } = documentOf(image);
  const layers = image.diffIds.values();
  const steps = history.map(({ created, created_by = "", comment = "", empty_layer = false }) => {
    const layer = empty_layer ? undefined : layerOf(layers.next().value ?? "");
    const Created = Math.floor((Date.parse(created ?? "") || 0) / 1000);
    const Size = layer?.made?.size ?? layer?.forms[0]?.size ?? 0;
    return { Id: "<missing>", Created, CreatedBy: created_by, Tags: null, Size, Comment: comment };
  });
  const [newest, ...older] = steps.reverse();
  return newest === undefined ? [] : [{ ...newest, Id: image.id, Tags: image.names.map(familiarName) }, ...older];
}

/** Go's zero time. */
const NEVER = "0001-01-01T00:00:00Z";

/** `GET /images/NAME/json` (ImageInspect). */
export function imageDetails(image: ImageRecord) {
  const { os = "linux", architecture = "", taggedAt } = image;
  const { author = "", history = [] } = documentOf(image);
  return {
    Id: image.id,
    Parent: "",
    Comment: history.at(-1)?.comment ?? "",
    DockerVersion: "",
    Author: author,
    GraphDriver: { Data: null, Name: "overlayfs" },
    RepoTags: image.names.map(familiarName),
    RepoDigests: image.digests.map(familiarName),
    Created: image.created ?? "",
    Config: image.config,
    Architecture: architecture,
    Os: os,
    Size: image.sizeBytes,
    RootFS: { Type: "layers", Layers: image.diffIds },
    Metadata: { LastTagTime: taggedAt === undefined ? NEVER : new Date(taggedAt).toISOString() },
  };
}
