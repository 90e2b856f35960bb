import { ApiError, storageClassOf } from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import {
  type Client,
  createEventRecorder,
  type EventRecorder,
  type Informer,
  type InformerFactory,
  type Key,
  keyOf,
  type Outcome,
  type RunningController,
  referenceTo,
  SETTLED,
  startController,
} from "@tsukube/client";
import { type Clock, Lifetime, type Logger, messageOf } from "@tsukube/foundation";
import { FINALIZER, isFromHere, PROVISIONER, planClaim, planVolume } from "./plan.ts";
import { VolumeFolders } from "./volume-folders.ts";

export interface ProvisionerOptions {
  readonly nodeName: string;
  /** As ServiceAccount kube-system/tsukube-provisioner. */
  readonly client: Client;
  readonly informers: InformerFactory;
  /** Where the folders of the volumes lie; survives a reboot. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const core = (resource: string) => ({ group: "", version: "v1", resource });
const CLAIMS = core("persistentvolumeclaims");
const VOLUMES = core("persistentvolumes");
const CLASSES = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };

/**
 * Makes a folder of this node for each claim that asks `tsukube.dev/directory` for a volume, and removes it when the volume
 * is to be deleted. All access modes are granted: the volume is bound to its node, so every pod that may have it is there.
 * Capacity is what the claim asked for and is not enforced: pods can fill the node's disk.
 */
export async function startProvisioner(options: ProvisionerOptions): Promise<{ close(): Promise<void> }> {
  const { client, clock, logger, nodeName } = options;
  const lifetime = new Lifetime();
  const recorder = { client, clock, logger, component: PROVISIONER, host: nodeName };
  const events = lifetime.own("events", createEventRecorder(recorder));
  const provisioner = new DirectoryProvisioner(options, events);
  await options.informers.synced();
  provisioner.start(lifetime);
  return lifetime;
}

class DirectoryProvisioner {
  readonly #options: ProvisionerOptions;
  readonly #events: EventRecorder;
  readonly #folders: VolumeFolders;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;

  constructor(options: ProvisionerOptions, events: EventRecorder) {
    const { informers } = options;
    this.#options = options;
    this.#events = events;
    this.#folders = new VolumeFolders(options.folder);
    this.#claims = informers.informer<PersistentVolumeClaim>(CLAIMS);
    this.#volumes = informers.informer<PersistentVolume>(VOLUMES);
    this.#classes = informers.informer<StorageClass>(CLASSES);
  }

  start(lifetime: Lifetime): void {
    const { clock, logger } = this.#options;
    const run = (name: string, reconcile: (key: Key) => Promise<Outcome>): RunningController["queue"] =>
      lifetime.own(name, startController({ name, clock, logger, reconcile })).queue;
    const claims = run("claims to provision", (key) => this.#provision(key));
    const volumes = run("provisioned volumes", (key) => this.#tend(key));
    const claim = (object: PersistentVolumeClaim): void => claims.add(keyOf(object));
    lifetime.add("claims", this.#claims.onChange({ added: claim, updated: (_, now) => claim(now) }));
    const volume = (object: PersistentVolume): void => volumes.add(keyOf(object));
    lifetime.add("volumes", this.#volumes.onChange({ added: volume, updated: (_, now) => volume(now) }));
    const all = (): void => this.#claims.list().forEach(claim);
    lifetime.add("classes", this.#classes.onChange({ added: all, updated: all }));
  }

  async #provision(key: Key): Promise<Outcome> {
    const claim = this.#claims.get(key);
    if (claim === undefined) return SETTLED;
    const className = storageClassOf(claim);
    const { nodeName } = this.#options;
    const plan = planClaim(claim, this.#classes.get(className), nodeName, (name) => this.#folders.pathOf(name));
    if (plan.type === "ignore") return SETTLED;
    const failure = (why: string): string => `failed to provision volume with StorageClass "${className}": ${why}`;
    if (plan.type === "refuse") {
      this.#tell(claim, "Warning", "ProvisioningFailed", failure(plan.why));
      return SETTLED;
    }
    const name = plan.volume.metadata?.name ?? "";
    if (this.#volumes.get(name) !== undefined) return SETTLED; // the binder's turn
    try {
      await this.#make(plan.volume);
    } catch (error) {
      this.#tell(claim, "Warning", "ProvisioningFailed", failure(messageOf(error)));
      throw error;
    }
    this.#tell(claim, "Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${name}`);
    return SETTLED;
  }

  /** The folder first: a volume that exists can be used. */
  async #make(volume: PersistentVolume): Promise<void> {
    const name = volume.metadata?.name ?? "";
    const client = this.#options.client.resource<PersistentVolume>(VOLUMES);
    await this.#folders.make(name);
    try {
      await client.create(volume);
    } catch (error) {
      if (!ApiError.is(error, "AlreadyExists")) throw error;
      // made before and not seen yet; or another node was faster: a claim that waits for no consumer is for all of them
      if (isFromHere(await client.get(name), this.#options.nodeName)) return;
      await this.#folders.remove(name, this.#folders.pathOf(name));
    }
  }

  async #tend(key: Key): Promise<Outcome> {
    const volume = this.#volumes.get(key);
    if (volume === undefined) return SETTLED;
    const plan = planVolume(volume, this.#options.nodeName);
    if (plan.type === "finalizers") await this.#writeFinalizers(volume, plan.finalizers);
    if (plan.type !== "remove") return SETTLED;
    const name = volume.metadata?.name ?? "";
    try {
      await this.#folders.remove(name, volume.spec?.local?.path ?? "");
    } catch (error) {
      this.#events.event(
        referenceTo(volume, "v1", "PersistentVolume"),
        "Warning",
        "VolumeFailedDelete",
        messageOf(error),
      );
      throw error;
    }
    await this.#letGo(volume);
    return SETTLED;
  }

  /** First deleted, then, at the next look, without the finalizer. */
  async #letGo(volume: PersistentVolume): Promise<void> {
    const { name = "", uid = "", deletionTimestamp, finalizers = [] } = volume.metadata ?? {};
    if (deletionTimestamp !== undefined)
      return this.#writeFinalizers(
        volume,
        finalizers.filter((each) => each !== FINALIZER),
      );
    const client = this.#options.client.resource<PersistentVolume>(VOLUMES);
    await unlessGone(client.delete(name, { preconditions: { uid } }));
  }

  async #writeFinalizers(volume: PersistentVolume, finalizers: readonly string[]): Promise<void> {
    const next = {
      ...volume,
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { ...volume.metadata, finalizers },
    };
    await unlessGone(this.#options.client.resource<PersistentVolume>(VOLUMES).update(next));
  }

  #tell(claim: PersistentVolumeClaim, type: "Normal" | "Warning", reason: string, message: string): void {
    this.#events.event(referenceTo(claim, "v1", "PersistentVolumeClaim"), type, reason, message);
  }
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!ApiError.is(error, "NotFound")) throw error;
  }
}
