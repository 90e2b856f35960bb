import { join } from "node:path";

/** Where what lies below a registry's folder. A repository's own folders begin with "_", which no name does. */
export class Layout {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Whole blobs, each once. */
  get blobs(): string {
    return join(this.folder, "blobs");
  }

  blob(digest: string): string {
    const [algorithm = "", hex = ""] = digest.split(":");
    return join(this.blobs, algorithm, hex.slice(0, 2), hex);
  }

  get repositories(): string {
    return join(this.folder, "repositories");
  }

  repository(name: string): string {
    return join(this.repositories, name);
  }

  uploads(name: string): string {
    return join(this.repository(name), "_uploads");
  }

  /** An empty file for each blob that the repository shows. */
  links(name: string): string {
    return join(this.repository(name), "_blobs");
  }

  link(name: string, digest: string): string {
    return join(this.links(name), digest.replace(":", "/"));
  }

  manifests(name: string): string {
    return join(this.repository(name), "_manifests");
  }

  manifest(name: string, digest: string): string {
    return join(this.manifests(name), digest.replace(":", "/"));
  }

  /** A file for each tag: the digest. */
  tags(name: string): string {
    return join(this.repository(name), "_tags");
  }

  tag(name: string, tag: string): string {
    return join(this.tags(name), tag);
  }

  /** An empty file for each tag that leads, or led, to the digest. */
  tagged(name: string, digest: string): string {
    return join(this.repository(name), "_tagged", digest.replace(":", "/"));
  }

  taggedAs(name: string, digest: string, tag: string): string {
    return join(this.tagged(name, digest), tag);
  }

  /** An entry for each manifest that has the digest as its subject. */
  referrers(name: string, subject: string): string {
    return join(this.repository(name), "_referrers", subject.replace(":", "/"));
  }

  referrer(name: string, subject: string, digest: string): string {
    return join(this.referrers(name, subject), digest.replace(":", "-"));
  }
}
