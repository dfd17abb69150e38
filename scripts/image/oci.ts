// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../checks.ts';
import { makeImageRoot } from './image-root.ts';
import { IMAGES, type ImageName } from './images.ts';
import { capture } from './run-program.ts';

/** An image in a file. */
export interface BuiltImage {
  readonly name: ImageName;
  /** An OCI archive, which `ctr images import`, `k3s ctr images import` and `kind load image-archive` read. */
  readonly file: string;
  readonly bytes: number;
}

/** Where {@link buildImages} leaves the archives. */
export const IMAGE_FOLDER = join(ROOT, 'build/images');

/** Builds every image with the last stages of the Dockerfile. @throws Error when a package or program is missing. */
export async function buildImages(folder: string = IMAGE_FOLDER): Promise<readonly BuiltImage[]> {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'fairlead-image-'));
  try {
    const built: BuiltImage[] = [];
    for (const name of Object.keys(IMAGES) as ImageName[]) {
      await makeImageRoot(name, join(work, 'roots', name));
      const file = join(folder, `${name}.tar`);
      build(name, work, file);
      built.push({ name, file, bytes: statSync(file).size });
    }
    return built;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function build(name: ImageName, work: string, file: string): void {
  rmSync(file, { force: true });
  const store = ['--root', join(work, 'store'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs'];
  capture('buildah', [
    ...[
      ...store,
      'bud',
      '--isolation',
      'chroot',
      '--timestamp',
      '0',
      '--quiet',
      '--disable-compression=false',
    ],
    ...['--file', join(ROOT, 'deploy/image/Dockerfile'), '--target', name],
    // Takes the place of the stage of that name, so that no base image is asked for.
    ...['--build-context', `roots=${join(work, 'roots')}`],
    ...['--tag', `oci-archive:${file}:fairlead/${name}:dev`, work],
  ]);
}
