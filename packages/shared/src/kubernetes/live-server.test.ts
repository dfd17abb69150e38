// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../runtime/logging.ts';
import { isAlreadyExists, isConflict, isGone, isNotFound, type KubeClient } from './client.ts';
import { connect } from './connect.ts';
import { createReflector } from './create-reflector.ts';
import { createEventRecorder } from './events.ts';
import { createLeaseElector } from './lease/create-elector.ts';
import type { LeaseElector } from './lease/elector.ts';
import { CONFIG_MAPS, EVENTS, LEASES, NODES, SERVICE_ACCOUNTS, SERVICES } from './resources.ts';
import { type FaultServer, startEmbeddedServer, startRealServer } from './testing/fault-servers.ts';
import { draft } from './wire.ts';

const assets = process.env.KUBEBUILDER_ASSETS ?? '';
const hasAssets = ['etcd', 'kube-apiserver'].every(
  (name) => assets !== '' && existsSync(path.join(assets, name)),
);
if (!hasAssets) {
  console.warn(
    'SKIPPED: client, Leases and Events against a real kube-apiserver (KUBEBUILDER_ASSETS does not name it)',
  );
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('did not happen within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each([
  { name: 'embedded', start: startEmbeddedServer, skip: false },
  { name: 'real', start: () => startRealServer(assets), skip: !hasAssets },
])('with the $name API server', ({ start, skip }) => {
  describe.skipIf(skip)('', () => {
    let server: FaultServer | undefined;
    let folder = '';
    let kubeconfig = '';
    let client: KubeClient;
    beforeAll(async () => {
      server = await start();
      folder = await mkdtemp(path.join(tmpdir(), 'live-'));
      kubeconfig = path.join(folder, 'kubeconfig');
      await writeFile(kubeconfig, server.kubeconfig(server.port));
      client = await connect({ kubeconfig });
    }, 120_000);
    afterAll(async () => {
      client?.close();
      await server?.close();
      await rm(folder, { recursive: true, force: true });
    });

    test('objects are created, read, replaced, patched, listed in pages and removed', async () => {
      const ref = { namespace: 'default', name: 'a' };
      const created = await client.create(CONFIG_MAPS, { metadata: ref, data: { x: '1' } });
      await expect(client.create(CONFIG_MAPS, { metadata: ref })).rejects.toSatisfy(isAlreadyExists);
      const changed = draft(created);
      changed.data = { x: '2' };
      const replaced = await client.replace(CONFIG_MAPS, changed);
      await expect(client.replace(CONFIG_MAPS, changed)).rejects.toSatisfy(isConflict);
      const merged = await client.patch(CONFIG_MAPS, ref, { data: { y: '3' } }, { type: 'merge' });
      expect(merged.data).toEqual({ x: '2', y: '3' });
      const json = [{ op: 'remove', path: '/data/x' }];
      expect((await client.patch(CONFIG_MAPS, ref, json, { type: 'json' })).data).toEqual({ y: '3' });
      const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref, data: { z: '4' } };
      const apply = await client.patch(CONFIG_MAPS, ref, applied, { type: 'apply', fieldManager: 'test' });
      expect(apply.data).toEqual({ y: '3', z: '4' });
      await client.create(CONFIG_MAPS, { metadata: { namespace: 'default', generateName: 'b-' } });
      const page = await client.list(CONFIG_MAPS, { namespace: 'default', limit: 1 });
      expect(page.items).toHaveLength(1);
      const { continueToken = '' } = page;
      expect(
        (await client.list(CONFIG_MAPS, { namespace: 'default', continueToken })).items.length,
      ).toBeGreaterThan(0);
      await expect(client.remove(CONFIG_MAPS, ref, { uid: 'another' })).rejects.toSatisfy(isConflict);
      await client.remove(CONFIG_MAPS, ref, { uid: replaced.metadata?.uid ?? '' });
      await expect(client.get(CONFIG_MAPS, ref)).rejects.toSatisfy(isNotFound);
    });

    test('status is a part of its own, and a service account gets a token', async () => {
      const service = await client.create(SERVICES, {
        metadata: { namespace: 'default', name: 'lb' },
        spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
      });
      const changed = draft(service);
      changed.status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
      const replaced = await client.replace(SERVICES, changed, { subresource: 'status' });
      expect(replaced.status?.loadBalancer?.ingress?.[0]?.ip).toBe('192.0.2.1');
      const account = { namespace: 'default', name: 'robot' };
      await client.create(SERVICE_ACCOUNTS, { metadata: account });
      const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
      const answer = await client.createSubresource<{ status?: { token?: string } }>(
        SERVICE_ACCOUNTS,
        account,
        'token',
        request,
      );
      expect(answer.status?.token).toMatch(/^ey/);
      expect(JSON.parse(await client.getText('/version'))).toHaveProperty('gitVersion');
    });

    test('a watch from a version that is not kept any more says so', async () => {
      const options = { resourceVersion: '1', timeoutSeconds: 1, signal: new AbortController().signal };
      const read = async () => {
        for await (const _ of client.watch(CONFIG_MAPS, options)) {
          // The real server may still have it; then it is no failure, and there is nothing to see.
        }
      };
      await read().catch((error: unknown) => expect(isGone(error)).toBe(true));
    });

    test('one of two contenders holds the Lease, and giving it back hands it over at once', async () => {
      const source = createReflector({
        client,
        resource: LEASES,
        namespace: 'default',
        logger: silentLogger,
      });
      source.start();
      const holders: string[] = [];
      const contender = (identity: string): LeaseElector =>
        createLeaseElector({
          client,
          namespace: 'default',
          name: 'lock',
          identity,
          timing: { leaseDurationMs: 5_000, renewDeadlineMs: 3_000, retryPeriodMs: 300 },
          logger: silentLogger,
          source,
          onAcquired: () => void holders.push(identity),
          onRenewed: () => {},
          onLost: () => void holders.push(`${identity} lost`),
        });
      const a = contender('a');
      const b = contender('b');
      a.start();
      await until(() => a.isHolder());
      b.start();
      const acquired = await client.get(LEASES, { namespace: 'default', name: 'lock' });
      await until(async () => {
        const now = await client.get(LEASES, { namespace: 'default', name: 'lock' });
        return now.spec?.renewTime !== acquired.spec?.renewTime;
      });
      const startMs = performance.now();
      await a.stop({ release: true });
      await until(() => b.isHolder());
      expect(performance.now() - startMs).toBeLessThan(1_000);
      expect([holders, a.isHolder(), b.holder()]).toEqual([['a', 'b'], false, 'b']);
      const lease = await client.get(LEASES, { namespace: 'default', name: 'lock' });
      expect(lease.spec).toMatchObject({
        holderIdentity: 'b',
        leaseDurationSeconds: 5,
        leaseTransitions: 1,
      });
      await b.stop({ release: false });
      await source.stop();
    });

    test('Events about namespaced and other objects are accepted and counted', async () => {
      const recorder = createEventRecorder({ client, component: 'test', host: 'h', logger: silentLogger });
      const node = await client.create(NODES, { metadata: { name: 'w1' } });
      const account = await client.get(SERVICE_ACCOUNTS, { namespace: 'default', name: 'robot' });
      for (let i = 0; i < 2; i += 1) {
        recorder.event(node, 'Normal', 'AddressHeld', 'holds 192.0.2.1');
        recorder.event(account, 'Warning', 'PoolExhausted', 'ä'.repeat(1_000));
        await recorder.flush();
      }
      const { items } = await client.list(EVENTS, { namespace: 'default', fieldSelector: 'source=test' });
      expect(items.map((e) => `${e.involvedObject.name} ${e.reason} ${e.count}`).sort()).toEqual([
        'robot PoolExhausted 2',
        'w1 AddressHeld 2',
      ]);
    });
  });
});
