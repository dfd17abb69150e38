// SPDX-License-Identifier: Apache-2.0
import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NameWatcher } from './name-watcher.ts';
import { createResolver, type ResolveName } from './resolve-name.ts';
import { answerTo, type Records, type Zone } from './testing.ts';

const TTL_SECONDS = 7;
const zone: Zone = new Map<string, Records | 'fails'>([
  ['lb.example.org', { a: ['192.0.2.9', '192.0.2.10'], aaaa: ['2001:db8::9'] }],
  ['four.example.org', { a: ['192.0.2.4'] }],
  ['odd.example.org', { a: ['127.0.0.1', '0.0.0.0', '224.0.0.1', '169.254.1.1', '192.0.2.5'] }],
  ['broken.example.org', 'fails'],
]);

let server: Socket;
let folder: string;
let resolve: ResolveName;

beforeAll(async () => {
  server = createSocket('udp4');
  server.on('message', (question, from) =>
    server.send(answerTo(question, zone, TTL_SECONDS), from.port, from.address),
  );
  await new Promise<void>((done) => server.bind(0, '127.0.0.1', done));
  folder = await mkdtemp(join(tmpdir(), 'fairlead-dns-'));
  const hostsFile = join(folder, 'hosts');
  await writeFile(hostsFile, '# comment\n127.0.0.1 localhost\n192.0.2.77 Local.example.org other # more\n');
  resolve = createResolver({ servers: [`127.0.0.1:${server.address().port}`], hostsFile });
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const addresses = (...list: readonly string[]) => ({ kind: 'addresses', addresses: list });

it('asks for both families, with lifetimes', async () => {
  expect(await resolve('lb.example.org')).toEqual({
    ipv4: { ...addresses('192.0.2.9', '192.0.2.10'), ttlMs: 7_000 },
    ipv6: { ...addresses('2001:db8::9'), ttlMs: 7_000 },
  });
});

it('tells a family that is missing from a name that is, and both from a failure', async () => {
  expect(await resolve('four.example.org')).toMatchObject({
    ipv4: addresses('192.0.2.4'),
    ipv6: addresses(),
  });
  expect(await resolve('none.example.org')).toEqual({
    ipv4: { kind: 'noSuchName' },
    ipv6: { kind: 'noSuchName' },
  });
  expect(await resolve('broken.example.org')).toMatchObject({ ipv4: { kind: 'failed', code: 'ESERVFAIL' } });
});

it('leaves out what no node may answer for', async () => {
  expect(await resolve('odd.example.org')).toMatchObject({ ipv4: addresses('192.0.2.5') });
});

it('looks into the hosts file first', async () => {
  expect(await resolve('local.example.org')).toMatchObject({
    ipv4: addresses('192.0.2.77'),
    ipv6: addresses(),
  });
});

it('is followed by a watcher from one answer to the next', async () => {
  let told: (() => void) | undefined;
  const watcher = new NameWatcher({
    mode: 'first',
    resolve,
    clock: systemClock,
    logger: silentLogger,
    onChange: () => told?.(),
  });
  await new Promise<void>((done) => {
    told = done;
    watcher.want(new Set(['lb.example.org']));
  });
  expect(watcher.stateOf('lb.example.org')?.answer?.ipv6).toEqual(['2001:db8::9']);
  watcher.stop();
});
