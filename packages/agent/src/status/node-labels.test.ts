// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import { ApiError } from '@fairlead/shared/kubernetes/errors.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { NODES } from '@fairlead/shared/kubernetes/resources.ts';
import {
  type FaultServer,
  startEmbeddedServer,
  startRealServer,
} from '@fairlead/shared/kubernetes/testing/fault-servers.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger, silentLogger } from '@fairlead/shared/runtime/logging.ts';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServedService } from '../services/served-service.ts';
import { eventually } from '../testing/agents.ts';
import { labelChanges, labelsOf, labelValue, NodeLabeler } from './node-labels.ts';

const PREFIX = 'service-provided.kube-vip.io/';

const service = (name: string, ...addresses: readonly string[]) =>
  ({ key: `default/${name}`, namespace: 'default', name, addresses }) as unknown as ServedService;

describe('labels', () => {
  it.each([
    [['192.0.2.7'], '192.0.2.7'],
    [['2001:db8::7'], '20010db8000000000000000000000007'],
    [['192.0.2.7', '2001:db8::7'], '192.0.2.7_20010db8000000000000000000000007'],
    // Only one fits.
    [['2001:db8::7', '2001:db8::8'], '20010db8000000000000000000000007'],
    [[], ''],
  ])('of %j are %j', (addresses, value) => {
    expect(labelValue(addresses)).toBe(value);
    expect(value).toMatch(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/);
  });

  it('are those of the Services that this node answers for', () => {
    const services = [
      service('a', '192.0.2.1', '192.0.2.2'),
      service('b', '192.0.2.3'),
      service('x'.repeat(60), '192.0.2.1'),
    ];
    expect([...labelsOf(services, new Set(['192.0.2.2']))]).toEqual([[`${PREFIX}a.default`, '192.0.2.2']]);
  });

  it('are exactly the wanted ones after a change, and others are left alone', () => {
    const key = fc.constantFrom(
      `${PREFIX}a.default`,
      `${PREFIX}b.default`,
      'kube-vip.io/has-ip',
      'other/label',
    );
    const labels = fc.dictionary(key, fc.constantFrom('1', '2'));
    fc.assert(
      fc.property(labels, labels, (current, candidates) => {
        const wanted = new Map(Object.entries(candidates).filter(([name]) => name.startsWith(PREFIX)));
        const changes = labelChanges(current, wanted) ?? {};
        const after = new Map(
          Object.entries({ ...current, ...changes }).filter(([, value]) => value !== undefined),
        );
        const ours = [...after].filter(([name]) => name.startsWith(PREFIX)).sort();
        expect(ours).toEqual([...wanted].sort());
        const foreign = (all: Iterable<readonly [string, unknown]>) =>
          [...all].filter(([name]) => !name.startsWith(PREFIX));
        expect(foreign(after)).toEqual(foreign(Object.entries(current)));
        expect(labelChanges(Object.fromEntries(after) as Record<string, string>, wanted)).toBeUndefined();
      }),
    );
  });
});

const assets = process.env.KUBEBUILDER_ASSETS ?? '';
const hasAssets = assets !== '' && existsSync(join(assets, 'kube-apiserver'));

describe.each([
  { name: 'embedded', start: startEmbeddedServer, skip: false },
  { name: 'real', start: () => startRealServer(assets), skip: !hasAssets },
])('on Nodes of the $name API server', ({ start, skip }) => {
  describe.skipIf(skip)('', () => {
    let server: FaultServer;
    let folder: string;
    let client: KubeClient;
    let nodes: Reflector<Node>;
    let labeler: NodeLabeler;

    beforeAll(async () => {
      server = await start();
      folder = await mkdtemp(join(tmpdir(), 'fairlead-labels-'));
      const kubeconfig = join(folder, 'kubeconfig');
      await writeFile(kubeconfig, server.kubeconfig(server.port));
      client = await connect({ kubeconfig });
    }, 120_000);
    afterAll(async () => {
      client?.close();
      await server?.close();
      await rm(folder, { recursive: true, force: true });
    });
    beforeEach(async () => {
      for (const name of ['a', 'b']) await client.create(NODES, { metadata: { name } } as Node);
      await client.patch(
        NODES,
        { name: 'a' },
        {
          metadata: {
            labels: { [`${PREFIX}stale.default`]: '192.0.2.9', 'kube-vip.io/has-ip': '192.0.2.1' },
          },
        },
        { type: 'merge' },
      );
      nodes = createReflector({ client, resource: NODES, clock: systemClock, logger: silentLogger });
      nodes.start();
      await nodes.synced();
      labeler = new NodeLabeler({
        client,
        node: 'a',
        nodes: nodes.store,
        clock: systemClock,
        logger: silentLogger,
      });
    });
    afterEach(async () => {
      await labeler.stop(1_000);
      await nodes.stop();
      for (const name of ['a', 'b']) await client.remove(NODES, { name });
    });

    const labels = async (name: string) => (await client.get(NODES, { name })).metadata?.labels ?? {};
    const ours = async (name: string) =>
      Object.fromEntries(Object.entries(await labels(name)).filter(([key]) => key.startsWith(PREFIX)));
    const want = (services: readonly ServedService[], lostNodes: readonly string[] = []) =>
      labeler.want({
        services,
        answered: new Set(services.flatMap(({ addresses }) => addresses)),
        lostNodes: new Set(lostNodes),
      });
    const shows = (name: string, expected: Readonly<Record<string, string>>) =>
      eventually(`${name} to have ${JSON.stringify(expected)}`, async () => {
        const text = JSON.stringify(await ours(name));
        return text === JSON.stringify(expected);
      });

    it('come and go, sweep what a predecessor left, and leave those of others', async () => {
      want([service('echo', '192.0.2.7')]);
      await shows('a', { [`${PREFIX}echo.default`]: '192.0.2.7' });
      expect(await labels('a')).toMatchObject({ 'kube-vip.io/has-ip': '192.0.2.1' });
      want([]);
      await shows('a', {});
      want([service('echo', '192.0.2.8')]);
      await shows('a', { [`${PREFIX}echo.default`]: '192.0.2.8' });
      await eventually(
        'the store to know',
        () => nodes.store.get(undefined, 'a')?.metadata?.labels?.[`${PREFIX}echo.default`],
      );
      await labeler.stop(1_000);
      expect(await ours('a')).toEqual({});
    });

    it('are taken off a lost node when its Service is here', async () => {
      const both = { [`${PREFIX}echo.default`]: '192.0.2.7', [`${PREFIX}else.default`]: '192.0.2.5' };
      await client.patch(NODES, { name: 'b' }, { metadata: { labels: both } }, { type: 'merge' });
      await eventually(
        'the store to know',
        () => nodes.store.get(undefined, 'b')?.metadata?.labels?.[`${PREFIX}else.default`],
      );
      want([service('echo', '192.0.2.7')]);
      await shows('a', { [`${PREFIX}echo.default`]: '192.0.2.7' });
      // A node that lives takes care of its own.
      expect(await ours('b')).toEqual(both);
      want([service('echo', '192.0.2.7')], ['b']);
      await shows('b', { [`${PREFIX}else.default`]: '192.0.2.5' });
    });
  });
});

it('warns once when the role does not allow it, and asks no more for a while', async () => {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'warn',
    destination: { write: (line) => lines.push(line) },
  });
  let calls = 0;
  const refusing = {
    patch: () => {
      calls += 1;
      return Promise.reject(new ApiError(403, 'Forbidden', 'no'));
    },
  } as unknown as KubeClient;
  const node = { metadata: { name: 'a' } } as Node;
  const nodes = { get: () => node, values: () => [node], size: 1 } as never;
  const labeler = new NodeLabeler({ client: refusing, node: 'a', nodes, clock: systemClock, logger });
  const wanted = {
    services: [service('echo', '192.0.2.7')],
    answered: new Set(['192.0.2.7']),
    lostNodes: new Set<string>(),
  };
  for (let round = 0; round < 5; round++) {
    labeler.want(wanted);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(calls).toBe(1);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('allow patch on nodes');
  await labeler.stop(100);
});
