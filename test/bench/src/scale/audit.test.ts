// SPDX-License-Identifier: Apache-2.0
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuditReader, parseAuditLine, tally } from './audit.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-audit-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function line(verb: string, resource: string, code = 200, subresource?: string): string {
  return `${JSON.stringify({
    stage: 'ResponseComplete',
    verb,
    user: { username: 'cloud' },
    userAgent: 'agent/1',
    objectRef: { resource, subresource, name: 'echo' },
    responseStatus: { code },
  })}\n`;
}

test('each request is counted for what it does', () => {
  const lines = [
    line('update', 'services'),
    line('update', 'services', 409),
    line('patch', 'services', 200, 'status'),
    line('get', 'services'),
    line('list', 'services'),
    line('watch', 'services'),
    line('create', 'events', 201),
    line('patch', 'events', 429),
    line('update', 'leases', 503),
    line('list', 'configmaps'),
  ];
  expect(tally(lines.flatMap((each) => parseAuditLine(each) ?? []))).toEqual({
    serviceWrites: 2,
    statusWrites: 1,
    serviceGets: 1,
    serviceLists: 1,
    serviceWatches: 1,
    eventWrites: 2,
    leaseRequests: 1,
    others: 1,
    conflicts: 1,
    throttled: 1,
    serverErrors: 1,
  });
});

test('stages before the answer are not counted', () => {
  expect(parseAuditLine('{"stage":"RequestReceived","verb":"get"}')).toBeUndefined();
});

test('a growing log is read once, line by line', async () => {
  const path = join(folder, 'audit.log');
  const whole = line('get', 'services');
  await appendFile(path, whole + whole.slice(0, 20));
  const reader = new AuditReader(path);
  expect(await reader.next()).toHaveLength(1);
  expect(await reader.next()).toHaveLength(0);
  await appendFile(path, whole.slice(20));
  expect(await reader.next()).toMatchObject([{ verb: 'get', resource: 'services', name: 'echo', code: 200 }]);
});
