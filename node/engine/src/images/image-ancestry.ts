import { documentOf } from "./image-document.ts";
import type { ImageRecord } from "./image-store.ts";

/** Whether an image is another, or was made of it: it has the other's layers and steps, and further ones. */
export function isBuiltOn(image: ImageRecord, other: ImageRecord): boolean {
  if (image.id === other.id) return true;
  const [steps, before] = [image, other].map((each) =>
    (documentOf(each).history ?? []).map((step) => JSON.stringify(step)),
  );
  const begins = (whole: readonly string[] = [], part: readonly string[] = []): boolean =>
    part.every((each, index) => whole[index] === each);
  const isMore = image.chain.length > other.chain.length || (steps ?? []).length > (before ?? []).length;
  return isMore && other.chain.length > 0 && begins(image.chain, other.chain) && begins(steps, before);
}
