// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { CONFIG_MAPS } from '@fairlead/shared/kubernetes/resources.ts';
import {
  type FaultServer,
  startEmbeddedServer,
  startRealServer,
} from '@fairlead/shared/kubernetes/testing/fault-servers.ts';
import {
  createRights,
  RBAC,
  writeAccountKubeconfig,
} from '@fairlead/shared/kubernetes/testing/service-accounts.ts';
import { PoolConfig } from '@fairlead/shared/pools/pool-config.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listByGetting } from './list-by-getting.ts';

const NAMESPACE = 'kube-system';
const STARBOARD = { namespace: NAMESPACE, name: 'starboard' };
const POOLS = { namespace: NAMESPACE, name: 'kubevip' };
const ASSETS = process.env.KUBEBUILDER_ASSETS;

let server: FaultServer;
let folder: string;
let admin: KubeClient;
let client: KubeClient;

beforeEach(async () => {
  const hasReal = ASSETS !== undefined && existsSync(join(ASSETS, 'kube-apiserver'));
  server = hasReal ? await startRealServer(ASSETS) : await startEmbeddedServer();
  folder = await mkdtemp(join(tmpdir(), 'fairlead-starboard-'));
  const [admins, theirs] = [join(folder, 'admin'), join(folder, 'starboard')];
  const text = server.kubeconfig(server.port);
  await writeFile(admins, text);
  admin = await connect({ kubeconfig: admins });
  // The role of plunder-app's starboard.
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['watch', 'get'] }];
  const roleRef = { apiGroup: RBAC, kind: 'Role', name: STARBOARD.name };
  const subjects = [{ kind: 'ServiceAccount', ...STARBOARD }];
  await createRights(admin, [
    { kind: 'ServiceAccount', metadata: STARBOARD },
    { kind: 'Role', metadata: STARBOARD, rules } as KubeObject,
    { kind: 'RoleBinding', metadata: STARBOARD, roleRef, subjects } as KubeObject,
  ]);
  await writeAccountKubeconfig(theirs, admin, STARBOARD, text);
  client = listByGetting(await connect({ kubeconfig: theirs }));
}, 90_000);
afterEach(async () => {
  client.close();
  admin.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

it("the pools are followed under the peer's role, which does not allow lists", async () => {
  await expect(client.list(CONFIG_MAPS, { namespace: NAMESPACE })).rejects.toThrow(/forbidden/);
  const told: unknown[] = [];
  const config = new PoolConfig({
    client,
    configMap: { ...POOLS, legacyName: 'plndr' },
    logger: silentLogger,
    clock: systemClock,
    onChange: ({ data }) => told.push(data),
  });
  config.start();
  await config.synced(AbortSignal.timeout(30_000));
  const data = { 'cidr-global': '192.0.2.0/28' };
  const created = await admin.create(CONFIG_MAPS, { metadata: POOLS, data });
  await expect.poll(() => told, { timeout: 20_000 }).toEqual([data]);
  const other = { 'cidr-global': '192.0.2.16/28' };
  await admin.replace(CONFIG_MAPS, { ...created, data: other });
  await expect.poll(() => told, { timeout: 20_000 }).toEqual([data, other]);
  await admin.remove(CONFIG_MAPS, POOLS);
  await expect.poll(() => told, { timeout: 20_000 }).toEqual([data, other, undefined]);
  await config.stop();
}, 90_000);
