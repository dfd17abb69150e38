// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRecord } from './container-runtime.ts';

/** What a kubelet leaves behind about a pod, so that its successor can adopt it or clean up after it. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly startedMs: number;
  /** Undefined for host network. */
  readonly network?: {
    readonly netns: string;
    readonly hostLink: string;
    readonly addressNumber: number;
  };
  readonly initialized: boolean;
  readonly containers: Readonly<Record<string, ContainerRecord>>;
}

const FILE = 'record.json';

/** The pod folders of one kubelet: `<work dir>/pods/<uid>`. */
export class PodRecords {
  readonly #folder: string;

  constructor(workDir: string) {
    this.#folder = join(workDir, 'pods');
    mkdirSync(this.#folder, { recursive: true });
  }

  /** Folder of a pod; made when missing. */
  folder(uid: string): string {
    const folder = join(this.#folder, uid);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Writes a record; whole or not at all. */
  write(record: PodRecord): void {
    const path = join(this.folder(record.uid), FILE);
    writeFileSync(`${path}.new`, JSON.stringify(record));
    renameSync(`${path}.new`, path);
  }

  /** All records of the predecessor; folders without a readable one are removed. */
  readAll(): PodRecord[] {
    return readdirSync(this.#folder).flatMap((uid) => {
      const path = join(this.#folder, uid, FILE);
      const record = existsSync(path) ? parse(readFileSync(path, 'utf8')) : undefined;
      if (record !== undefined) return [record];
      this.remove(uid);
      return [];
    });
  }

  /** Removes a pod's folder with all it holds. */
  remove(uid: string): void {
    rmSync(join(this.#folder, uid), { recursive: true, force: true });
  }
}

function parse(text: string): PodRecord | undefined {
  try {
    // Written by ourselves, as a whole, into our own folder.
    return JSON.parse(text) as PodRecord;
  } catch {
    return undefined; // as good as no record: the pod's leftovers are swept by name
  }
}
