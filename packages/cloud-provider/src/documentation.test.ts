// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { ANNOTATION, REASON } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Holdings } from './allocator/holdings.ts';
import { checkManifest } from './commands/check-manifest.ts';
import { formatReport, isClean } from './commands/check-report.ts';
import { createProgram } from './commands/command.ts';
import { reportPools } from './commands/pools-report.ts';
import { renderTable } from './commands/pools-view.ts';
import { holding, verdictOn, wanting } from './peers/testing/scene.ts';
import { GLOBAL_KEYS, NAMESPACE_KEYS, OPTION_KEYS, POOL_KEYS } from './pools/keys.ts';
import { NO_POOLS, parsePools } from './pools/parse.ts';
import { createIpamMetrics } from './services/metrics.ts';

/*
 * docs/cloud-provider.md against the code: its examples are tried, the output it shows is the real one, and what it lists is
 * complete.
 */

const PAGE = readFileSync(new URL('../../../docs/cloud-provider.md', import.meta.url), 'utf8');
const CONFIG_MAP = { namespace: 'kube-system', name: 'kubevip' };

interface Block {
  /** For example `yaml`, or `yaml wrong` for one that shows mistakes. */
  readonly info: string;
  readonly text: string;
  readonly line: number;
}

const BLOCKS: readonly Block[] = [...PAGE.matchAll(/^```(\S.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
  info: match[1] ?? '',
  text: match[2] ?? '',
  line: PAGE.slice(0, match.index).split('\n').length,
}));

interface Example {
  readonly line: number;
  readonly manifest: string;
  readonly data: Readonly<Record<string, string>>;
}

/** A ConfigMap, or the data of one. */
const EXAMPLES: readonly Example[] = BLOCKS.filter(({ info }) => info === 'yaml').flatMap(
  ({ line, text }) => {
    const object = parse(text) as Record<string, unknown>;
    if (object.kind === 'Service') return [];
    const isWhole = object.kind === 'ConfigMap';
    const data = (isWhole ? object.data : object) as Record<string, string>;
    const whole = { apiVersion: 'v1', kind: 'ConfigMap', metadata: CONFIG_MAP, data };
    return [{ line, data, manifest: isWhole ? text : stringify(whole) }];
  },
);

const SERVICES = BLOCKS.filter(({ info, text }) => info === 'yaml' && /^kind: Service$/m.test(text));

/** The output that the page shows for a command. */
function shown(command: string): string {
  const prompt = `$ ${command}\n`;
  const block = BLOCKS.find(({ info, text }) => info === 'console' && text.startsWith(prompt));
  if (block === undefined) throw new Error(`the page does not show ${command}`);
  return block.text.slice(prompt.length);
}

describe('examples', () => {
  it('there are some for each key', () => {
    expect(EXAMPLES.length).toBeGreaterThan(12);
    const used = EXAMPLES.flatMap(({ data }) => Object.keys(data));
    for (const key of GLOBAL_KEYS) expect(used).toContain(key);
    for (const word of [...POOL_KEYS, ...NAMESPACE_KEYS, ...OPTION_KEYS]) {
      expect(used).toContainEqual(expect.stringMatching(`^${word}-`));
    }
  });

  it.each(EXAMPLES)('the ConfigMap in line $line is as it should be', ({ manifest, data }) => {
    const { findings } = checkManifest(manifest, CONFIG_MAP);
    // A fragment may set an option of a pool that it does not show, where that means something.
    expect(findings).toEqual([]);
    expect(parsePools(data).problems).toEqual([]);
  });

  it.each(SERVICES)(
    'the Service in line $line is served by the ConfigMap before it',
    async ({ line, text }) => {
      const before = EXAMPLES.findLast((example) => example.line < line);
      const { metadata, spec } = parse(text) as Service;
      const base = wanting(metadata?.name ?? '');
      const subject: Service = {
        ...base,
        metadata: { ...base.metadata, ...metadata },
        spec: { ...base.spec, ...spec },
      };
      expect(await verdictOn(subject, { data: before?.data })).toMatch(/^[\da-f.:,]+$/);
      const known: readonly string[] = Object.values(ANNOTATION);
      for (const key of Object.keys(metadata?.annotations ?? {})) expect(known).toContain(key);
    },
  );
});

describe('output', () => {
  it('of check', () => {
    const block = BLOCKS.find(({ info }) => info === 'yaml wrong');
    const report = checkManifest(block?.text ?? '', CONFIG_MAP);
    expect(isClean(report.findings)).toBe(false);
    expect(shown('cloud-provider check kubevip.yaml')).toBe(formatReport('kubevip.yaml', report));
  });

  it('of pools', () => {
    const report = reportPools({
      configMap: 'kube-system/kubevip',
      data: {
        'range-global': '192.168.10.200-192.168.10.220, fd00:10::/64',
        'pool-public': '203.0.113.16/31',
        'allow-share-global': 'true',
      },
      mode: { kind: 'classless' },
      services: [
        holding('web', '192.168.10.200,fd00:10::', { policy: 'RequireDualStack', ports: ['80'] }),
        holding('dns', '192.168.10.200', { ports: ['UDP/53'] }),
        holding('shop', '203.0.113.16', { namespace: 'shop' }),
        holding('api', '203.0.113.17', { namespace: 'shop' }),
        refused(
          wanting('blog', { namespace: 'shop', annotations: { 'fairlead.io/address-pool': 'public' } }),
          'PoolExhausted',
          'all 2 IPv4 addresses of pool-public=203.0.113.16/31 in ConfigMap kube-system/kubevip are in use; add addresses or release some',
        ),
      ],
    });
    expect(shown('cloud-provider pools')).toBe(`${renderTable(report, false)}\n`);
    expect(shown('cloud-provider pools --services')).toBe(`${renderTable(report, true)}\n`);
  });
});

describe('lists', () => {
  it('all keys', () => {
    for (const key of GLOBAL_KEYS) expect(PAGE).toContain(`| [\`${key}\`]`);
    for (const word of [...POOL_KEYS, ...NAMESPACE_KEYS, ...OPTION_KEYS]) {
      expect(PAGE).toMatch(new RegExp(`^\\| \\[\`${word}-<(scope|pool|name)>\``, 'm'));
    }
  });

  it('all metrics, and no others', async () => {
    const registry = createRegistry({ program: 'test', version: '0' });
    createIpamMetrics(registry, {
      holdings: new Holdings({ restOf: () => 0 }),
      pools: () => NO_POOLS,
      waitingByPool: () => new Map(),
      leading: () => false,
    });
    const text = await registry.metrics();
    const names = [...text.matchAll(/^# TYPE (fairlead_ipam_\w+)/gm)].map(([, name]) => name);
    const told = [...PAGE.matchAll(/fairlead_ipam_\w+/g)].map(([name]) => name);
    expect([...new Set(told)].sort()).toEqual([...new Set(names)].sort());
  });

  it('all flags', () => {
    const program = createProgram({ env: {}, version: '0', runDaemon: () => Promise.resolve() });
    const flags = program.options.filter(({ hidden }) => !hidden).map(({ long = '' }) => long);
    const silent = ['--version', '--OutSideCluster', '--leader-elect-resource-lock'];
    for (const flag of flags.filter((name) => !silent.includes(name))) expect(PAGE).toContain(`\`${flag}`);
  });

  it('all reasons why a Service has no address', () => {
    for (const reason of [
      REASON.allocated,
      REASON.poolExhausted,
      REASON.noPool,
      REASON.poolEmpty,
      REASON.poolInvalid,
      REASON.invalidRequest,
      REASON.addressConflict,
      REASON.outsidePool,
      REASON.addressAvoided,
    ]) {
      expect(PAGE).toMatch(new RegExp(`^\\| (True|False) \\| \`${reason}\``, 'm'));
    }
  });

  it('all annotations of its own, or leaves them to the page of the agent', () => {
    const agentPage = readFileSync(new URL('../../../docs/agent.md', import.meta.url), 'utf8');
    for (const key of Object.values(ANNOTATION)) {
      if (key.startsWith('fairlead.io/')) expect(`${PAGE}${agentPage}`).toContain(key);
    }
  });

  it('links that lead somewhere', () => {
    const anchors = [...PAGE.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, anchor] of PAGE.matchAll(/\]\(#([^)]*)\)/g)) expect(anchors).toContain(anchor);
  });
});

function refused(subject: Service, reason: string, message: string): Service {
  const condition = {
    type: 'fairlead.io/AddressAllocated',
    status: 'False',
    lastTransitionTime: '2026-03-01T00:00:00Z',
    reason,
    message,
  };
  return { ...subject, status: { ...subject.status, conditions: [condition] } };
}
