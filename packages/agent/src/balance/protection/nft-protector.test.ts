// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import type { NftCounter } from '../../system/nft-counters.ts';
import { canStripOptions, createNftProtector } from './nft-protector.ts';
import { NOTHING_TO_PROTECT } from './policy.ts';
import type { Protector } from './protector.ts';
import { type LooseSetting, StrictTracking } from './strict-tracking.ts';
import { modelOf, portOf } from './testing/policies.ts';

const LIMITED = modelOf([portOf('192.0.2.10')], { openConnections: 5 });
const PROXIED = modelOf([portOf('192.0.2.10')], { synProxy: 'always', openConnections: 5 });

/** What stands for the kernel. */
class World {
  scripts: string[] = [];
  warnings: unknown[] = [];
  wallMs = 0;
  /** What is not there, asked or used: the proxy's word in a script fails it. */
  hasProxy = true;
  probes = 0;
  /** Names of tables that somebody has removed. */
  missing: readonly string[] = [];
  counters: readonly NftCounter[] = [];
  loose = '1';
  mayWrite = true;
  /** The next script fails. */
  nftFails = false;

  readonly setting: LooseSetting = {
    read: () => this.loose,
    write: (value) => {
      if (!this.mayWrite) throw new Error('EROFS');
      this.loose = value;
    },
  };

  protector(): Promise<Protector> {
    return createNftProtector({
      clock: { wallMs: () => this.wallMs },
      logger: { warn: (...words: unknown[]) => void this.warnings.push(words) },
      nft: (script) => {
        if (!this.hasProxy && script.includes('synproxy')) {
          this.probes += 1;
          return Promise.reject(new Error('Could not process rule: No such file\nadd rule'));
        }
        if (script.includes('_probe')) {
          this.probes += 1;
          return Promise.resolve();
        }
        if (this.nftFails) {
          this.nftFails = false;
          return Promise.reject(new Error('nft says no'));
        }
        if (script !== '') this.scripts.push(script);
        return Promise.resolve();
      },
      isTableThere: ({ name }) => Promise.resolve(!this.missing.includes(name)),
      readCounters: () => this.counters,
      tracking: new StrictTracking(this.setting),
    });
  }
}

let world: World;
let protector: Protector;

beforeEach(async () => {
  world = new World();
  protector = await world.protector();
  world.scripts = [];
});

describe('apply', () => {
  it('removes at its start what a predecessor has left', async () => {
    const other = new World();
    await other.protector();
    expect(other.scripts).toEqual([expect.stringContaining('delete table inet fairlead_protection')]);
  });

  it('starts where there is no nftables, and says so', async () => {
    const other = new World();
    other.nftFails = true;
    await other.protector();
    expect(other.warnings).toHaveLength(1);
  });

  it('writes what differs, and nothing when nothing does', async () => {
    await protector.apply(NOTHING_TO_PROTECT);
    await protector.apply(LIMITED);
    await protector.apply(LIMITED);
    await protector.apply(structuredClone(LIMITED));
    expect(world.scripts).toHaveLength(1);
  });

  it('builds everything anew after a script that failed', async () => {
    world.nftFails = true;
    await expect(protector.apply(LIMITED)).rejects.toThrow('nft says no');
    await protector.apply(LIMITED);
    expect(world.scripts).toEqual([expect.stringMatching(/^add table/)]);
  });
});

describe('verify', () => {
  it('does nothing while all is well', async () => {
    await protector.apply(LIMITED);
    expect(await protector.verify()).toBe(false);
    expect(world.scripts).toHaveLength(1);
  });

  it('puts back a table that somebody has removed, and misses none where there is none to be', async () => {
    world.missing = ['fairlead_protection'];
    expect(await protector.verify()).toBe(false);
    await protector.apply(LIMITED);
    expect(await protector.verify()).toBe(true);
    expect(world.scripts).toHaveLength(2);
  });
});

describe('the SYN proxy', () => {
  it('takes its setting, and gives it back when nobody wants it any more, or at the end', async () => {
    await protector.apply(PROXIED);
    expect(world.loose).toBe('0');
    await protector.apply(LIMITED);
    expect(world.loose).toBe('1');
  });

  it('leaves a setting alone that was right before', async () => {
    world.loose = '0';
    await protector.apply(PROXIED);
    await protector.apply(NOTHING_TO_PROTECT);
    expect(world.loose).toBe('0');
  });

  it('is asked for in the kernel once, and only when somebody wants it', async () => {
    await protector.apply(LIMITED);
    await protector.verify();
    expect(world.probes).toBe(0);
    expect(world.scripts.join()).not.toContain('synproxy');
    await protector.apply(PROXIED);
    await protector.verify();
    expect(world.probes).toBe(1);
    expect(world.scripts.at(-1)).toContain('synproxy');
  });

  it('keeps what open connections need when nobody wants it any more, until the end', async () => {
    await protector.apply(PROXIED);
    expect(world.scripts[0]).toContain('add table inet fairlead_synproxy');
    await protector.apply(NOTHING_TO_PROTECT);
    await protector.apply(PROXIED);
    expect(world.scripts.slice(1).join()).not.toContain('fairlead_synproxy');
    await protector.stop();
    expect(world.scripts.at(-1)).toContain('delete table inet fairlead_synproxy');
  });

  it('puts that back when somebody removes it, wanted or not', async () => {
    await protector.apply(PROXIED);
    await protector.apply(NOTHING_TO_PROTECT);
    world.missing = ['fairlead_synproxy'];
    expect(await protector.verify()).toBe(true);
    expect(world.scripts.at(-1)).toContain('add table inet fairlead_synproxy');
    world.missing = [];
    expect(await protector.verify()).toBe(false);
  });

  it('is left out where the kernel has none, and told; the rest is filtered, and the kernel asked again later', async () => {
    world.hasProxy = false;
    await protector.apply(PROXIED);
    expect(world.scripts.join()).toContain('ct count over 5');
    expect(world.loose).toBe('1');
    expect(protector.problems().get('default/echo')?.[0]?.message).toMatch(
      /takes no SYN proxy.*No such file\).*nft_synproxy/,
    );
    await protector.verify();
    expect(world.probes).toBe(1);
    world.hasProxy = true;
    world.wallMs = 60_000;
    await protector.verify();
    expect(world.scripts.at(-1)).toContain('notrack');
    expect(world.loose).toBe('0');
    expect(protector.problems().size).toBe(0);
  });

  it('is left out where the setting cannot be written, and told; it comes when somebody else has set it', async () => {
    world.mayWrite = false;
    await protector.apply(PROXIED);
    expect(world.scripts.join()).not.toContain('notrack');
    expect(world.scripts.join()).toContain('ct count over 5');
    expect(protector.problems().get('default/echo')).toEqual([
      { reason: 'ProtectionUnavailable', message: expect.stringContaining('nf_conntrack_tcp_loose=0') },
    ]);
    world.loose = '0';
    await protector.verify();
    expect(world.scripts.at(-1)).toContain('notrack');
    expect(protector.problems().size).toBe(0);
  });
});

it('counts for each Service, and what belongs to none', async () => {
  expect(protector.counts()).toEqual([]);
  await protector.apply(LIMITED);
  world.counters = [
    { name: 'open-connections.default.echo', packets: 12 },
    { name: 'closed-port', packets: 3 },
  ];
  const counts = protector.counts();
  expect(counts).toContainEqual({ service: 'default/echo', verdict: 'open-connections', packets: 12 });
  expect(counts).toContainEqual({ service: 'default/echo', verdict: 'blocked', packets: 0 });
  expect(counts).toContainEqual({ service: '', verdict: 'closed-port', packets: 3 });
});

it.each([
  ['6.18.44', true],
  ['5.18.0-1', true],
  ['5.15.0-91-generic', false],
  ['4.19', false],
  ['unknown', false],
])('knows whether Linux %s can remove options from a TCP header', (release, expected) => {
  expect(canStripOptions(release)).toBe(expected);
});
