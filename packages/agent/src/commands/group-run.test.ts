// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { LEASES, SECRETS } from '@fairlead/shared/kubernetes/resources.ts';
import { createApiServer } from '@fairlead/test-apiserver/server.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reformOrderOf } from '../ownership/group/reform-order.ts';
import { readGroupLease, writeGroupLease } from '../ownership/raft/group-lease.ts';
import type { GroupState } from '../ownership/raft/group-record.ts';
import { createGroupKey, groupKey, reformGroup, showGroup } from './group-run.ts';

const NAMESPACE = 'kube-system';
const REF = { namespace: NAMESPACE, name: 'fairlead-group' };
const entry = (endpoint: string, controlPlane = false) => ({
  instance: '00000000000000a1',
  endpoint,
  controlPlane,
  confirmed: 0,
});
const STATE: GroupState = {
  record: {
    groupId: '0'.repeat(32),
    epoch: 7,
    engine: 'raft',
    switching: undefined,
    size: 3,
    voters: ['a', 'b', 'c'],
    previous: undefined,
    writer: 'b/00000000000000b1',
  },
  members: new Map([
    ['a', entry('192.0.2.1:7947', true)],
    ['b', entry('192.0.2.2:7947')],
    ['c', entry('192.0.2.3:7947')],
    ['d', entry('')],
  ]),
};

describe('agent group', () => {
  let server: Awaited<ReturnType<typeof createApiServer>>;
  let client: Awaited<ReturnType<typeof connect>>;
  let folder: string;
  let said = '';
  let complained = '';

  beforeAll(async () => {
    server = await createApiServer();
    folder = await mkdtemp(join(tmpdir(), 'fairlead-group-'));
    await writeFile(join(folder, 'kubeconfig'), server.kubeconfig());
    client = await connect({ kubeconfig: join(folder, 'kubeconfig') });
  });

  afterAll(async () => {
    client.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  const run = () => {
    said = '';
    complained = '';
    return {
      env: { k8s_config_file: join(folder, 'kubeconfig') },
      write: (text: string) => {
        said += text;
      },
      complain: (text: string) => {
        complained += text;
      },
    };
  };

  it('says when there is no record', async () => {
    expect(await showGroup({ flags: { namespace: NAMESPACE }, ...run() })).toBe(1);
    expect(complained).toContain('there is no Lease kube-system/fairlead-group');
  });

  it('shows the record', async () => {
    await client.create(LEASES, writeGroupLease(undefined, REF, STATE));
    expect(await showGroup({ flags: { namespace: NAMESPACE }, ...run() })).toBe(0);
    expect(said).toContain('epoch   7, active, written by b/00000000000000b1');
    expect(said).toMatch(/^a +voter +192\.0\.2\.1:7947 +control plane +00000000000000a1$/m);
    expect(said).toMatch(/^d +member +\(cannot run raft\) +worker/m);
    expect(await showGroup({ flags: { namespace: NAMESPACE, json: true }, ...run() })).toBe(0);
    expect(JSON.parse(said)).toMatchObject({
      epoch: 7,
      engine: 'raft',
      switching: null,
      members: expect.arrayContaining([expect.objectContaining({ node: 'd', isVoter: false })]),
    });
  });

  it('orders a reform only when it makes sense, and is confirmed', async () => {
    const flags = { namespace: NAMESPACE, timeout: '10' };
    expect(await reformGroup({ nodes: ['x'], flags: { ...flags, yes: true }, ...run() })).toBe(1);
    expect(complained).toContain('x is no agent of the group; there are a, b, c, d');
    expect(await reformGroup({ nodes: ['a'], flags, ...run() })).toBe(1);
    expect(complained).toContain('b, c must be off');
    expect(await reformGroup({ nodes: ['a'], flags: { ...flags, timeout: 'x' }, ...run() })).toBe(1);
    expect(complained).toContain('--timeout');
    expect(reformOrderOf(await client.get(LEASES, REF))).toBeUndefined();
  });

  it('waits until agents have done it', async () => {
    const flags = { namespace: NAMESPACE, timeout: '20', yes: true };
    const done = reformGroup({ nodes: ['b', 'a', 'b'], flags, ...run() });
    const order = await expect
      .poll(async () => reformOrderOf(await client.get(LEASES, REF)), { timeout: 10_000 })
      .toEqual({ epoch: 7, voters: ['a', 'b'] })
      .then(async () => await client.get(LEASES, REF));
    const record = { ...STATE.record, epoch: 8, voters: ['a', 'b'] };
    await client.replace(LEASES, writeGroupLease(order, REF, { ...STATE, record }));
    expect(await done).toBe(0);
    expect(said).toContain('epoch 8, voters a, b');
  });

  it('withdraws an order that nobody follows', async () => {
    const flags = { namespace: NAMESPACE, timeout: '1', yes: true };
    expect(await reformGroup({ nodes: ['a'], flags, ...run() })).toBe(1);
    expect(complained).toContain('not done within 1 s');
    const lease = await client.get(LEASES, REF);
    expect(reformOrderOf(lease)).toBeUndefined();
    expect(readGroupLease(lease)).toMatchObject({ kind: 'found', state: { record: { epoch: 8 } } });
  });

  it('creates the Secret with a key once, and leaves the key that is there alone', async () => {
    const flags = { secret: 'fairlead-group', namespace: NAMESPACE };
    expect(await createGroupKey({ flags, ...run() })).toBe(0);
    expect(said).toBe('Secret kube-system/fairlead-group created\n');
    const { data } = await client.get(SECRETS, REF);
    expect(Buffer.from(data?.key ?? '', 'base64').toString()).toMatch(/^[0-9a-f]{64}$/);
    expect(await createGroupKey({ flags, ...run() })).toBe(0);
    expect(said).toContain('is there already');
    expect((await client.get(SECRETS, REF)).data).toEqual(data);
  });

  it('says when the Secret cannot be created', async () => {
    const flags = { secret: 'fairlead-group', namespace: 'nowhere' };
    expect(await createGroupKey({ flags, ...run() })).toBe(1);
    expect(complained).toContain('nowhere');
  });

  it('makes keys', () => {
    const flags = { secret: 'fairlead-group', namespace: NAMESPACE };
    expect(groupKey(flags)).toMatch(/^[0-9a-f]{64}\n$/);
    expect(groupKey(flags)).not.toBe(groupKey(flags));
    expect(groupKey({ ...flags, manifest: true })).toMatch(
      /kind: Secret[\s\S]*name: "fairlead-group"[\s\S]*key: "[0-9a-f]{64}"/,
    );
  });
});
