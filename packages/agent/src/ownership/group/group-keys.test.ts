// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiError, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { Secret } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { keysOfFile, keysOfSecret, sameKeys } from './group-keys.ts';
import { createKeySource, type KeySource } from './key-source.ts';

const [OLD, NEW] = ['an old key of enough bytes', 'a new key of enough bytes'];
const secretOf = (data: Readonly<Record<string, string>>): Secret => ({
  data: Object.fromEntries(
    Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')]),
  ),
});
const texts = ({ signing, others }: { signing: Uint8Array; others: readonly Uint8Array[] }) =>
  [signing, ...others].map((key) => Buffer.from(key).toString());

describe('keysOfSecret', () => {
  it('takes one key, and others beside it', () => {
    const one = keysOfSecret(secretOf({ key: OLD, other: 'not ours' }));
    expect(one.ok && texts(one.value)).toEqual([OLD]);
    const two = keysOfSecret(secretOf({ 'key-previous': OLD, key: `${NEW}\n`, 'key-next': '' }));
    expect(two.ok && texts(two.value)).toEqual([NEW, OLD]);
  });

  it('says what is missing, and nothing of what is there', () => {
    for (const data of [{}, { 'key-next': NEW }, { key: '' }]) {
      expect(keysOfSecret(secretOf(data))).toMatchObject({ ok: false, problem: /no "key"/ });
    }
    expect(keysOfSecret({})).toMatchObject({ ok: false });
    const short = keysOfSecret(secretOf({ key: 'too short' }));
    expect(short).toMatchObject({ ok: false, problem: expect.stringContaining('9 bytes') });
    expect(JSON.stringify(short)).not.toContain('too short');
  });
});

describe('keysOfFile', () => {
  it('takes a line each, the first signs', () => {
    const keys = keysOfFile(`  ${NEW}\r\n\n${OLD}\n`);
    expect(keys.ok && texts(keys.value)).toEqual([NEW, OLD]);
    expect(keysOfFile('\n \n')).toMatchObject({ ok: false });
  });
});

it('compares keys', () => {
  const key = (text: string) => new TextEncoder().encode(text);
  const both = { signing: key(NEW), others: [key(OLD)] };
  expect(sameKeys(both, { signing: key(NEW), others: [key(OLD)] })).toBe(true);
  expect(sameKeys(undefined, both)).toBe(false);
  expect(sameKeys(both, { signing: key(NEW), others: [] })).toBe(false);
  expect(sameKeys(both, { signing: key(OLD), others: [key(NEW)] })).toBe(false);
});

describe('a source of keys', () => {
  const clock = new ManualClock();
  const sources: KeySource[] = [];
  let isNeeded = true;
  afterEach(() => {
    for (const source of sources.splice(0)) source.stop();
    isNeeded = true;
  });

  function sourceOf(read: () => Promise<Secret>, file?: string): KeySource {
    const client = { get: read } as unknown as KubeClient;
    const where = { namespace: 'kube-system', secret: 'fairlead-group', file, isNeeded: () => isNeeded };
    const source = createKeySource({ client, ...where, clock, logger: silentLogger });
    sources.push(source);
    return source;
  }

  it('follows a Secret that appears, is replaced, and goes again', async () => {
    let answer: () => Promise<Secret> = () => Promise.reject(new ApiError(404, 'NotFound', 'no such Secret'));
    const source = sourceOf(() => answer());
    let changes = 0;
    source.onChange(() => changes++);
    await source.start();
    expect(source.keys()).toBeUndefined();
    expect(source.problem()).toMatch(/kube-system\/fairlead-group does not exist; create it/);
    answer = () => Promise.resolve(secretOf({ key: OLD }));
    await clock.advanceAsync(5_000);
    expect(source.keys()).toBeDefined();
    expect(source.problem()).toBeUndefined();
    answer = () => Promise.resolve(secretOf({ key: NEW, 'key-previous': OLD }));
    await clock.advanceAsync(30_000);
    const keys = source.keys();
    expect(keys && texts(keys)).toEqual([NEW, OLD]);
    answer = () => Promise.reject(new ApiError(403, 'Forbidden', 'no'));
    await clock.advanceAsync(30_000);
    // What was good stays good; only nobody knows of the next.
    expect(source.keys()).toBe(keys);
    expect(source.problem()).toMatch(/may not be read/);
    expect(changes).toBe(4);
  });

  it('looks soon when somebody uses another key, but not all the time', async () => {
    let reads = 0;
    const source = sourceOf(() => {
      reads++;
      return Promise.resolve(secretOf({ key: OLD }));
    });
    await source.start();
    for (let i = 0; i < 100; i++) {
      source.suspect();
      await clock.advanceAsync(100);
    }
    expect(reads).toBeGreaterThan(3);
    expect(reads).toBeLessThan(8);
  });

  it('asks seldom where nobody needs the key, and less often when it does not come', async () => {
    let reads = 0;
    const absent = () => {
      reads++;
      return Promise.reject(new ApiError(404, 'NotFound', 'no such Secret'));
    };
    isNeeded = false;
    await sourceOf(absent).start();
    await clock.advanceAsync(600_000);
    expect(reads).toBe(6);
    for (const source of sources.splice(0)) source.stop();
    isNeeded = true;
    reads = 0;
    await sourceOf(absent).start();
    await clock.advanceAsync(60_000);
    expect(reads).toBe(13);
    await clock.advanceAsync(300_000);
    expect(reads).toBe(23);
  });

  it('does not take an API server that is away for a missing key', async () => {
    const source = sourceOf(() => Promise.reject(new Error('connection refused')));
    await source.start();
    expect(source.problem()).toBeUndefined();
  });

  it('reads a file, and again when it has changed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-key-'));
    try {
      const file = join(folder, 'key');
      const source = sourceOf(() => Promise.reject(new Error('not asked')), file);
      await source.start();
      expect(source.problem()).toMatch(/cannot be read: ENOENT/);
      await writeFile(file, `${OLD}\n`);
      const changed = new Promise<void>((resolve) => source.onChange(resolve));
      clock.advance(2_000);
      await changed;
      expect(source.keys()).toBeDefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
