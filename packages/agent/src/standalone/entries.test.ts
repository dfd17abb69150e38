// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { DEFAULT_TIMING } from '../balance/health/health-check.ts';
import { DEFAULT_PROXY_OPTIONS } from '../balance/user-space/listener.ts';
import type { BalancerEntry, EntryBackend } from './config/balancer-entry.ts';
import { entryModel } from './entry-frontends.ts';
import { deadTargets, entryTargets } from './entry-health.ts';
import { entryListeners } from './entry-listeners.ts';

const backend = (host: string, more: Partial<EntryBackend> = {}): EntryBackend => ({
  host,
  isAddress: true,
  port: 6444,
  weight: 1,
  ...more,
});

const entryOf = (more: Partial<BalancerEntry> = {}): BalancerEntry => ({
  name: 'api',
  mode: 'tcp',
  port: 6443,
  addresses: ['192.0.2.75', '2001:db8::75'],
  backends: [backend('192.0.2.1'), backend('192.0.2.2'), backend('2001:db8::3')],
  scheduler: 'weightedRoundRobin',
  affinitySeconds: undefined,
  forwarding: 'nat',
  healthCheck: { probe: { kind: 'tcp' }, port: undefined, ...DEFAULT_TIMING },
  options: DEFAULT_PROXY_OPTIONS,
  ...more,
});

const NOBODY: ReadonlySet<string> = new Set();
const hostsOf = (listeners: ReturnType<typeof entryListeners>) =>
  listeners.map(({ targets }) => targets.map(({ host }) => host));

describe('entries in user space', () => {
  it('listen on each of their addresses', () => {
    const listeners = entryListeners([entryOf()], NOBODY);
    expect(listeners.map(({ id }) => id)).toEqual(['tcp/6443/192.0.2.75', 'tcp/6443/2001:db8::75']);
    expect(hostsOf(listeners)[0]).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::3']);
  });

  it('listen on every address when they have none of their own', () => {
    const [listener] = entryListeners([entryOf({ addresses: undefined })], NOBODY);
    expect(listener).toMatchObject({ id: 'tcp/6443/*', address: undefined });
  });

  it('leave the dead out, unless nobody would be left', () => {
    const entry = entryOf();
    const ids = entryTargets([entry]).map(({ id }) => id);
    expect(hostsOf(entryListeners([entry], new Set(ids.slice(1))))[0]).toEqual(['192.0.2.1']);
    expect(hostsOf(entryListeners([entry], new Set(ids)))[0]).toHaveLength(3);
  });

  it('tell back ends on one host and port apart by their URLs', () => {
    const http = { scheme: 'http', basePath: '/a' } as const;
    const backends = [
      backend('192.0.2.1', { http }),
      backend('192.0.2.1', { http: { ...http, basePath: '/b' } }),
    ];
    const [listener] = entryListeners([entryOf({ mode: 'http', backends })], NOBODY);
    expect(new Set(listener?.targets.map(({ id }) => id)).size).toBe(2);
  });
});

describe('entries in the kernel', () => {
  it('have a frontend for each address, with the back ends of its family', () => {
    const { frontends } = entryModel([entryOf()], NOBODY);
    const shown = [...frontends.values()].map(({ id, backends }) => [
      id,
      backends.map(({ address }) => address),
    ]);
    expect(shown).toEqual([
      ['tcp/6443/192.0.2.75', ['192.0.2.1', '192.0.2.2']],
      ['tcp/6443/2001:db8::75', ['2001:db8::3']],
    ]);
  });

  it('have answers come back this way, but for DSR', () => {
    const masquerades = (forwarding: 'nat' | 'dsr') =>
      [...entryModel([entryOf({ forwarding })], NOBODY).frontends.values()].map(
        ({ masquerade }) => masquerade,
      );
    expect(masquerades('nat')).toEqual([true, true]);
    expect(masquerades('dsr')).toEqual([false, false]);
  });
});

describe('what is dead', () => {
  it('includes all that runs on a host that is lost', () => {
    const demand = { entries: [entryOf()], hosts: new Map([['server2', '192.0.2.2']]) };
    const dead = deadTargets(demand, NOBODY, new Set(['server2', 'server9']));
    expect(hostsOf(entryListeners(demand.entries, dead))[0]).toEqual(['192.0.2.1', '2001:db8::3']);
    expect(deadTargets(demand, NOBODY, NOBODY)).toBe(NOBODY);
  });

  it('is not looked for by name, nor where nobody wants it', () => {
    const named = backend('api.example', { isAddress: false });
    expect(entryTargets([entryOf({ backends: [named] }), entryOf({ healthCheck: undefined })])).toEqual([]);
  });
});
