// SPDX-License-Identifier: Apache-2.0
/** Requests as the API server saw them: both servers write the same audit log. */
import { open } from 'node:fs/promises';

/** One answered request. */
export interface AuditRecord {
  readonly user: string;
  readonly userAgent: string;
  readonly verb: string;
  /** With sub-resource, e.g. `services/status`; '' for paths like `/version`. */
  readonly resource: string;
  readonly name: string;
  readonly code: number;
}

/** Requests of one program, by what they do. */
export interface RequestTally {
  /** PUT, PATCH of Services, and of their status. */
  readonly serviceWrites: number;
  readonly statusWrites: number;
  /** GET of one Service, LIST (each page), WATCH. */
  readonly serviceGets: number;
  readonly serviceLists: number;
  readonly serviceWatches: number;
  /** POST and PATCH of Events. */
  readonly eventWrites: number;
  readonly leaseRequests: number;
  readonly others: number;
  /** Answers 409, 429, and 5xx: they are in the counts above, too. */
  readonly conflicts: number;
  readonly throttled: number;
  readonly serverErrors: number;
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** A line of the log; undefined for one that says nothing of an answer. */
export function parseAuditLine(line: string): AuditRecord | undefined {
  const event = JSON.parse(line) as {
    stage?: string;
    verb?: string;
    user?: { username?: string };
    userAgent?: string;
    objectRef?: { resource?: string; subresource?: string; name?: string };
    responseStatus?: { code?: number };
  };
  if (event.stage !== 'ResponseComplete') return undefined;
  const { resource = '', subresource, name = '' } = event.objectRef ?? {};
  return {
    user: event.user?.username ?? '',
    userAgent: event.userAgent ?? '',
    verb: event.verb ?? '',
    resource: subresource ? `${resource}/${subresource}` : resource,
    name,
    code: event.responseStatus?.code ?? 0,
  };
}

/** Counts requests. */
export function tally(records: readonly AuditRecord[]): RequestTally {
  const count = (matches: (record: AuditRecord) => boolean) => records.filter(matches).length;
  const services = (verb: string) =>
    count((each) => each.verb === verb && /^services(\/|$)/.test(each.resource));
  const known = {
    serviceWrites: count(({ verb, resource }) => WRITES.has(verb) && resource === 'services'),
    statusWrites: count(({ verb, resource }) => WRITES.has(verb) && resource === 'services/status'),
    serviceGets: services('get'),
    serviceLists: services('list'),
    serviceWatches: services('watch'),
    eventWrites: count(({ verb, resource }) => WRITES.has(verb) && resource === 'events'),
    leaseRequests: count(({ resource }) => resource === 'leases'),
  };
  const named = Object.values(known).reduce((sum, value) => sum + value, 0);
  return {
    ...known,
    others: records.length - named,
    conflicts: count(({ code }) => code === 409),
    throttled: count(({ code }) => code === 429),
    serverErrors: count(({ code }) => code >= 500),
  };
}

/** Reads a log that grows: each call returns what was added since the one before. */
export class AuditReader {
  readonly #path: string;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Complete lines since the last call. */
  async next(): Promise<readonly AuditRecord[]> {
    const file = await open(this.#path, 'r');
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(size - this.#offset);
      await file.read(buffer, 0, buffer.length, this.#offset);
      const end = buffer.lastIndexOf('\n') + 1;
      this.#offset += end;
      const lines = buffer.subarray(0, end).toString('utf8').split('\n');
      return lines.filter((line) => line !== '').flatMap((line) => parseAuditLine(line) ?? []);
    } finally {
      await file.close();
    }
  }
}
