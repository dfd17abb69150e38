// SPDX-License-Identifier: Apache-2.0
import { createWriteStream, type WriteStream } from 'node:fs';
import type { RequestRecord } from './http/dispatcher.ts';

/** Lines are written together: one at a time takes as long as a request. */
const FLUSH_AFTER_MS = 50;

/**
 * Writes a line for each answered request in the format of the real server's audit log (audit.k8s.io/v1, level
 * Metadata, stage ResponseComplete), with the fields that are needed to count requests.
 */
export class AuditLog {
  readonly #stream: WriteStream;
  readonly #now: () => Date;
  #lines: string[] = [];

  constructor(path: string, now: () => Date) {
    this.#stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    this.#now = now;
  }

  /** Notes an answered request; a watch when it has ended. */
  write(record: RequestRecord, code: number): void {
    const [resource = '', subresource] = record.resource.split('/');
    const isPath = record.resource.startsWith('/');
    const line = JSON.stringify({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      stage: 'ResponseComplete',
      verb: record.verb,
      user: { username: record.user },
      userAgent: record.userAgent,
      ...(isPath
        ? { requestURI: record.resource }
        : { objectRef: { resource, subresource, namespace: record.namespace, name: record.name } }),
      responseStatus: { code },
      stageTimestamp: this.#now().toISOString(),
    });
    if (this.#lines.length === 0) setTimeout(() => this.#flush(), FLUSH_AFTER_MS).unref();
    this.#lines.push(`${line}\n`);
  }

  #flush(): void {
    this.#stream.write(this.#lines.join(''));
    this.#lines = [];
  }

  /** Resolves when everything is in the file. */
  close(): Promise<void> {
    this.#flush();
    return new Promise((resolve, reject) => {
      this.#stream.once('error', reject);
      this.#stream.end(resolve);
    });
  }
}
