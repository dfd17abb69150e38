// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { allocatedService, type ServiceTraits, service } from '../services/testing/services.ts';
import { given, TestCluster } from '../testing/test-cluster.ts';
import { createProgram } from './command.ts';
import { reportPools } from './pools-report.ts';
import { runPools } from './pools-run.ts';
import { compact, renderJson, renderTable } from './pools-view.ts';
import { spellOut } from './stock-flags.ts';

interface KubeconfigText {
  readonly clusters: readonly { readonly cluster: { server: string } }[];
}

const POOLS = {
  'range-global': '10.0.0.1-10.0.0.9',
  'cidr-global': 'fd00::/64',
  'cidr-shop': '10.1.0.0/30',
  'range-shop': '10.1.0.200',
};

function report(services: readonly Service[], data: Readonly<Record<string, string>> | undefined = POOLS) {
  return reportPools({ configMap: 'kube-system/kubevip', data, services, mode: { kind: 'classless' } });
}

function refused(name: string, traits: ServiceTraits, reason: string, message: string): Service {
  const one = service(name, traits);
  const conditions = [{ type: 'fairlead.io/AddressAllocated', status: 'False', reason, message }];
  return { ...one, status: { ...one.status, conditions } } as unknown as Service;
}

describe('report on pools', () => {
  const services = [
    allocatedService('web', '10.0.0.1,fd00::1', { policy: 'RequireDualStack' }),
    allocatedService('far', '192.0.2.1'),
    allocatedService('shop', '10.1.0.2', { namespace: 'shop' }),
    allocatedService('plain', '10.0.0.3', { type: 'ClusterIP', labelled: false }),
    refused('late', { createdAt: '2026-03-01T00:00:00Z' }, 'PoolExhausted', 'all in use'),
    service('young', { namespace: 'shop', createdAt: '2026-02-01T00:00:00Z' }),
    refused(
      'taken',
      { annotation: '10.0.0.1' },
      'AddressConflict',
      'kube-vip.io/loadbalancerIPs=10.0.0.1: 10.0.0.1 belongs to Service default/web',
    ),
    service('theirs', { loadBalancerClass: 'x/y' }),
  ];

  it('counts what is used and free, and who waits for what', () => {
    const { pools, waiting, problems } = report(services);
    expect(pools).toMatchObject([
      {
        id: 'global',
        keys: ['cidr-global', 'range-global'],
        waiting: 1,
        families: [
          {
            family: 4,
            size: 9n,
            used: 1,
            free: 8n,
            held: [{ address: '10.0.0.1', services: ['default/web'] }],
          },
          { family: 6, size: 2n ** 64n, used: 1, free: 2n ** 64n - 1n },
        ],
      },
      {
        id: 'shop',
        keys: ['cidr-shop', 'range-shop'],
        waiting: 1,
        families: [{ family: 4, size: 4n, used: 1, free: 3n }],
      },
    ]);
    expect(waiting.map(({ service: key, pool, reason }) => [key, pool, reason])).toEqual([
      ['default/taken', undefined, 'AddressConflict'],
      ['shop/young', 'shop', ''],
      ['default/late', 'global', 'PoolExhausted'],
    ]);
    expect(problems).toEqual([]);
  });

  it('is a table', () => {
    expect(renderTable(report(services), false)).toBe(
      [
        'POOL    KEYS                      FAMILY  SIZE  USED    FREE  WAITING',
        'global  cidr-global,range-global  IPv4       9     1       8        1',
        '                                  IPv6    2^64     1  2^64-1',
        'shop    cidr-shop,range-shop      IPv4       4     1       3        1',
        '',
        '3 Services wait; --services shows which and why',
      ].join('\n'),
    );
    expect(renderTable(report(services), true).split('\n\n').slice(1)).toEqual([
      [
        'ADDRESS   POOL    SERVICES',
        '10.0.0.1  global  default/web',
        'fd00::1   global  default/web',
        '10.1.0.2  shop    shop/shop',
      ].join('\n'),
      [
        'WAITING        POOL    REASON           MESSAGE',
        'default/taken  -       AddressConflict  kube-vip.io/loadbalancerIPs=10.0.0.1: 10.0.0.1 belongs to Service default/web',
        'shop/young     shop    -',
        'default/late   global  PoolExhausted    all in use',
      ].join('\n'),
    ]);
  });

  it('shows the problems of the ConfigMap, pools without addresses, and DHCP', () => {
    const data = { 'range-global': 'banana', 'cidr-shop': '0.0.0.0/32' };
    const text = renderTable(report([], data), false);
    expect(text).toMatch(/^global +range-global +- +0 +0 +0 +0$/m);
    expect(text).toMatch(/^shop +cidr-shop +IPv4 +DHCP +- +- +0$/m);
    expect(text).toMatch(
      /^ConfigMap kube-system\/kubevip has 1 problem:\n {2}error {4}range-global=banana: /m,
    );
    expect(renderTable(report([], {}), false)).toBe('ConfigMap kube-system/kubevip has no pool');
    const none = reportPools({
      configMap: 'a/b',
      data: undefined,
      services: [],
      mode: { kind: 'classless' },
    });
    expect(renderTable(none, true)).toBe('ConfigMap a/b does not exist');
  });

  it('shows named pools, and several holders of one address', () => {
    const data = {
      'pool-gold': '10.2.0.1-10.2.0.9,10.3.0.0/30',
      'auto-assign-gold': 'false',
      'avoid-gold': '10.2.0.9',
      'allow-share-default': 'true',
    };
    const on = (port: number, one: Service) =>
      ({ ...one, spec: { ...one.spec, ports: [{ port }] } }) as Service;
    const gold = { 'fairlead.io/address-pool': 'gold' };
    const asking = service('asking');
    const text = renderTable(
      report(
        [
          on(80, allocatedService('a', '10.2.0.1')),
          on(443, allocatedService('b', '10.2.0.1')),
          { ...asking, metadata: { ...asking.metadata, annotations: gold } },
        ],
        data,
      ),
      true,
    );
    expect(text).toMatch(/^pool-gold \(on request\) +pool-gold +IPv4 +11 +1 +10 +1$/m);
    expect(text).toMatch(/^10.2.0.1 +pool-gold +default\/a, default\/b$/m);
    expect(text).toMatch(/^default\/asking +pool-gold +-$/m);
  });

  it('is JSON with exact sizes', () => {
    const shown = JSON.parse(renderJson(report(services), true)) as unknown;
    expect(shown).toMatchObject({
      configMap: 'kube-system/kubevip',
      exists: true,
      pools: [
        {
          id: 'global',
          kind: 'global',
          families: [
            { family: 'IPv4', dhcp: false, size: '9', used: 1, free: '8' },
            {
              family: 'IPv6',
              size: '18446744073709551616',
              free: '18446744073709551615',
              addresses: [{ address: 'fd00::1', services: ['default/web'] }],
            },
          ],
        },
        { id: 'shop' },
      ],
      waiting: [{ service: 'default/taken', pool: null }, { pool: 'shop' }, { pool: 'global' }],
      problems: [],
    });
    expect(renderJson(report(services), false)).not.toContain('addresses');
  });

  it.each([
    [0n, '0'],
    [4_294_967_296n, '4294967296'],
    [2n ** 64n, '2^64'],
    [2n ** 64n - 3n, '2^64-3'],
    [2n ** 64n + 5n, '2^64+5'],
    [2n ** 128n, '2^128'],
    [3n * 2n ** 64n, '5.53e19'],
  ])('prints %s as %s', (count, text) => expect(compact(count)).toBe(text));
});

describe('cloud-provider pools', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.embedded();
  });
  afterAll(() => cluster.close());

  const run = async (
    flags: Partial<Parameters<typeof runPools>[0]['flags']> = {},
    env: Readonly<Record<string, string>> = {},
  ) => {
    const out: string[] = [];
    const err: string[] = [];
    const code = await runPools({
      flags: { output: 'table', kubeconfig: cluster.kubeconfig, ...flags },
      env,
      version: '1',
      write: (text) => out.push(text),
      warn: (text) => err.push(text),
    });
    return { code, out: out.join('\n'), err: err.join('\n') };
  };

  it('says the same as the running cloud provider', async () => {
    await cluster.setPools({ 'range-global': '10.0.0.1-10.0.0.2' });
    const instance = await cluster.start();
    const names = [await cluster.expose(), await cluster.expose(), await cluster.expose()];
    await expect
      .poll(async () => (await cluster.all()).filter((each) => given(each)).length, { timeout: 10_000 })
      .toBe(2);
    const { code, out } = await run({ services: true });
    expect(code).toBe(0);
    expect(out).toMatch(/^global +range-global +IPv4 +2 +2 +0 +1$/m);
    expect(out).toMatch(new RegExp(`^default/${names[2]} +global `, 'm'));
    expect(await instance.metrics()).toMatch(/fairlead_ipam_pool_free\{pool="global",family="IPv4"\} 0/);
    await instance.stop();
    for (const { metadata } of await cluster.all()) {
      const name = metadata?.name ?? '';
      await cluster.edit(name, (each) => ({ ...each, metadata: { ...each.metadata, finalizers: [] } }));
      await cluster.admin.remove(SERVICES, { namespace: 'default', name });
    }
  });

  it('reads the ConfigMap that the daemon reads', async () => {
    await cluster.setPools(undefined);
    expect((await run()).out).toBe('ConfigMap kube-system/kubevip does not exist');
    expect((await run({}, { KUBEVIP_NAMESPACE: 'a', KUBEVIP_CONFIG_MAP: 'b' })).out).toBe(
      'ConfigMap a/b does not exist',
    );
    expect((await run({ configMap: 'c/d' })).out).toBe('ConfigMap c/d does not exist');
  });

  it('says in one line that nobody listens', async () => {
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as KubeconfigText;
    for (const each of config.clusters) each.cluster.server = 'https://127.0.0.1:1';
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-pools-'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, JSON.stringify(config));
    const { code, err, out } = await run({ kubeconfig });
    await rm(folder, { recursive: true });
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^cloud-provider pools: the API server https:\/\/127.0.0.1:1 cannot be reached: .+$/);
  });

  it('says in one line that there is no kubeconfig', async () => {
    const { code, err, out } = await run({ kubeconfig: '/nonexistent/kubeconfig' });
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^cloud-provider pools: .*\/nonexistent\/kubeconfig.*$/);
  });

  it('takes -o json in the ways of kubectl, and no other format', () => {
    for (const args of [['-o', 'json'], ['-ojson'], ['-o=json'], ['--output=json'], ['--output', 'json']]) {
      const program = createProgram({ env: {}, version: '1', runDaemon: () => Promise.resolve() });
      const pools = program.commands.find((command) => command.name() === 'pools');
      let output = '';
      pools?.action((flags: { output: string }) => {
        output = flags.output;
      });
      program.parse(spellOut(['pools', ...args], program), { from: 'user' });
      expect(output, args.join(' ')).toBe('json');
    }
  });
});
