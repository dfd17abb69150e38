// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run image`: builds the container images from Debian's packages and the pinned Node, without a registry.
 * `npm run image -- root FOLDER` only makes their file systems, `FOLDER/agent` and `FOLDER/cloud-provider`.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms } from '../build.ts';
import { makeImageRoot } from './image-root.ts';
import { IMAGES, type ImageName } from './images.ts';
import { buildImages } from './oci.ts';

const [task, folder] = process.argv.slice(2);
if (task === undefined) {
  await buildPrograms();
  for (const { name, file, bytes } of await buildImages()) {
    console.log(`${name}: ${file}, ${(bytes / 1e6).toFixed(1)} MB compressed`);
  }
} else if (task === 'root' && folder !== undefined) {
  await buildPrograms();
  for (const name of Object.keys(IMAGES) as ImageName[]) {
    rmSync(join(folder, name), { recursive: true, force: true });
    await makeImageRoot(name, join(folder, name));
  }
} else {
  console.error(`usage: npm run image [-- root FOLDER]; got: ${process.argv.slice(2).join(' ')}`);
  process.exitCode = 2;
}
