/** Sidecar images of earlier versions of the mesh: each holds a whole Node, and nobody else would remove them. */
import type { Docker } from './docker.ts';

/** Label of the images that the mesh makes, and its value on a sidecar's. */
export const imageLabel = { key: 'dev.localmesh.image', sidecar: 'sidecar' } as const;
/** What every sidecar image is called; its tag is the hash of its content. */
export const sidecarRepository = 'localmesh-sidecar';

/** A younger image may have been made a moment ago by another project, whose containers come next. */
const youngMs = 10 * 60_000;

/**
 * Removes sidecar images but `keep` that no container uses, running or not (the engine refuses those), of any project: they are made
 * again in a second where they are needed. Gives the number removed.
 */
export async function pruneSidecarImages(docker: Docker, keep: string, nowMs: number): Promise<number> {
  const images = await docker.listImages({ [imageLabel.key]: imageLabel.sidecar });
  const old = images
    .filter(image => nowMs - image.createdAtMs > youngMs)
    // Somebody's image built upon ours has the label too, but not the name.
    .flatMap(image => image.tags.filter(tag => tag.startsWith(`${sidecarRepository}:`) && tag !== keep));
  const gone = await Promise.all(
    old.map(async tag => {
      await docker.removeImage(tag);
      return (await docker.inspectImage(tag)) === null;
    }),
  );
  return gone.filter(Boolean).length;
}
