// SPDX-License-Identifier: Apache-2.0
import { dirname, join, relative } from 'node:path';

/** One thing to be seen at a path inside a container. */
export interface MountPlan {
  /** Existing file or folder of the machine. */
  readonly source: string;
  /** Absolute path in the container, without symbolic links in its existing part. */
  readonly target: string;
  readonly readOnly: boolean;
  readonly isFile: boolean;
}

/** What the script needs to know of the file system all containers share. */
export interface FileSystemFacts {
  /** Deepest existing folder on the way to a path (the path itself when it exists). */
  deepestExisting(path: string): string;
  /** Folders in which mount points may simply be made, because they are private to the lab. */
  readonly scratch: readonly string[];
}

/**
 * Shell commands that make the mounts inside a private mount namespace; the last one replaces the shell by `"$@"`.
 *
 * Containers share the machine's files. Where a mount point is missing it must not be made on the machine: the folder
 * that would hold it is covered by a scratch folder whose entries are links to the covered ones.
 *
 * @param covers existing empty folder to build covers in
 */
export function mountScript(mounts: readonly MountPlan[], facts: FileSystemFacts, covers: string): string[] {
  const script: string[] = [];
  const missing = new Map<string, MountPlan[]>();
  for (const mount of mounts) {
    const existing = facts.deepestExisting(mount.target);
    if (existing === mount.target) continue;
    if (facts.scratch.some((folder) => existing === folder || existing.startsWith(`${folder}/`))) {
      script.push(...makePoint(mount.target, mount.isFile));
    } else missing.set(existing, [...(missing.get(existing) ?? []), mount]);
  }
  // Deepest first: a cover taken later sees the covers below it.
  const folders = [...missing.keys()].toSorted((left, right) => right.length - left.length);
  let root = '';
  for (const [index, folder] of folders.entries()) {
    const cover = join(covers, String(index));
    script.push(...makeCover(folder, cover));
    for (const mount of missing.get(folder) ?? []) {
      script.push(...makePoint(join(cover, relative(folder, mount.target)), mount.isFile));
    }
    if (folder === '/') root = cover;
    else script.push(`mount --rbind ${quote(cover)} ${quote(folder)}`);
  }
  for (const { source, target, readOnly } of mounts) {
    const point = quote(`${root}${target}`);
    script.push(`mount --rbind ${quote(source)} ${point}`);
    if (readOnly) script.push(`mount -o remount,bind,ro ${point}`);
  }
  script.push(root === '' ? 'exec "$@"' : `exec chroot ${quote(root)} "$@"`);
  return script;
}

function makeCover(folder: string, cover: string): string[] {
  const below = join(cover, '.below');
  return [
    `mkdir -p ${quote(cover)}`,
    `mount -t tmpfs tmpfs ${quote(cover)}`,
    `mkdir ${quote(below)}`,
    `mount --rbind ${quote(folder)} ${quote(below)}`,
    `(cd ${quote(cover)} && for entry in .below/* .below/.[!.]*; do ` +
      'if [ -e "$entry" ] || [ -L "$entry" ]; then ln -s "$entry" .; fi; done)',
  ];
}

function makePoint(path: string, isFile: boolean): string[] {
  return isFile ? [`mkdir -p ${quote(dirname(path))}`, `: > ${quote(path)}`] : [`mkdir -p ${quote(path)}`];
}

/** A word for the shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
