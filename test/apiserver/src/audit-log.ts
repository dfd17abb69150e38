// SPDX-License-Identifier: Apache-2.0
import { createWriteStream, type WriteStream } from 'node:fs';
import type { RequestRecord } from './http/dispatcher.ts';

/**
 * Writes a line for each answered request in the format of the real server's audit log (audit.k8s.io/v1, level
 * Metadata, stage ResponseComplete), with the fields that are needed to count requests.
 */
export class AuditLog {
  readonly #stream: WriteStream;
  readonly #now: () => Date;

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
    this.#stream.write(`${line}\n`);
  }

  /** Resolves when everything is in the file. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.once('error', reject);
      this.#stream.end(resolve);
    });
  }
}
