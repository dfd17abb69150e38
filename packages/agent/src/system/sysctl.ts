// SPDX-License-Identifier: Apache-2.0
import { readFile, writeFile } from 'node:fs/promises';

/** Value of a setting of the kernel, by its dotted name; undefined where there is none such. */
export async function readSetting(name: string): Promise<string | undefined> {
  try {
    return (await readFile(pathOf(name), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a setting of the kernel. @throws Error as the kernel says: a hardened container may not. */
export async function writeSetting(name: string, value: string): Promise<void> {
  await writeFile(pathOf(name), value);
}

function pathOf(name: string): string {
  return `/proc/sys/${name.replaceAll('.', '/')}`;
}
