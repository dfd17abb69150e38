// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
  const layout = join(work, 'layouts', name);
  mkdirSync(join(work, 'layouts'), { recursive: true });
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
    ...['--tag', `oci:${layout}:fairlead/${name}:dev`, work],
  ]);
  nameForContainerd(layout);
  const plain = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  capture('tar', [...plain, '-C', layout, '-cf', file, '.']);
}

interface Index {
  readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
}

/** By its own annotation: of a plain reference `ctr images import` makes a name of the day's date, which no Pod asks for. */
function nameForContainerd(layout: string): void {
  const path = join(layout, 'index.json');
  const index = JSON.parse(readFileSync(path, 'utf8')) as Index;
  const manifests = index.manifests.map((manifest) => {
    const reference = manifest.annotations?.['org.opencontainers.image.ref.name'] ?? '';
    const annotations = { ...manifest.annotations, 'io.containerd.image.name': `docker.io/${reference}` };
    return { ...manifest, annotations };
  });
  writeFileSync(path, JSON.stringify({ ...index, manifests }));
}
